package actors

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// manyServers is a provider whose sessions subscribe by themselves, with a user who has joined
// many servers, which answer only when they may.
type manyServers struct {
	p     *Provider
	asked atomic.Int32
	slow  atomic.Bool
	goOn  chan struct{}
}

const joinedMany = 5 * askedTogether

func newManyServers(t *testing.T) *manyServers {
	s := &manyServers{goOn: make(chan struct{})}
	s.p = startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
		cfg.AutoSubscribe, cfg.Processors = true, joinedMany
		cfg.Fault = func(kind Kind, msg any) {
			if _, is := msg.(*subscribe); !is || !s.slow.Load() {
				return
			}
			if kind == KindDirectory {
				s.asked.Add(1)
			} else {
				<-s.goOn
			}
		}
	})
	alice := enter(t, s.p, "alice")
	for i := range joinedMany {
		alice.ask(CreateServer{fmt.Sprint("s", i), ""})
	}
	synctest.Wait()
	s.slow.Store(true)
	return s
}

// TestALoginAsksFewServersAtATime, since nothing else limits how many it asks. In the end it hears
// all.
func TestALoginAsksFewServersAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newManyServers(t)
		alice := s.connect(t)
		synctest.Wait()
		if n := s.asked.Load(); n != askedTogether {
			t.Errorf("%d servers are asked at a time", n)
		}
		close(s.goOn)
		if reply, in := alice.hear().(LoggedIn); !in {
			t.Fatalf("login: %v", reply)
		}
		if n := s.asked.Load(); n != joinedMany {
			t.Errorf("%d servers were asked", n)
		}
		poster := s.connect(t)
		poster.hear()
		for i := range joinedMany {
			poster.ask(&Post{Server: fmt.Sprint("s", i), Channel: "general", Text: "x"})
		}
		synctest.Wait()
		if n := len(alice.out.pushes); n != joinedMany {
			t.Errorf("%d of %d servers are heard", n, joinedMany)
		}
	})
}

// TestALoginThatHangsUpAsksNoMore: what is not asked yet never is, and the login leaves the gate.
func TestALoginThatHangsUpAsksNoMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newManyServers(t)
		alice := s.connect(t)
		synctest.Wait()
		alice.session.Close()
		synctest.Wait()
		if n := s.p.Counters().InFlight; n != 1 {
			t.Errorf("%d requests are under way while servers are asked", n)
		}
		close(s.goOn)
		synctest.Wait()
		if n := s.asked.Load(); n != askedTogether {
			t.Errorf("%d servers were asked", n)
		}
		if n := s.p.Counters().InFlight; n != 0 {
			t.Errorf("%d requests are under way", n)
		}
	})
}

// connect logs alice in and does not wait for the answer.
func (s *manyServers) connect(t *testing.T) *guest {
	alice := connect(t, s.p, "alice")
	alice.send(Login{"alice", "p"})
	return alice
}

// TestListsThatAreTooLongNow: --maxanswer was lowered. Clients cannot have the lists, but a session that
// subscribes by itself still knows the servers.
func TestListsThatAreTooLongNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		disk := persistence.Config{FS: vfstest.NewMem()}
		p, stop := startStoppable(t, disk, nil)
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		p.node.dir.Tell(p.node.system.Root, &saveNow{KindServer, "s"}) // otherwise it would say once more that bob has joined
		synctest.Wait()
		stop()
		p = startNode(t, disk, func(c *Config) { c.AutoSubscribe, c.AnswerBytes = true, 1 })
		alice, bob = enter(t, p, "alice"), enter(t, p, "bob")
		for _, list := range []any{JoinedServers{}, ServerChannels{"s"}, ServerMembers{"s"}} {
			if reply := bob.ask(list); reply != (Refused{Code: ListTooLong}) {
				t.Errorf("%T: %v", list, reply)
			}
		}
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		if heard := bob.heard(); heard != "[new x]" {
			t.Errorf("heard %s", heard)
		}
	})
}
