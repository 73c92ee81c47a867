package transport_test

import (
	"net"
	"runtime"
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

// stuckDisk is a disk where syncs of the journal can be held: all, or those of pollers.
type stuckDisk struct {
	vfs.FS
	mu      sync.Mutex
	changed *sync.Cond
	held    bool
	pollers bool // only theirs
}

func newStuckDisk() *stuckDisk {
	d := &stuckDisk{}
	d.changed = sync.NewCond(&d.mu)
	d.FS = &vfstest.Faulty{FS: vfstest.NewMem(), Before: func(op vfstest.Op, name string) {
		if op == vfstest.OpSync && strings.HasPrefix(name, "journal") {
			d.mu.Lock()
			defer d.mu.Unlock()
			for d.held && (!d.pollers || polls(false) > 0) {
				d.changed.Wait()
			}
		}
	}}
	return d
}

func (d *stuckDisk) hold(held, pollers bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.pollers = held, pollers
	d.changed.Broadcast()
}

// polls is how many goroutines poll, or have been replaced in that and wait for the
// disk: of all, or whether this one does.
func polls(all bool) int {
	text := make([]byte, 1<<20)
	text = text[:runtime.Stack(text, all)]
	return strings.Count(string(text), "transport.(*poller).run(")
}

// tillReplaced sends until somebody polls for the only one that the disk keeps, and returns
// the answers of the last time; they are at an end with the connection.
func tillReplaced(t *testing.T, h *housetest.House, disk *stuckDisk, n int, send func(l *housetest.Line)) <-chan any {
	t.Helper()
	defer disk.hold(false, false)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		for polls(true) > 1 { // the one who was kept last time
			runtime.Gosched()
		}
		l, answers := h.Login("alice"), make(chan any, n)
		disk.hold(true, true)
		go func() {
			defer close(answers)
			for a := l.Next(); a != nil; a = l.Next() {
				answers <- a["resp"]
			}
		}()
		for send(l); len(answers) < n; runtime.Gosched() {
			if polls(true) > 1 {
				return answers
			}
		}
		disk.hold(false, false)
		l.Close()
	}
	t.Fatal("nobody polls in the place of the one who waits for the disk")
	return nil
}

// TestAPollerTakesOverWhatIsLeft: the disk keeps a poller that has not read all that
// a client sent, or has to read its end. Who polls in its place does that.
func TestAPollerTakesOverWhatIsLeft(t *testing.T) {
	post := `{"call":"message","servername":"s","channel":"general","msg":"` + strings.Repeat("x", 4000) + `"}`
	post += strings.Repeat(" ", 4096-len(post))
	begin := func(t *testing.T) (*housetest.House, *stuckDisk) {
		disk := newStuckDisk()
		h := housetest.New(t, housetest.Settings{
			FS: disk, Actor: longPatience, Wire: func(cfg *transport.Config) { cfg.Processors = 1 },
		})
		h.Founder().Close()
		return h, disk
	}
	t.Run("a burst", func(t *testing.T) {
		h, disk := begin(t)
		answers := tillReplaced(t, h, disk, 6, func(l *housetest.Line) {
			l.Write(strings.Repeat(post, 6)) // two fit into what a poller takes at a time
		})
		for range 6 {
			if got := <-answers; got != true {
				t.Fatalf("answered %v", got)
			}
		}
	})
	t.Run("an end", func(t *testing.T) {
		h, disk := begin(t)
		for range 10 { // the end may come a little later than the post
			answers := tillReplaced(t, h, disk, 1, func(l *housetest.Line) {
				l.Write(post)
				if err := l.Conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			if got := <-answers; got != true {
				t.Fatalf("answered %v", got)
			}
			if _, more := <-answers; more {
				t.Fatal("an answer too many")
			}
		}
	})
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
		disk.hold(true, false)
		alice.Write(`{"call":"message","servername":"s","channel":"general","msg":"waits"}`)
		for _, other := range others {
			for range 10 {
				other.Yes(`{"call":"ping"}`)
			}
		}
		disk.hold(false, false)
		if got := alice.Next(); got["index"] != 0.0 {
			t.Errorf("the post was answered %v", got)
		}
	}
}
