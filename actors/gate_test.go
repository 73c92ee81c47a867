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

// TestALostAnswerLeavesTheGate loses posts on their way. Nobody ever answers them; but they must
// not count for as long as the connection lives, since in the end nobody else would be let in.
func TestALostAnswerLeavesTheGate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		p.node.dir = loser{p.node.dir}
		const posts = 10
		for range posts {
			alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		for range posts {
			if reply := alice.hear(); reply != (Refused{Code: OutcomeUnknown}) {
				t.Errorf("a lost post: %v", reply)
			}
		}
		if n := p.Counters().InFlight; n != posts {
			t.Errorf("%d of %d lost posts count at first", n, posts)
		}
		time.Sleep((lostAfter + 2) * p.node.cfg.Deadline)
		if n := p.Counters().InFlight; n != 0 {
			t.Errorf("%d posts count for ever", n)
		}
	})
}

// loser is a Directory that loses posts.
type loser struct{ Directory }

func (d loser) Tell(ctx actor.SenderContext, msg addressed) {
	if _, is := msg.(*post); !is {
		d.Directory.Tell(ctx, msg)
	}
}

// TestALateLoginLeavesTheGate has the subscriptions of logins come after their deadline.
func TestALateLoginLeavesTheGate(t *testing.T) {
	for _, logins := range []int{1, 2} {
		bubble(t, func(t *testing.T) {
			var held atomic.Bool
			goOn := make(chan struct{})
			p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
				c.AutoSubscribe, c.Processors = true, 4
				c.Fault = func(kind Kind, msg any) {
					if _, ok := msg.(*subscribe); ok && kind == KindServer && held.Load() {
						<-goOn
					}
				}
			})
			alice := enter(t, p, "alice")
			alice.ask(CreateServer{"s", ""})
			held.Store(true)
			for range logins {
				if reply := alice.ask(Login{"alice", "p"}); reply != (Refused{Code: OutcomeUnknown}) {
					t.Errorf("login: %v", reply)
				}
			}
			close(goOn)
			synctest.Wait()
			if n := p.node.gate.requests.Load(); n != 0 {
				t.Errorf("after %d late logins %d requests are under way", logins, n)
			}
		})
	}
}

// TestBytesUnderWayAreBounded has few requests, which are too large together: the one that is too much
// is told so, and a smaller one still has room.
func TestBytesUnderWayAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.InFlightBytes = 100 })
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
		p.node.dir = nobody{}
		ask := func(g *guest, bytes int) {
			g.session.Send(&Request{Command: &Post{Server: "s", Channel: "c"}, Bytes: bytes})
			synctest.Wait()
		}
		ask(alice, 60)
		ask(bob, 41)
		if reply := bob.hear(); codeOf(reply) != Busy {
			t.Errorf("more than all may have: %v", reply)
		}
		ask(carol, 40)
		if n := p.Counters().InFlight; n != 2 {
			t.Errorf("%d requests are under way", n)
		}
		alice.session.Close()
		carol.session.Close()
	})
}
