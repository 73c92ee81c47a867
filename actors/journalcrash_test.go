package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhoAskedTheJournalHearsOfItsCrash: a channel whose snapshot was lost in it makes the next one, and who
// reads old messages is told at once, and can read them then.
func TestWhoAskedTheJournalHearsOfItsCrash(t *testing.T) {
	const posts = 3 * persistence.PageItems
	bubble(t, func(t *testing.T) {
		var saves, reads atomic.Int32
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				first := false
				switch msg.(type) {
				case *persistence.SaveSnapshot:
					first = saves.Add(1) == 1
				case *persistence.ReadItems:
					first = reads.Add(1) == 1
				}
				if first {
					panic("injected")
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		for range posts {
			alice.send(&Post{Server: "s", Channel: "general"})
		}
		for range posts {
			alice.hear()
		}
		for want := range int32(2) {
			p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
			synctest.Wait()
			if n := saves.Load(); n != want+1 {
				t.Fatalf("%d snapshots were made, not %d", n, want+1)
			}
		}
		asked := time.Now()
		if reply := alice.ask(GetMessages{"s", "general", 0, 1, true, true}); codeOf(reply) != StorageDown || time.Since(asked) > time.Second {
			t.Errorf("after %v: %v", time.Since(asked), reply)
		}
		if reply, _ := alice.ask(GetMessages{"s", "general", 0, 1, true, true}).(Messages); len(reply.List) != 1 || reads.Load() != 2 {
			t.Errorf("after the crash there are %v, read %d times", reply.List, reads.Load())
		}
	})
}
