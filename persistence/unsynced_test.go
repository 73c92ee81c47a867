package persistence

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// noSyncDir cannot make the entries of one folder durable.
type noSyncDir struct {
	vfs.FS
	dir string
}

func (d noSyncDir) SyncDir(name string) error {
	if name == d.dir {
		return syscall.EIO
	}
	return d.FS.SyncDir(name)
}

// TestASnapshotThatWasOnlyReadIsMadeDurable leaves a snapshot in place whose
// name is not durable. The next process reads it and lets the journal behind it
// go, and then the power is cut.
func TestASnapshotThatWasOnlyReadIsMadeDurable(t *testing.T) {
	mem := vfstest.NewMem()
	w := open(t, Config{FS: noSyncDir{mem, streamDir("a")}})
	seq := w.write("a", 5)
	if saved := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); saved.Err == nil {
		t.Fatal("the snapshot was acknowledged")
	}
	w.close()

	w = open(t, Config{FS: mem, SegmentBytes: 1})
	checkEvents(t, w.recover("a"), seq)
	for deadline := time.Now().Add(patience); ; {
		w.write("b", 1) // each begins a new segment
		kept, err := vfs.Exists(mem, segmentFile(1))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the first segment is there: %v %v", kept, err)
		}
		if !kept {
			break
		}
	}
	cut := mem.PowerCut(0, 1)
	w.close()

	w = open(t, Config{FS: cut})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// TestWhatWasOnlyReadOfTheJournalIsMadeDurable ends a process between a write
// and its sync. The next one reads what was written and builds on it, and then
// the power is cut.
func TestWhatWasOnlyReadOfTheJournalIsMadeDurable(t *testing.T) {
	mem := vfstest.NewMem()
	disk := &vfstest.Faulty{FS: mem}
	w := open(t, Config{FS: disk})
	seq := w.write("a", 2)
	r := w.mustRecover("a")
	written := disk.Calls()
	disk.Set(func(call int) error {
		if call > written {
			return syscall.EIO
		}
		return nil
	})
	w.post("a", r.Epoch, seq, 1)
	if no := hear[*Rejected](w); no.Seq != seq+1 {
		t.Fatalf("rejected %+v", no)
	}
	_ = w.stop() // its disk is dead

	w = open(t, Config{FS: mem})
	if found := w.mustRecover("a").Seq; found != seq+1 {
		t.Fatalf("%d events were written, %d read", seq+1, found)
	}
	seq = w.write("a", 1)
	cut := mem.PowerCut(0, 1)
	w.close()

	w = open(t, Config{FS: cut})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// lossy is a disk that forgets what a failed sync should have made durable, and
// does not tell it again: so does Linux.
type lossy struct {
	vfs.FS
	fail atomic.Bool // the next sync
}

func (d *lossy) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	return &lossyFile{File: f, disk: d}, err
}

type lossyFile struct {
	vfs.File
	disk *lossy
	held []byte
}

func (f *lossyFile) Write(p []byte) (int, error) {
	f.held = append(f.held, p...)
	return len(p), nil
}

func (f *lossyFile) Sync() error {
	if f.disk.fail.CompareAndSwap(true, false) {
		f.held = nil
		return syscall.EIO
	}
	return errors.Join(f.flush(), f.File.Sync())
}

func (f *lossyFile) flush() error {
	_, err := f.File.Write(f.held)
	f.held = nil
	return err
}

func (f *lossyFile) Close() error { return errors.Join(f.flush(), f.File.Close()) }

func TestAFailedSyncIsNotTriedAgain(t *testing.T) {
	mem := vfstest.NewMem()
	disk := &lossy{FS: mem}
	w := open(t, Config{FS: disk, Inspect: true})
	seq := w.write("a", 2)
	r := w.mustRecover("a")
	disk.fail.Store(true)
	w.post("a", r.Epoch, seq, 1)
	if answer, done := hear[any](w).(*Committed); done {
		seq = answer.Seq
	} else if n := w.store.Counters().Failures; n != 1 {
		t.Errorf("%d failures are counted", n)
	}
	cut := mem.PowerCut(0, 1)
	w.close()

	w = open(t, Config{FS: cut})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}
