package actors

import (
	"testing"
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
