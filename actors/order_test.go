package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestPostsToDifferentChannelsWaitForEachOther: a client sends two without waiting, and the channel of the
// first is slow. The second one takes effect only after it, also where just the servers differ.
func TestPostsToDifferentChannelsWaitForEachOther(t *testing.T) {
	for _, then := range []Post{{Server: "s", Channel: "other"}, {Server: "t", Channel: "general"}} {
		bubble(t, func(t *testing.T) {
			var held atomic.Bool
			goOn := make(chan struct{})
			p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
				c.Processors = 4
				c.Fault = func(kind Kind, msg any) {
					if _, is := msg.(*post); is && kind == KindChannel && held.CompareAndSwap(true, false) {
						<-goOn
					}
				}
			})
			alice, reader := enter(t, p, "alice"), enter(t, p, "alice")
			for _, each := range []any{CreateServer{"s", ""}, CreateServer{"t", ""}, CreateChannel{"s", "other"}} {
				alice.ask(each)
			}
			held.Store(true)
			alice.send(&Post{Server: "s", Channel: "general"})
			alice.send(&then)
			synctest.Wait()
			if got := reader.ask(CountMessages{then.Server, then.Channel}); got != (Amount{0}) {
				t.Errorf("while the first is under way, of the second there are %v", got)
			}
			close(goOn)
			alice.hear()
			alice.hear()
			if got := reader.ask(CountMessages{then.Server, then.Channel}); got != (Amount{1}) {
				t.Errorf("after both, of the second there are %v", got)
			}
		})
	}
}
