package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestADeletedChannelIsForgotten deletes channels that have just been asked for: each asks for its
// stream when that is at its end, and has stopped when the answer comes.
func TestADeletedChannelIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var dropped atomic.Pointer[chan struct{}]
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				switch m := msg.(type) {
				case *persistence.Append:
					if len(m.Drops) > 0 {
						close(*dropped.Load())
					}
				case *actor.Started:
					if kind == KindChannel {
						<-*dropped.Load()
					}
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		before := p.node.store.Counters().Streams
		for range 10 {
			one := make(chan struct{})
			dropped.Store(&one)
			alice.ask(CreateChannel{"s", "x"})
			bob.send(CountMessages{"s", "x"})
			synctest.Wait()
			if reply := alice.ask(DeleteChannel{"s", "x"}); reply != (Done{}) {
				t.Fatalf("deletion: %v", reply)
			}
			bob.hear()
			synctest.Wait()
		}
		if n := p.node.store.Counters().Streams; n != before {
			t.Errorf("the store remembers %d streams, %d before", n, before)
		}
	})
}
