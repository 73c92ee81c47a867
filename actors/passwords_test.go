package actors

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// hashDesk is a passwords actor whose line nobody works at, and who asks it.
type hashDesk struct {
	*stage
	pid, asker *actor.PID
	line       *hashLine
	answers    chan hashDone
}

func newHashDesk(t *testing.T, change func(*Config)) *hashDesk {
	t.Helper()
	d := &hashDesk{stage: newStage(t, dispatch.LongTurn), answers: make(chan hashDone, 100)}
	cfg := &d.node.cfg
	cfg.LoginFailures, cfg.HashQueue = 1, 4
	change(cfg)
	d.line = newHashLine(cfg.HashQueue)
	pool := &hashPool{log: d.node.log, line: d.line}
	root := d.node.system.Root
	props := d.node.props(KindPasswords, nil, func() actor.Actor { return newPasswords(d.node, pool) })
	d.pid = root.Spawn(props.Configure(actor.WithGuardian(resume{})))
	d.asker = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*hashDone); ok {
			d.answers <- *m
		}
	}))
	return d
}

// ask sends work from 10.0.0.x; a name makes it a guess.
func (d *hashDesk) ask(ref uint64, x byte, name string) {
	w := &hashWork{Ref: ref, ReplyTo: d.asker, Password: "p", From: netip.AddrFrom4([4]byte{10, 0, 0, x})}
	if name != "" {
		w.Attempt = attempt{KindUser, name, w.From.String()}
	}
	d.tell(d.pid, w)
	synctest.Wait()
}

// refused are those that were told busy since.
func (d *hashDesk) refused() (refs []uint64) {
	synctest.Wait()
	for len(d.answers) > 0 {
		if m := <-d.answers; m.Refused == Busy {
			refs = append(refs, m.Ref)
		}
	}
	return refs
}

// TestWhoWaitsForAGuessThatGivesWay hears of it when that one is pushed out of the line, where
// nothing waits then that anybody would report on.
func TestWhoWaitsForAGuessThatGivesWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newHashDesk(t, func(*Config) {})
		for ref := range uint64(3) {
			d.ask(ref, 1, "")
		}
		d.ask(3, 1, "alice") // the line is full
		d.ask(4, 1, "alice") // waits for what comes of 3
		if refs := d.refused(); len(refs) != 0 {
			t.Fatalf("refused %v", refs)
		}
		d.ask(5, 2, "") // whose line is shorter
		if refs := d.refused(); len(refs) != 2 {
			t.Errorf("of the two guesses, refused %v", refs)
		}
	})
}

// TestACrashLosesNoGuessThatWaits strikes the report on a guess that three others wait for,
// before it is handled, in the midst of it, and after it.
func TestACrashLosesNoGuessThatWaits(t *testing.T) {
	for _, when := range []string{"before", "midst", "after"} {
		t.Run(when, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				strike := func(at string) func(Kind, any) {
					return func(_ Kind, msg any) {
						if _, ok := msg.(*compared); ok && strings.HasPrefix(when, at) {
							when = "done"
							panic("injected")
						}
					}
				}
				d := newHashDesk(t, func(c *Config) { c.Fault, c.FaultAfter = strike("before"), strike("after") })
				for ref := range uint64(3) {
					d.ask(ref, 1, "alice")
				}
				if when == "midst" {
					nobody := d.asker
					d.asker = nil
					d.ask(3, 1, "alice") // to answer it is a crash
					d.asker = nobody
				}
				d.ask(4, 1, "alice")
				who, _ := d.line.next()
				d.tell(d.pid, &compared{who.work.Attempt, guessedWrong})
				synctest.Wait()
				told := map[uint64]bool{}
				for len(d.answers) > 0 {
					m := <-d.answers
					told[m.Ref] = m.Refused == TooManyLogins
				}
				if !told[1] || !told[2] || !told[4] {
					t.Errorf("told that there were too many: %v", told)
				}
			})
		})
	}
}

// TestAPasswordThatWasHashedBeforeTheDiskFailed: whoever waits for it is told that nothing can be kept now.
func TestAPasswordThatWasHashedBeforeTheDiskFailed(t *testing.T) {
	for name, command := range map[string]any{
		"register": Register{"carol", "p"}, "login": Login{"alice", "p"}, "change": ChangePassword{"p", "q"},
		"create": CreateServer{"t", "p"}, "join": JoinServer{"s", "p"}, "delete": DeleteServer{"s", "p"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				files, sick, synced := failingJournal()
				p := startNode(t, persistence.Config{FS: files}, nil)
				alice, bob, other := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "dave")
				alice.ask(CreateServer{"s", "p"})
				work := make(chan *hashWork, 1)
				root := p.node.system.Root
				p.node.passwords = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
					if w, ok := ctx.Message().(*hashWork); ok {
						work <- w
					}
				}))
				defer root.Stop(p.node.passwords)
				asker := alice
				if _, joins := command.(JoinServer); joins {
					asker = bob
				}
				asker.send(command)
				w := <-work
				sick.Store(true)
				close(synced)
				if reply := other.ask(Logout{}); codeOf(reply) != StorageDown {
					t.Fatalf("the disk fails: %v", reply)
				}
				root.Send(w.ReplyTo, &hashDone{Ref: w.Ref, Match: true, Hash: "h"})
				if reply := asker.hear(); reply != (Refused{Code: StorageDown}) {
					t.Errorf("heard %v", reply)
				}
				sick.Store(false)
			})
		})
	}
}

// The next tests have something happen while a password is hashed.

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

// TestAnotherPasswordsAnswerOpensNothing has the right password compared for somebody who asks
// before a crash, and a wrong one asked for after it: the answer comes to the restarted actor, which
// waits for another one by then.
func TestAnotherPasswordsAnswerOpensNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		kind         Kind
		crash        any
		right, wrong any
		want         Code
	}{
		"user":   {KindUser, JoinedServers{}, Login{"alice", "p"}, Login{"alice", "wrong"}, WrongPassword},
		"server": {KindServer, ServerChannels{"s"}, JoinServer{"s", "sp"}, JoinServer{"s", "wrong"}, WrongServerPasswd},
	} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			p := startNode(t, persistence.Config{}, func(c *Config) {
				c.HashWorkers = 1 // who answers in turn
				c.Fault = func(kind Kind, msg any) {
					if _, is := msg.(asked); is && kind == tt.kind && armed.CompareAndSwap(true, false) {
						panic("injected")
					}
				}
			})
			alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
			alice.ask(CreateServer{"s", "sp"})
			work := make(chan *hashWork, 8)
			root, passwords := p.node.system.Root, p.node.passwords
			p.node.passwords = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if w, ok := ctx.Message().(*hashWork); ok {
					work <- w
				}
			}))
			defer root.Stop(p.node.passwords)
			crash := func() {
				armed.Store(true)
				if reply := alice.ask(tt.crash); reply != (Refused{Code: OutcomeUnknown}) {
					t.Fatalf("at the crash: %v", reply)
				}
			}
			crash()
			bob.send(tt.right)
			former := <-work
			crash()
			if reply := bob.hear(); reply != (Refused{Code: Busy}) {
				t.Errorf("before the crash: %v", reply)
			}
			carol.send(tt.wrong)
			own := <-work
			root.Send(passwords, former)
			root.Send(passwords, own)
			if reply := carol.hear(); reply != (Refused{Code: tt.want}) {
				t.Errorf("a wrong password: %v", reply)
			}
		})
	}
}

// brokenHasher panics as long as it is told to.
type brokenHasher struct {
	Hasher
	broken *atomic.Bool
}

func (h brokenHasher) Hash(password string) (string, error) {
	if h.broken.Load() {
		panic("injected")
	}
	return h.Hasher.Hash(password)
}

func TestACrashInAHashWorkerIsRefused(t *testing.T) {
	var broken atomic.Bool
	p := startNode(t, persistence.Config{}, func(cfg *Config) {
		cfg.NewHasher = func(here Argon2id) Hasher { return brokenHasher{here, &broken} }
	})
	alice := enter(t, p, "alice")
	broken.Store(true)
	for range 2 * p.node.cfg.HashWorkers {
		if reply := alice.ask(Register{"bob", "p"}); reply != (Refused{Code: Busy}) {
			t.Errorf("register: %v", reply)
		}
	}
	broken.Store(false)
	enter(t, p, "bob")
}

// TestANameIsGivenOnce has two ask for the same new name, both before the password of one is hashed:
// one of them gets it, with the password that this one has given, and the other is refused.
func TestANameIsGivenOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var held atomic.Bool
		goOn := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*hashWork); is && held.Load() {
					<-goOn
				}
			}
		})
		guests := []*guest{enter(t, p, "alice"), enter(t, p, "bob")}
		race := func(ask func(password string) any, refusal Code) (first, second *guest) {
			held.Store(true)
			for _, g := range guests {
				g.send(ask(g.name))
			}
			synctest.Wait()
			held.Store(false)
			goOn <- struct{}{}
			first, second = guests[0], guests[1]
			replies := []any{first.hear(), second.hear()}
			if replies[0] != (Done{}) {
				first, second = second, first
				replies[0], replies[1] = replies[1], replies[0]
			}
			if replies[0] != (Done{}) || codeOf(replies[1]) != refusal {
				t.Errorf("both were answered: %v", replies)
			}
			return first, second
		}

		owner, other := race(func(password string) any { return CreateServer{"s", password} }, ServerExists)
		if reply := owner.ask(CreateChannel{"s", "x"}); reply != (Done{}) {
			t.Errorf("the owner makes a channel: %v", reply)
		}
		if reply := other.ask(JoinServer{"s", other.name}); codeOf(reply) != WrongServerPasswd {
			t.Errorf("the other joins with the password of his own: %v", reply)
		}
		first, second := race(func(password string) any { return Register{"carol", password} }, UserExists)
		if reply := second.ask(Login{"carol", second.name}); codeOf(reply) != WrongPassword {
			t.Errorf("the other logs in: %v", reply)
		}
		if reply := first.ask(Login{"carol", first.name}); codeOf(reply) != "" {
			t.Errorf("who has registered logs in: %v", reply)
		}
	})
}
