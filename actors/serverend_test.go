package actors

import (
	"fmt"
	"net/netip"
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

// heard is what was pushed to a guest since the last time.
func (g *guest) heard() string {
	synctest.Wait()
	all := []string{}
	for len(g.out.pushes) > 0 {
		all = append(all, <-g.out.pushes)
	}
	return fmt.Sprint(all)
}

// TestAnEndIsToldThoughTheNameIsThereAgain has something end and begin again before anybody is
// told of it: both are on disk when the server crashes.
func TestAnEndIsToldThoughTheNameIsThereAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		end, begin any
		bob, carol string // who are subscribed to the channel and to the server
	}{
		"channel": {DeleteChannel{"s", "general"}, CreateChannel{"s", "general"}, "[unsubscribed channel_gone]", "[unsubscribed channel_gone new x]"},
		"member":  {LeaveServer{"s"}, JoinServer{"s", ""}, "[new x]", "[unsubscribed membership_ended]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				decided := make(chan struct{})
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
					c.Processors = 4
					c.Fault = func(kind Kind, msg any) {
						switch msg.(type) {
						case *persistence.Append:
							if armed.Load() {
								<-decided
							}
						case *persistence.Committed:
							if kind == KindServer && armed.CompareAndSwap(true, false) {
								panic("injected")
							}
						}
					}
				})
				alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
				alice.ask(CreateServer{"s", ""})
				bob.ask(JoinServer{"s", ""})
				carol.ask(JoinServer{"s", ""})
				bob.ask(Subscribe{"s", "general", true})
				carol.ask(Subscribe{"s", "", false})
				user := "alice"
				if name == "member" {
					user = "carol"
				}
				one, other := enter(t, p, user), enter(t, p, user)
				armed.Store(true)
				one.send(tt.end)
				synctest.Wait()
				other.send(tt.begin)
				synctest.Wait()
				close(decided)
				one.hear()
				other.hear()
				alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
				if heard := bob.heard(); heard != tt.bob {
					t.Errorf("bob heard %s, want %s", heard, tt.bob)
				}
				if heard := carol.heard(); heard != tt.carol {
					t.Errorf("carol heard %s, want %s", heard, tt.carol)
				}
			})
		})
	}
}

// TestAnEndIsToldOnce crashes a server after everybody was told of a channel's end, and after some
// have subscribed since.
func TestAnEndIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*serverChannels); is && kind == KindServer && armed.Load() {
					panic("injected")
				}
			}
		})
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		carol.ask(JoinServer{"s", ""})
		bob.ask(Subscribe{"s", "", false})
		alice.ask(DeleteChannel{"s", "general"})
		alice.ask(CreateChannel{"s", "general"})
		bob.ask(Subscribe{"s", "general", true})
		carol.ask(LeaveServer{"s"})
		carol.ask(JoinServer{"s", ""})
		carol.ask(Subscribe{"s", "", false})
		if heard := bob.heard(); heard != "[unsubscribed channel_gone]" {
			t.Fatalf("bob heard %s", heard)
		}
		armed.Store(true)
		if reply := alice.ask(ServerChannels{"s"}); reply != (Refused{Code: OutcomeUnknown}) {
			t.Fatalf("at the crash: %v", reply)
		}
		armed.Store(false)
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		for _, g := range []*guest{bob, carol} {
			if heard := g.heard(); heard != "[new x]" {
				t.Errorf("%s heard %s after the crash", g.name, heard)
			}
		}
		alice.ask(DeleteChannel{"s", "general"}) // bob is subscribed to it and to the whole server
		for _, g := range []*guest{bob, carol} {
			if heard := g.heard(); heard != "[unsubscribed channel_gone]" {
				t.Errorf("%s heard %s at the end", g.name, heard)
			}
		}
	})
}

// TestAnEndIsToldThoughTheServerCouldNotBeRead has a server crash before it has told of somebody's
// end, and not come back: nobody wants it for a while, and the disk does not give it to be read.
func TestAnEndIsToldThoughTheServerCouldNotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed, sick atomic.Bool
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.FailAt = func(op vfstest.Op, name string) error {
			if op&(vfstest.OpOpen|vfstest.OpRead) != 0 && strings.HasPrefix(name, "journal/") && sick.Load() {
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*persistence.Committed); is && kind == KindServer && armed.CompareAndSwap(true, false) {
					sick.Store(true)
					panic("injected")
				}
			}
		})
		alice, carol := enter(t, p, "alice"), enter(t, p, "carol")
		alice.ask(CreateServer{"s", ""})
		carol.ask(JoinServer{"s", ""})
		carol.ask(Subscribe{"s", "", false})
		armed.Store(true)
		if reply := carol.ask(LeaveServer{"s"}); reply != (Refused{Code: OutcomeUnknown}) {
			t.Fatalf("left: %v", reply)
		}
		post := &Post{Server: "s", Channel: "general", Text: "x"}
		if reply := alice.ask(post); reply != (Refused{Code: StorageDown}) {
			t.Fatalf("posted to a server that cannot be read: %v", reply)
		}
		time.Sleep(2 * p.node.cfg.Passivate)
		sick.Store(false)
		time.Sleep(2 * p.node.cfg.Passivate)
		if reply, ok := alice.ask(post).(*Posted); !ok {
			t.Fatalf("posted: %v", reply)
		}
		if heard := carol.heard(); heard != "[unsubscribed membership_ended]" {
			t.Errorf("who has left heard %s", heard)
		}
		time.Sleep(6 * p.node.cfg.Passivate)
		if n := p.node.state.used.Load(); n != 0 {
			t.Errorf("somebody is in memory: %d bytes", n)
		}
	})
}

// TestAChannelSaysNothingAfterItsEnd: a channel that has much to do comes to the word that a post
// is on disk when its server has told of its deletion already. Who hears the whole server has been
// told of the end, and hears nothing of it after that.
func TestAChannelSaysNothingAfterItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		ended := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*persistence.Committed); is && kind == KindChannel && armed.Load() {
					<-ended
				}
			}
			c.FaultAfter = func(kind Kind, msg any) {
				if _, is := msg.(*revoke); is && kind == KindRouter && armed.CompareAndSwap(true, false) {
					close(ended)
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(CreateChannel{"s", "x"})
		alice.ask(Subscribe{"s", "", false})
		bob.ask(&Post{Server: "s", Channel: "x", Text: "0"})
		armed.Store(true)
		bob.send(&Post{Server: "s", Channel: "x", Text: "old"})
		synctest.Wait()
		alice.send(DeleteChannel{"s", "x"})
		alice.send(CreateChannel{"s", "x"})
		alice.hear()
		alice.hear()
		bob.hear()
		bob.ask(&Post{Server: "s", Channel: "x", Text: "new"})
		synctest.Wait()
		var heard []string
		for len(alice.out.pushes) > 0 {
			heard = append(heard, <-alice.out.pushes)
		}
		if want := fmt.Sprint([]string{"new 0", "unsubscribed channel_gone", "new new"}); fmt.Sprint(heard) != want {
			t.Errorf("heard %q", heard)
		}
	})
}

// TestWhatHasEndedIsForgotten: the router knows of a channel's end for as long as its actor lives.
func TestWhatHasEndedIsForgotten(t *testing.T) {
	s, router := routerOnStage(t)
	root := s.node.system.Root
	close(s.hold)
	channel := root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	poster := root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, is := ctx.Message().(*answer); is {
			s.said <- "answer"
		}
	}))
	post := func() (heard []string) {
		t.Helper()
		message := NewMessage{Server: "s", Channel: "c", Message: Message{Text: "x"}}
		s.tell(router, &publish{Poster: Caller{PID: poster, Session: 2}, Topic: t1, NewMessage: message})
		for what := hear(t, s.said); what != "answer"; what = hear(t, s.said) {
			heard = append(heard, what)
		}
		return heard
	}
	s.tell(router, &online{1, nil, slowOutbox{stage: s}, "bob", 0}, &attach{1, "bob", t1.whole(), 0, 0})
	s.tell(router, &revoke{Seq: 1, Topic: t1, Reason: ChannelGone, By: channel})
	if heard := post(); fmt.Sprint(heard) != "[unsubscribed channel_gone]" {
		t.Errorf("while its actor lives %q is heard", heard)
	}
	if err := root.StopFuture(channel).Wait(); err != nil {
		t.Fatal(err)
	}
	post() // by then the router knows
	if heard := post(); fmt.Sprint(heard) != "[new x]" {
		t.Errorf("afterwards %q is heard", heard)
	}
}

// TestACrashAtTheWordOfAnEnd crashes the router as it tells that a subscription has ended:
// who was not told is cut off.
func TestACrashAtTheWordOfAnEnd(t *testing.T) {
	for name, end := range map[string]func(alice, other *guest) any{
		"membership": func(_, other *guest) any { return other.ask(LeaveServer{"s"}) },
		"channel":    func(alice, _ *guest) any { return alice.ask(DeleteChannel{"s", "general"}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
				alice, other := enter(t, p, "alice"), enter(t, p, "bob")
				alice.ask(CreateServer{"s", ""})
				other.ask(JoinServer{"s", ""})
				out := newOutbox()
				bob := &guest{t, "bob", out, p.Connect(brokenOutbox{out, func() { panic("injected") }}, netip.Addr{})}
				bob.ask(Login{"bob", "p"})
				bob.ask(Subscribe{"s", "general", true})
				if reply := end(alice, other); reply != (Done{}) {
					t.Fatal(reply)
				}
				synctest.Wait()
				if !out.closed.Load() {
					t.Error("the subscription has ended, the connection goes on, and nothing was told")
				}
			})
		})
	}
}
