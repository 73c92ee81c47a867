package e2e_test

import (
	"testing"

	"elemental/client/originaltest"
)

// TestOriginalProvider has two users at the original provider. It pushes nothing, but they see
// each other's messages all the same.
func TestOriginalProvider(t *testing.T) {
	p, err := originaltest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	alice, bob := open(t, p.Addr), open(t, p.Addr)
	register(alice, "alice")
	enter(alice, "/createserver gophers "+passwordOf("gophers"))
	alice.WaitFor("#general in gophers")
	alice.WaitFor("polling")
	register(bob, "bob")
	enter(bob, "/joinserver gophers "+passwordOf("gophers"))
	bob.WaitFor("#general in gophers")
	enter(bob, "hello from bob")
	waitForMatch(alice, `bob +hello from bob`)
	enter(alice, "hello from alice")
	waitForMatch(bob, `alice +hello from alice`)
	p.Drop()
	enter(bob, "after the cut")
	waitForMatch(alice, `bob +after the cut`)
}
