package actors

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhoLogsOutHearsNothingAfterwards, nor whoever logs in on the same connection: a message
// for the one who was there is on its way in the router meanwhile.
func TestWhoLogsOutHearsNothingAfterwards(t *testing.T) {
	for name, goes := range map[string]any{"logout": Logout{}, "another": Login{"carol", "p"}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { goWhileAMessageComes(t, goes) })
		})
	}
}

func goWhileAMessageComes(t *testing.T, goes any) {
	var armed atomic.Bool
	goOn := make(chan struct{})
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.Processors = 4
		c.Fault = func(kind Kind, msg any) {
			if _, is := msg.(*publish); is && kind == KindRouter && armed.Load() {
				<-goOn
			}
		}
	})
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	enter(t, p, "carol")
	alice.ask(CreateServer{"s", ""})
	bob.ask(JoinServer{"s", ""})
	bob.ask(Subscribe{"s", "general", true})
	post := &Post{Server: "s", Channel: "general", Text: "x"}
	armed.Store(true)
	alice.send(post)
	synctest.Wait()
	bob.send(goes)
	time.Sleep(time.Second) // in which the journal is written
	if n := len(bob.out.answers); n != 0 {
		t.Errorf("%v is told while a message for bob is on its way", bob.hear())
	}
	close(goOn)
	if reply := bob.hear(); codeOf(reply) != "" {
		t.Errorf("answered %v", reply)
	}
	heard := len(bob.out.pushes)
	alice.ask(post)
	synctest.Wait()
	if n := len(bob.out.pushes); heard != 1 || n != heard {
		t.Errorf("%d were heard before the answer, %d after it", heard, n-heard)
	}
	if reply := bob.ask(Ping{}); (codeOf(reply) == NotLoggedIn) != (goes == Logout{}) {
		t.Errorf("ping: %v", reply)
	}
}

// TestASubscriptionEndsWithTheLoginThatAskedForIt: the server comes to it when its client has been
// told that the deadline has passed, has logged out, and is back on the same connection.
func TestASubscriptionEndsWithTheLoginThatAskedForIt(t *testing.T) {
	for name, ask := range map[string]Subscribe{"channel": {"s", "general", true}, "server": {"s", "", false}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { subscribeTooLate(t, ask) })
		})
	}
}

func subscribeTooLate(t *testing.T, ask Subscribe) {
	goOn := make(chan struct{})
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.Processors = 4
		c.Fault = func(kind Kind, msg any) {
			if _, is := msg.(*subscribe); is && kind == KindServer {
				<-goOn
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	bob := enter(t, p, "alice")
	if reply := bob.ask(ask); codeOf(reply) != OutcomeUnknown {
		t.Fatalf("subscribed: %v", reply)
	}
	bob.ask(Logout{})
	bob.login()
	close(goOn)
	synctest.Wait()
	post := &Post{Server: "s", Channel: "general", Text: "x"}
	alice.ask(post)
	synctest.Wait()
	if n := len(bob.out.pushes); n != 0 {
		t.Errorf("%d were heard without a subscription", n)
	}
	bob.ask(ask)
	alice.ask(post)
	synctest.Wait()
	if n := len(bob.out.pushes); n != 1 {
		t.Errorf("%d were heard with one", n)
	}
}

// TestASubscriptionIsNotLaterThanItsEnd: the server comes to it when its client has been told that the
// deadline has passed, and has unsubscribed, to be on the safe side, from this and much else.
func TestASubscriptionIsNotLaterThanItsEnd(t *testing.T) {
	for name, ask := range map[string]Subscribe{"channel": {"s", "general", true}, "server": {"s", "", false}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				goOn := make(chan struct{})
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
					c.Processors = 4
					c.Fault = func(kind Kind, msg any) {
						if _, is := msg.(*subscribe); is && kind == KindServer {
							<-goOn
						}
					}
				})
				alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
				alice.ask(CreateServer{"s", ""})
				bob.ask(JoinServer{"s", ""})
				if reply := bob.ask(ask); reply != (Refused{Code: OutcomeUnknown}) {
					t.Fatalf("subscribed: %v", reply)
				}
				if reply := bob.ask(Unsubscribe(ask)); reply != (Refused{Code: NotSubscribed}) {
					t.Fatalf("unsubscribed: %v", reply)
				}
				for i := range 2 * maxOrphans {
					bob.ask(Unsubscribe{"s", fmt.Sprint(i), true})
				}
				close(goOn)
				post := &Post{Server: "s", Channel: "general", Text: "x"}
				alice.ask(post)
				if heard := bob.heard(); heard != "[]" {
					t.Errorf("who has unsubscribed heard %s", heard)
				}
				bob.ask(ask)
				alice.ask(post)
				if heard := bob.heard(); heard != "[new x]" {
					t.Errorf("who has subscribed again heard %s", heard)
				}
			})
		})
	}
}

// TestASubscriptionThatIsToldBusyEndsTheConnection crashes a server before it comes to what a
// session asks on its own account: nothing was done, and the session has nobody to tell so.
func TestASubscriptionThatIsToldBusyEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		before, stop := startStoppable(t, persistence.Config{FS: files}, nil)
		enter(t, before, "alice").ask(CreateServer{"s", ""})
		stop()
		held := make(chan struct{})
		slow := &vfstest.Faulty{FS: files}
		slow.Before = func(_ vfstest.Op, name string) {
			if strings.HasPrefix(name, "servers/s/") {
				<-held
			}
		}
		var crashed atomic.Bool
		hold := sync.OnceFunc(func() { close(held) })
		p := startNode(t, persistence.Config{FS: slow}, func(cfg *Config) {
			cfg.AutoSubscribe, cfg.Processors = true, 4
			cfg.Fault = func(kind Kind, msg any) {
				if _, ok := msg.(*persistence.Recovered); ok && kind == KindServer && crashed.CompareAndSwap(false, true) {
					panic("injected")
				}
			}
			cfg.FaultAfter = func(kind Kind, msg any) {
				if _, ok := msg.(*subscribe); ok && kind == KindServer {
					hold()
				}
			}
		})
		alice := connect(t, p, "alice")
		alice.send(Login{"alice", "p"})
		synctest.Wait()
		if !crashed.Load() || !alice.out.closed.Load() {
			t.Errorf("crashed: %t; the connection is kept, and lacks a subscription", crashed.Load())
		}
	})
}

// TestASubscriptionDoesNotOutliveTheMembership holds a channel's recovery until
// the subscriber has left the server on another connection.
func TestASubscriptionDoesNotOutliveTheMembership(t *testing.T) {
	var hold atomic.Bool
	goOn, held := make(chan struct{}), make(chan struct{}, 1)
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Fault = func(kind Kind, msg any) {
			if _, ok := msg.(*persistence.Recovered); ok && kind == KindChannel && hold.CompareAndSwap(true, false) {
				held <- struct{}{}
				<-goOn
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	here, there := enter(t, p, "bob"), enter(t, p, "bob")
	here.ask(JoinServer{"s", ""})
	hold.Store(true)
	here.send(Subscribe{"s", "general", true})
	<-held
	if reply := there.ask(LeaveServer{"s"}); reply != (Done{}) {
		t.Fatalf("leave: %v", reply)
	}
	close(goOn)
	here.hear()
	alice.ask(&Post{Server: "s", Channel: "general", Text: "secret"})
	alice.ask(ServerMembers{"s"}) // goes through the router after the post
	here.ask(Ping{})
	if event := <-here.out.pushes; event != "unsubscribed "+string(MembershipEnded) {
		t.Errorf("heard %q", event)
	}
	if n := len(here.out.pushes); n != 0 {
		t.Errorf("a non-member heard %q", <-here.out.pushes)
	}
}

// TestASubscriptionLostInACrashEndsTheConnection crashes what a session asks
// on its own account, and what the router hears of it.
func TestASubscriptionLostInACrashEndsTheConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		kind Kind
		msg  string
		do   func(bob *guest)
	}{
		"the list at login":  {KindUser, "*actors.joinedServers", func(bob *guest) { bob.send(Login{"bob", "p"}) }},
		"a server at login":  {KindServer, "*actors.subscribe", func(bob *guest) { bob.send(Login{"bob", "p"}) }},
		"a server joined":    {KindServer, "*actors.subscribe", func(bob *guest) { bob.send(JoinServer{"t", ""}) }},
		"its beginning":      {KindRouter, "*actors.attach", func(bob *guest) { bob.send(JoinServer{"t", ""}) }},
		"a channel's":        {KindRouter, "*actors.begin", func(bob *guest) { bob.send(Subscribe{"s", "general", true}) }},
		"that it was joined": {KindRouter, "*actors.memberWelcome", func(bob *guest) { bob.send(JoinServer{"t", ""}) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := &census{live: map[Kind]int{}, told: map[string]int{}}
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
					cfg.AutoSubscribe = true
					cfg.Fault = func(kind Kind, msg any) {
						if kind == tt.kind {
							c.note(kind, msg)
						}
					}
				})
				alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
				alice.ask(CreateServer{"s", ""})
				alice.ask(CreateServer{"t", ""})
				bob.ask(JoinServer{"s", ""})
				synctest.Wait()
				c.mu.Lock()
				c.crash = tt.msg
				c.mu.Unlock()
				tt.do(bob)
				synctest.Wait()
				if !bob.out.closed.Load() {
					t.Error("the connection is kept, and lacks a subscription")
				}
			})
		})
	}
}
