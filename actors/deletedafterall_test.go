package actors

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAChannelThatIsDeletedAfterAllEnds crashes the journal just after it has taken the deletion: it
// is on disk, though the server hears that it may not be.
func TestAChannelThatIsDeletedAfterAllEnds(t *testing.T) {
	for _, deletion := range []any{DeleteChannel{"s", "general"}, DeleteServer{"s", ""}} {
		t.Run(fmt.Sprintf("%T", deletion), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := &census{live: map[Kind]int{}, told: map[string]int{}}
				var armed atomic.Bool
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
					cfg.Fault = c.note
					cfg.FaultAfter = func(_ Kind, msg any) {
						if m, ok := msg.(*persistence.Append); ok && len(m.Drops) > 0 && armed.CompareAndSwap(true, false) {
							panic("injected")
						}
					}
				})
				alice := enter(t, p, "alice")
				alice.ask(CreateServer{"s", ""})
				alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
				armed.Store(true)
				if reply := alice.ask(deletion); reply != (Refused{Code: OutcomeUnknown}) {
					t.Fatalf("deletion: %v", reply)
				}
				synctest.Wait()
				if c.mu.Lock(); c.live[KindChannel] != 0 {
					t.Error("the channel's actor lives on")
				}
				c.mu.Unlock()
			})
		})
	}
}
