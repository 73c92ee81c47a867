package persistence

import (
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"elemental/persistence/vfs/vfstest"
)

// TestARefusedEventIsCountedOnce has the disk be full when a segment is to begin, with an event
// waiting behind that. Once there is room again, a recovery waits for an event that is on its way
// to the disk, as ever.
func TestARefusedEventIsCountedOnce(t *testing.T) {
	var full, slow atomic.Bool
	opening, syncing, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
	open1 := sync.OnceFunc(func() { close(opening); <-goOn })
	release := make(chan struct{})
	sync1 := sync.OnceFunc(func() { close(syncing); <-release })
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.FailAt = func(op vfstest.Op, name string) error {
		switch {
		case path.Dir(name) != journalFolder:
		case op == vfstest.OpCreate && full.Load():
			open1()
			return syscall.ENOSPC
		case op == vfstest.OpSync && slow.Load():
			sync1()
		}
		return nil
	}
	w := open(t, Config{FS: files})
	seq := w.write("a", 1)
	full.Store(true)
	w.tell(&checkpointDue{})
	<-opening
	w.post("a", w.epochs["a"], seq, 1)
	w.mustRecover("barrier")
	close(goOn)
	hear[*Rejected](w)
	full.Store(false)
	w.passUntil("the journal can be written again", w.store.Writable)

	r := w.mustRecover("a")
	checkEvents(t, r, seq)
	slow.Store(true)
	w.post("a", r.Epoch, seq, 1)
	<-syncing
	w.tell(&Recover{Stream: "a", ReplyTo: w.owner})
	w.tell(&Recover{Stream: "barrier", ReplyTo: w.owner})
	if first := hear[*Recovered](w); first.Stream != "barrier" {
		t.Errorf("it is recovered up to %d, and event %d is on its way", first.Seq, seq+1)
		w.tell(&Recover{Stream: "a", ReplyTo: w.owner})
	}
	close(release)
	checkEvents(t, hear[*Recovered](w), seq+1)
	w.close()
}
