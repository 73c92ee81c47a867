package persistence

import (
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
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

// TestATombstoneIsRemovedAfterARefusedUse has an event of a deleted stream on its way when its
// tombstone is to be removed. The disk refuses the event, and the owner leaves.
func TestATombstoneIsRemovedAfterARefusedUse(t *testing.T) {
	var slow, failing atomic.Bool
	syncing, goOn := make(chan struct{}), make(chan struct{})
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	files.FailAt = func(op vfstest.Op, name string) error {
		switch {
		case path.Dir(name) != journalFolder:
		case op == vfstest.OpSync && slow.CompareAndSwap(true, false):
			close(syncing)
			<-goOn
		case op == vfstest.OpWrite && failing.CompareAndSwap(true, false):
			return syscall.EIO
		}
		return nil
	}
	w := open(t, Config{FS: files})
	seq := w.bury("gone", 2)
	r := w.mustRecover("gone")
	slow.Store(true)
	w.tell(&checkpointDue{})
	<-syncing
	failing.Store(true)
	w.post("gone", r.Epoch, seq, 1)
	w.mustRecover("barrier")
	close(goOn)
	hear[*Rejected](w)
	w.tell(&Release{Stream: "gone", Epoch: r.Epoch})
	w.passUntil("the journal can be written again", w.store.Writable)
	w.write("users/a", 1)
	w.checkpoint()
	w.passUntil("the tombstone is removed", func() bool {
		there, err := vfs.Exists(mem, "gone/"+stateFile)
		return err == nil && !there
	})
	w.close()
}

// TestATombstoneStaysWhileTheJournalFails has an event of a deleted stream refused, which may be on
// disk all the same. Its owner leaves, and the process ends while nothing can be written.
func TestATombstoneStaysWhileTheJournalFails(t *testing.T) {
	var failing atomic.Bool
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	files.FailAt = func(op vfstest.Op, name string) error {
		if failing.Load() && path.Dir(name) == journalFolder && op&(vfstest.OpSync|vfstest.OpCreate) != 0 {
			return syscall.EIO
		}
		return nil
	}
	w := open(t, Config{FS: files})
	seq := w.bury("gone", 2)
	r := w.mustRecover("gone")
	w.checkpoint() // it lets the journal go, and not the tombstone, as that has an owner
	failing.Store(true)
	w.post("gone", r.Epoch, seq, 1)
	hear[*Rejected](w)
	w.tell(&Release{Stream: "gone", Epoch: r.Epoch})
	w.tell(&checkpointDue{})
	checkEvents(t, w.recover("gone"), seq)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}

	w = open(t, Config{FS: mem})
	checkEvents(t, w.recover("gone"), seq+1)
	w.close()
}
