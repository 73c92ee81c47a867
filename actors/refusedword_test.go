package actors

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAWordThatIsRefusedIsOfItsAskerAlone: two wait for a user's list to follow the same, the
// user's journal refuses what the first hears of, and the list answers the second after that.
func TestAWordThatIsRefusedIsOfItsAskerAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var words atomic.Int32
		files, sick, synced := failingJournal()
		refused := make(chan struct{})
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*membershipChanged); is && kind == KindDirectory && sick.Load() && words.Add(1) == 2 {
					<-refused
				}
			}
			c.FaultAfter = func(kind Kind, msg any) {
				if _, is := msg.(*membershipRefused); is && kind == KindServer {
					sick.Store(false)
					close(refused)
				}
			}
		})
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		sick.Store(true)
		alice.send(Logout{})
		synctest.Wait()
		bob.send(JoinServer{"s", ""})
		synctest.Wait()
		carol.send(JoinServer{"s", ""})
		synctest.Wait()
		close(synced)
		if reply := bob.hear(); codeOf(reply) != OutcomeUnknown {
			t.Errorf("who asked first hears %v", reply)
		}
		if reply := carol.hear(); reply != (Done{}) {
			t.Errorf("who asked later hears %v", reply)
		}
	})
}

// TestAWordToWhomCannotBeReadIsRefused deletes a server of which one member's account cannot be
// read: its owner need not wait for the deadline, and the list follows when it can be read.
func TestAWordToWhomCannotBeReadIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		before, stop := startStoppable(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, nil)
		enter(t, before, "alice").ask(CreateServer{"s", ""})
		enter(t, before, "bob").ask(JoinServer{"s", ""})
		time.Sleep(time.Hour) // their files are all there is
		stop()

		var sick atomic.Bool
		faulty := &vfstest.Faulty{FS: files}
		faulty.FailAt = func(op vfstest.Op, name string) error {
			if op&vfstest.Reads != 0 && strings.HasPrefix(name, "users/bob/") && sick.Load() {
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: faulty}, nil)
		alice := enter(t, p, "alice")
		sick.Store(true)
		begun := time.Now()
		if reply := alice.ask(DeleteServer{"s", ""}); codeOf(reply) != OutcomeUnknown || time.Since(begun) > time.Second {
			t.Errorf("deletion: %v after %v", reply, time.Since(begun))
		}
		sick.Store(false)
		time.Sleep(time.Hour)
		if list := enter(t, p, "bob").ask(JoinedServers{}).(Servers); len(list.Names) > 0 {
			t.Errorf("bob is in %v", list.Names)
		}
	})
}
