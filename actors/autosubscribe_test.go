package actors

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

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

// connect logs alice in and waits until all that can be done is done, but not for the answer.
func (s *manyServers) connect(t *testing.T) *guest {
	alice := connect(t, s.p, "alice")
	alice.send(Login{"alice", "p"})
	time.Sleep(time.Second) // until somebody steps in for those who are held up
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

// TestWhoComesWhileHisUserJoinsHearsTheServer: a session that subscribes by itself begins between
// the server's words to the user and to the user's sessions. One of them has to reach it.
func TestWhoComesWhileHisUserJoinsHearsTheServer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.AutoSubscribe, c.Processors = true, 4
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		slow := &slowWord{Directory: p.node.dir, goOn: make(chan struct{})}
		p.node.dir = slow
		slow.armed.Store(true)
		bob.send(JoinServer{"s", ""})
		time.Sleep(time.Second)
		late := enter(t, p, "bob")
		close(slow.goOn)
		bob.hear()
		synctest.Wait()
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		synctest.Wait()
		if len(late.out.pushes) != 1 || len(bob.out.pushes) != 1 {
			t.Errorf("who came late heard %d messages, who was there %d", len(late.out.pushes), len(bob.out.pushes))
		}
	})
}

// slowWord is a Directory that a server's word to a user needs time to pass.
type slowWord struct {
	Directory
	armed atomic.Bool
	goOn  chan struct{}
}

func (d *slowWord) Tell(ctx actor.SenderContext, msg addressed) {
	if _, is := msg.(*membershipChanged); is && d.armed.CompareAndSwap(true, false) {
		<-d.goOn
	}
	d.Directory.Tell(ctx, msg)
}

// TestWhoHasUnsubscribedIsNotSubscribedAgain: a server that starts again tells its members' sessions
// once more that they have joined, but a session that has unsubscribed from it stays so. It is
// subscribed again when its user joins anew, when it asks for that, and when it logs in.
func TestWhoHasUnsubscribedIsNotSubscribedAgain(t *testing.T) {
	crash := func(p *Provider, _ *guest) {
		if err := p.Crash("provider/servers/s"); err != nil {
			panic(err)
		}
	}
	for name, tt := range map[string]struct {
		then  func(p *Provider, bob *guest)
		heard string
	}{
		"the server has left memory": {func(*Provider, *guest) { time.Sleep(time.Hour) }, "[]"},
		"the server has crashed":     {crash, "[]"},
		"its user leaves and joins": {func(p *Provider, bob *guest) {
			bob.ask(LeaveServer{"s"})
			bob.ask(JoinServer{"s", ""})
			crash(p, bob)
		}, "[new x]"},
		"it subscribes": {func(p *Provider, bob *guest) {
			bob.ask(Subscribe{Server: "s"})
			crash(p, bob)
		}, "[new x]"},
		"it logs in": {func(_ *Provider, bob *guest) { bob.ask(Login{"bob", "p"}) }, "[new x]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
					c.AutoSubscribe, c.Inspect = true, true
				})
				alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
				alice.ask(CreateServer{"s", ""})
				bob.ask(JoinServer{"s", ""})
				synctest.Wait()
				if reply := bob.ask(Unsubscribe{Server: "s"}); reply != (Done{}) {
					t.Fatal(reply)
				}
				tt.then(p, bob)
				synctest.Wait()
				alice.ask(ServerChannels{"s"}) // the server is awake
				synctest.Wait()
				alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
				if heard := bob.heard(); heard != tt.heard {
					t.Errorf("heard %s, want %s", heard, tt.heard)
				}
			})
		})
	}
}

// TestAServerMadeAgainIsNotUnsubscribedFrom: what a session has unsubscribed from is the former one,
// even if nothing of that is left and the new one has its number.
func TestAServerMadeAgainIsNotUnsubscribedFrom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem(), SnapshotInterval: time.Minute}, func(c *Config) { c.AutoSubscribe = true })
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		for range 2 {
			alice.ask(CreateServer{"s", ""})
			bob.ask(JoinServer{"s", ""})
			synctest.Wait()
			if reply := bob.ask(Unsubscribe{Server: "s"}); reply != (Done{}) {
				t.Fatal(reply)
			}
			alice.ask(DeleteServer{"s", ""})
			time.Sleep(time.Hour)
		}
	})
}

// TestWhoUnsubscribesWhileItIsSubscribedByItself: the server comes to what the session asks by itself only
// when its client has unsubscribed.
func TestWhoUnsubscribesWhileItIsSubscribedByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		goOn := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.AutoSubscribe, c.Inspect, c.Processors = true, true, 4
			c.Fault = func(kind Kind, msg any) {
				if m, is := msg.(*subscribe); is && kind == KindServer && m.User == "bob" {
					<-goOn
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		synctest.Wait()
		bob.ask(Unsubscribe{Server: "s"})
		close(goOn)
		post := &Post{Server: "s", Channel: "general", Text: "x"}
		alice.ask(post)
		if heard := bob.heard(); heard != "[]" {
			t.Errorf("who has unsubscribed heard %s", heard)
		}
		if err := p.Crash("provider/servers/s"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		alice.ask(ServerChannels{"s"}) // the server is awake
		synctest.Wait()
		alice.ask(post)
		if heard := bob.heard(); heard != "[]" {
			t.Errorf("after a crash, who has unsubscribed heard %s", heard)
		}
	})
}

// TestAWelcomeThatACrashSwallowsIsSaidAgain: a session that subscribes by itself hears the server that its
// user has joined, though the server has crashed when it was about to say so.
func TestAWelcomeThatACrashSwallowsIsSaidAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.AutoSubscribe = true
			c.Fault = crashes[*persistence.Committed](KindServer, once(&armed))
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		armed.Store(true)
		if reply := bob.ask(JoinServer{"s", ""}); reply != (Refused{Code: OutcomeUnknown}) {
			t.Fatalf("at the crash: %v", reply)
		}
		alice.ask(ServerChannels{"s"}) // the server is awake
		synctest.Wait()
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		if heard := bob.heard(); heard != "[new x]" {
			t.Errorf("heard %s", heard)
		}
	})
}

// lackingSite is a provider whose sessions subscribe by themselves, and what of it cannot be read.
type lackingSite struct {
	p      *Provider
	sick   atomic.Value // the folder, "" for none
	asked  atomic.Int32 // questions of sessions to the server s
	passed atomic.Int32 // of them to the server t
}

func newLackingSite(t *testing.T, sick string) *lackingSite {
	t.Helper()
	files, s := vfstest.NewMem(), &lackingSite{}
	before, stop := startStoppable(t, persistence.Config{FS: files}, nil)
	alice := enter(t, before, "alice")
	alice.ask(CreateServer{"s", ""})
	alice.ask(CreateServer{"t", ""})
	stop()
	s.sick.Store(sick)
	faulty := &vfstest.Faulty{FS: files}
	faulty.FailAt = func(op vfstest.Op, name string) error {
		if ill := s.sick.Load().(string); ill != "" && strings.HasPrefix(name, ill) {
			return syscall.EIO
		}
		return nil
	}
	s.p = startNode(t, persistence.Config{FS: faulty}, func(cfg *Config) {
		cfg.AutoSubscribe = true
		cfg.Fault = func(kind Kind, msg any) {
			if m, is := msg.(*subscribe); is && kind == KindServer {
				if m.Server == "s" {
					s.asked.Add(1)
				} else {
					s.passed.Add(1)
				}
			}
		}
	})
	return s
}

func (s *lackingSite) enter(t *testing.T) *guest {
	t.Helper()
	alice := connect(t, s.p, "alice")
	alice.login()
	return alice
}

// TestWhatIsLackingIsAskedForAgain: of one of a user's servers nothing can be read when she comes.
// She hears it some time after that has ended, and until then it is not asked all the time.
func TestWhatIsLackingIsAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newLackingSite(t, "servers/s/")
		alice := s.enter(t)
		time.Sleep(time.Second)
		heard := s.passed.Load()
		time.Sleep(time.Hour)
		if n, again := s.asked.Load(), s.passed.Load()-heard; n < 60 || n > 70 || again != 0 {
			t.Errorf("asked for it %d times in an hour, for what she hears %d times", n, again)
		}
		s.sick.Store("")
		time.Sleep(longestPause)
		n := s.asked.Load()
		if reply := alice.ask(&Post{Server: "t", Channel: "general", Text: "x"}); codeOf(reply) != "" {
			t.Errorf("post: %v", reply)
		}
		bob := s.enter(t)
		for _, server := range []string{"s", "t"} {
			bob.ask(&Post{Server: server, Channel: "general", Text: server})
		}
		synctest.Wait()
		if heard := len(alice.out.pushes); heard != 2 {
			t.Errorf("%d of two messages are heard", heard)
		}
		time.Sleep(time.Hour)
		if more := s.asked.Load() - n; more != 1 { // bob
			t.Errorf("asked for it %d times more", more)
		}
	})
}

// TestNothingIsAskedForWhoHasGone: neither for who has logged out, nor for who has hung up.
func TestNothingIsAskedForWhoHasGone(t *testing.T) {
	for name, leave := range map[string]func(*guest){
		"logout":  func(g *guest) { g.ask(Logout{}) },
		"hang-up": func(g *guest) { g.session.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newLackingSite(t, "servers/s/")
				leave(s.enter(t))
				synctest.Wait()
				before := s.asked.Load()
				time.Sleep(time.Hour)
				if n := s.asked.Load(); n != before {
					t.Errorf("asked %d times", n-before)
				}
				if n := s.p.Counters().InFlight; n != 0 {
					t.Errorf("%d requests are under way", n)
				}
			})
		})
	}
}

// TestWhoFindsNoRoomIsSubscribedLater: when she comes there are too many subscriptions for two of her
// eighteen servers. She hears them some time after others have gone.
func TestWhoFindsNoRoomIsSubscribedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const servers, room = 18, 16
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
			cfg.AutoSubscribe, cfg.Subscriptions = true, 8*servers
		})
		first := enter(t, p, "alice")
		for i := range servers {
			first.ask(CreateServer{fmt.Sprint("s", i), ""})
		}
		late := connect(t, p, "alice")
		late.login()
		hears := func(poster *guest) int {
			before := len(late.out.pushes)
			for i := range servers {
				poster.ask(&Post{Server: fmt.Sprint("s", i), Channel: "general", Text: "x"})
			}
			synctest.Wait()
			return len(late.out.pushes) - before
		}
		if n := hears(first); n != room {
			t.Errorf("%d servers are heard at first", n)
		}
		first.ask(Logout{})
		time.Sleep(longestPause)
		next := connect(t, p, "alice")
		next.login()
		if n := hears(next); n != servers {
			t.Errorf("%d servers are heard later", n)
		}
	})
}
