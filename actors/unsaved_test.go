package actors

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAChannelDoesNotGrowWhileItsSnapshotIsLate posts to a channel of which the pages do not get
// to the disk, though the journal does.
func TestAChannelDoesNotGrowWhileItsSnapshotIsLate(t *testing.T) {
	bubble(t, growUnsaved)
}

func growUnsaved(t *testing.T) {
	var late atomic.Bool
	text := strings.Repeat("x", 16<<10)
	goOn := make(chan struct{})
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpCreate && strings.Contains(name, "/pages.d/") && late.Load() {
			<-goOn
		}
	}
	p := startNode(t, persistence.Config{FS: files}, nil)
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	late.Store(true)
	onTime := sync.OnceFunc(func() { late.Store(false); close(goOn) })
	defer onTime()
	posted := 0
	for busy := false; !busy; {
		const together = 1000
		for range together {
			alice.send(&Post{Server: "s", Channel: "general", Text: text})
		}
		for range together {
			reply := alice.hear()
			if _, ok := reply.(*Posted); ok {
				posted++
			} else if busy = true; reply != (Refused{Code: Busy}) {
				t.Fatalf("post: %v", reply)
			}
		}
		if used := p.node.state.used.Load(); used > 2*mostUnsaved {
			t.Fatalf("%d messages of %d bytes are in memory, %d bytes", posted, len(text), used)
		}
	}
	onTime()
	synctest.Wait()
	if _, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: text}).(*Posted); !ok {
		t.Error("it is not posted to again")
	}
	if total := alice.ask(CountMessages{"s", "general"}); total != (Amount{int64(posted + 1)}) {
		t.Errorf("%d were posted, there are %v", posted+1, total)
	}
}
