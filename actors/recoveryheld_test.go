package actors

import (
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhatARecoveryHeldIsNotKept has a channel begin with many posts that wait for its state.
func TestWhatARecoveryHeldIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.Processors = 1 })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		var kept []weak.Pointer[Post]
		for range 100 {
			post := &Post{Server: "s", Channel: "general", Text: "x"}
			kept = append(kept, weak.Make(post))
			alice.send(post)
		}
		for range 100 {
			alice.hear()
		}
		synctest.Wait()
		runtime.GC()
		for i, each := range kept {
			if each.Value() != nil {
				t.Fatalf("post %d is still in memory", i)
			}
		}
	})
}
