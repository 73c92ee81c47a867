package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

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
