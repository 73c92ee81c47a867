package actors

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestASweepOfAFormerLifeIsTheLast crashes a server while a sweep waits in its mailbox, and then it
// cannot be read, so that its own sweeps do not begin.
func TestASweepOfAFormerLifeIsTheLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var sick atomic.Bool
		var sweeps atomic.Int32
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.FailAt = func(op vfstest.Op, name string) error {
			if op&(vfstest.OpOpen|vfstest.OpRead) != 0 && strings.HasPrefix(name, "journal/") && sick.Load() {
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				if kind != KindServer {
					return
				}
				switch msg.(type) {
				case *serverChannels:
					time.Sleep(c.Passivate)
					sick.Store(true)
					panic("injected")
				case *sweep:
					if sick.Load() && sweeps.Add(1) > 100 {
						panic("there is no end")
					}
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.send(ServerChannels{"s"})
		time.Sleep(p.node.cfg.Passivate + time.Second)
		if n := sweeps.Load(); n != 1 {
			t.Errorf("%d sweeps", n)
		}
	})
}
