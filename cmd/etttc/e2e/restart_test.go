package e2e_test

import (
	"slices"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// TestProviderKilled kills the provider again and again while another user posts and the user of
// the screen types: nothing is missing and nothing is doubled.
func TestProviderKilled(t *testing.T) {
	p := providertest.Start(t, elemental)
	alice := newUser(t, p.Addr, "alice")
	alice.makes("gophers")
	bob := newUser(t, p.Addr, "bob")
	bob.joins("gophers")
	bob.posts("gophers", "general", numbered(0, 30)...)

	term := open(t, p.Addr, as(t, "alice")...)
	term.WaitFor("text-0029")
	settled(term)
	next := 30
	for range 3 {
		p.Kill()
		term.WaitFor("○ offline")
		typed := numbered(next, next+1)[0]
		enter(term, typed)
		waitForMatch(term, `waits +alice +`+typed)
		p.Restart()
		waitForMatch(term, `\d\d:\d\d alice +`+typed)
		bob.posts("gophers", "general", numbered(next+1, next+50)...)
		term.WaitFor(numbered(next+49, next+50)[0])
		waitForMatch(term, `● online`)
		next += 50
	}
	want := numbered(0, next)
	if got := bob.history("gophers", "general"); !slices.Equal(got, want) {
		t.Errorf("the provider has %d messages, %d were posted\n%q", len(got), len(want), got)
	}
	seen := newReader(t, term)
	seen.scroll("pgup", beginning)
	seen.check(want)
}

// TestMissedWhileAway has others post while the client cannot reach the provider: that is halted,
// then killed, and runs again before the client notices.
func TestMissedWhileAway(t *testing.T) {
	p := providertest.Start(t, elemental)
	alice := newUser(t, p.Addr, "alice")
	alice.makes("gophers")
	alice.posts("gophers", "general", numbered(0, 10)...)
	term := open(t, p.Addr, as(t, "alice")...)
	term.WaitFor("text-0009")
	settled(term)
	p.Kill()
	term.WaitFor("○ offline")
	p.Restart()
	bob := newUser(t, p.Addr, "bob") // bob connects at once, while alice's client pauses
	bob.joins("gophers")
	bob.posts("gophers", "general", numbered(10, 260)...)
	term.WaitFor("text-0259")
	seen := newReader(t, term)
	seen.scroll("pgup", beginning)
	seen.check(numbered(0, 260))
}

// TestStartsBeforeProvider starts the client before there is a provider, which it then waits for.
func TestStartsBeforeProvider(t *testing.T) {
	p := providertest.Start(t, elemental)
	newUser(t, p.Addr, "alice").makes("gophers")
	p.Stop()
	term := open(t, p.Addr, as(t, "alice")...)
	term.WaitFor("waiting for the provider")
	p.Restart()
	term.WaitFor("#general in gophers")
}
