package actors

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

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
	})
}
