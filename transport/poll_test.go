package transport_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/actors"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport"
	"elemental/transport/housetest"
)

// stuckDisk is a disk where syncs of the journal can be held.
type stuckDisk struct {
	vfs.FS
	mu      sync.Mutex
	changed *sync.Cond
	held    bool
}

func newStuckDisk() *stuckDisk {
	d := &stuckDisk{}
	d.changed = sync.NewCond(&d.mu)
	d.FS = &vfstest.Faulty{FS: vfstest.NewMem(), Before: func(op vfstest.Op, name string) {
		if op == vfstest.OpSync && strings.HasPrefix(name, "journal") {
			d.mu.Lock()
			defer d.mu.Unlock()
			for d.held {
				d.changed.Wait()
			}
		}
	}}
	return d
}

func (d *stuckDisk) hold(held bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = held
	d.changed.Broadcast()
}

// longPatience has nobody answered before the disk.
func longPatience(cfg *actors.Config) { cfg.Deadline = time.Minute }

// TestReadsGoOnWhileTheDiskIsStuck: posts wait for it, nobody else does, with one
// poller and with several.
func TestReadsGoOnWhileTheDiskIsStuck(t *testing.T) {
	for _, processors := range []int{1, 4} {
		disk := newStuckDisk()
		h := housetest.New(t, housetest.Settings{
			FS: disk,
			Actor: func(cfg *actors.Config) {
				longPatience(cfg)
				cfg.Processors = processors
			},
			Wire: func(cfg *transport.Config) { cfg.Processors = processors },
		})
		alice := h.Founder()
		others := make([]*housetest.Line, 4)
		for i := range others {
			others[i] = h.Login("alice")
		}
		disk.hold(true)
		alice.Write(`{"call":"message","servername":"s","channel":"general","msg":"waits"}`)
		for _, other := range others {
			for range 10 {
				other.Yes(`{"call":"ping"}`)
			}
		}
		disk.hold(false)
		if got := alice.Next(); got["index"] != 0.0 {
			t.Errorf("the post was answered %v", got)
		}
	}
}
