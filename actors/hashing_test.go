package actors

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// These tests have something happen while a password is hashed.

// holdHashes takes the work of the passwords actor, which is done only once it is passed on.
func holdHashes(t *testing.T, p *Provider) (work chan *hashWork, pass func(*hashWork)) {
	work = make(chan *hashWork, 8)
	root, passwords := p.node.system.Root, p.node.passwords
	p.node.passwords = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if w, ok := ctx.Message().(*hashWork); ok {
			work <- w
		}
	}))
	t.Cleanup(func() { root.Stop(p.node.passwords) })
	return work, func(w *hashWork) { root.Send(passwords, w) }
}

// TestAPasswordIsJudgedByTheServerItWasMeantFor lets a join be hashed while the
// server is deleted and made again with another password.
func TestAPasswordIsJudgedByTheServerItWasMeantFor(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	work, pass := holdHashes(t, p)
	alice.send(CreateServer{"s", "old"})
	pass(<-work)
	alice.hear()
	bob.send(JoinServer{"s", "old"})
	join := <-work
	alice.send(DeleteServer{"s", "old"})
	pass(<-work)
	alice.hear()
	alice.send(CreateServer{"s", "new"})
	pass(<-work)
	alice.hear()
	pass(join)
	pass(<-work) // judged anew
	if reply := bob.hear(); reply != (Refused{Code: WrongServerPasswd}) {
		t.Errorf("join with the old password: %v", reply)
	}
}

// TestWhoHadAServerDoesNotDeleteTheNextOne lets a deletion and a join be compared while the server is
// deleted, and for the deletion also made again, by another owner and with the same password.
func TestWhoHadAServerDoesNotDeleteTheNextOne(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	alice, again, bob := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "bob")
	work, pass := holdHashes(t, p)
	alice.send(CreateServer{"s", "p"})
	pass(<-work)
	alice.hear()
	alice.send(DeleteServer{"s", "p"})
	deletion := <-work
	bob.send(JoinServer{"s", "p"})
	join := <-work
	again.send(DeleteServer{"s", "p"})
	pass(<-work)
	again.hear()
	pass(join)
	if reply := bob.hear(); reply != (Refused{Code: NoSuchServer}) {
		t.Errorf("join of a server that is deleted: %v", reply)
	}
	bob.send(CreateServer{"s", "p"})
	pass(<-work)
	bob.hear()
	pass(deletion)
	if reply := alice.hear(); reply != (Refused{Code: NotOwnerDelete}) {
		t.Errorf("deletion by the former owner: %v", reply)
	}
	if reply := bob.ask(ServerChannels{"s"}); codeOf(reply) != "" {
		t.Errorf("the next server: %v", reply)
	}
}

// TestALoginIsJudgedByThePasswordOfNow lets a login be compared while the user
// registers: the right password is not told to be wrong.
func TestALoginIsJudgedByThePasswordOfNow(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	alice := enter(t, p, "alice")
	work, pass := holdHashes(t, p)
	early := connect(t, p, "bob")
	early.send(Login{"bob", "p"})
	login := <-work
	alice.send(Register{"bob", "p"})
	pass(<-work)
	if reply := alice.hear(); reply != (Done{}) {
		t.Fatalf("register: %v", reply)
	}
	pass(login)
	select {
	case again := <-work:
		pass(again)
	case reply := <-early.out.answers:
		t.Fatalf("the right password: %v", reply)
	}
	if reply, ok := early.hear().(LoggedIn); !ok {
		t.Errorf("the right password: %v", reply)
	}
}
