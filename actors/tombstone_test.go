package actors

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// TestATombstoneThatTheDiskRefusesIsSavedLater deletes a server of which a snapshot is saved while a
// member's list does not follow yet. When it follows, there is no room for the tombstone. The journal
// does not need it, so nobody but the server would save it later, and the files would stay for ever.
func TestATombstoneThatTheDiskRefusesIsSavedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var owing, full atomic.Bool
		files := &vfstest.Faulty{FS: vfstest.NewMem(), FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpCreate && strings.HasPrefix(name, "servers/s/") && full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) {
			cfg.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*membershipChanged); is && kind == KindUser && owing.Load() {
					panic("injected")
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		owing.Store(true)
		if reply := alice.ask(DeleteServer{"s", ""}); reply != (Refused{Code: OutcomeUnknown}) {
			t.Fatalf("with a list that does not follow: %v", reply)
		}
		time.Sleep(10 * time.Minute)
		full.Store(true)
		owing.Store(false)
		time.Sleep(time.Hour)
		full.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		if there, err := vfs.Exists(files, "servers/s"); there || err != nil {
			t.Errorf("the files of the server are there: %v, %v", there, err)
		}
	})
}

// TestATombstoneThatIsReadKeepsNobody asks for a server of which nothing but its tombstone is left:
// the actor leaves memory at once, so that the tombstone can go too.
func TestATombstoneThatIsReadKeepsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &census{live: map[Kind]int{}, told: map[string]int{}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) { cfg.Fault = c.note })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(DeleteServer{"s", ""})
		time.Sleep(90 * time.Second)
		if there, err := vfs.Exists(files, "servers/s/state.json"); !there || err != nil {
			t.Fatalf("there is no tombstone: %v, %v", there, err)
		}
		if reply := alice.ask(JoinServer{"s", ""}); reply != (Refused{Code: NoSuchServer}) {
			t.Errorf("joining it: %v", reply)
		}
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := c.live[KindServer]; n != 0 {
			t.Errorf("%d servers stay in memory", n)
		}
	})
}

// TestADeletedServerLeavesAfterItsLastChannel has a channel that takes longer to end than its deleted
// server takes to save its tombstone.
func TestADeletedServerLeavesAfterItsLastChannel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &census{live: map[Kind]int{}, told: map[string]int{}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) {
			cfg.Passivate = 10 * time.Hour
			cfg.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*retire); is {
					time.Sleep(10 * time.Minute)
				}
				c.note(kind, msg)
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		alice.ask(DeleteServer{"s", ""})
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := c.live[KindServer]; n != 0 {
			t.Errorf("%d servers stay in memory", n)
		}
		if there, err := vfs.Exists(files, "servers/s"); there || err != nil {
			t.Errorf("the files of the server are there: %v, %v", there, err)
		}
	})
}
