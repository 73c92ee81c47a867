package persistence

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// TestALateSnapshotKeepsTheOneBefore has a snapshot still on its way to the disk when a checkpoint
// lets the older one's journal go: what is the older one by then has its journal, and stays. The
// newest is damaged later.
func TestALateSnapshotKeepsTheOneBefore(t *testing.T) {
	var late atomic.Bool
	begun, goOn := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(begun); <-goOn })
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	state := streamDir("a") + "/" + stateFile
	files.Before = func(op vfstest.Op, name string) {
		if late.Load() && op == vfstest.OpRename && name == state {
			hold()
		}
	}
	w := open(t, Config{FS: files})
	var seq uint64
	for range 2 { // two snapshots, each with a segment of its own behind it
		seq = w.write("a", 3)
		w.checkpoint()
		if saved := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); saved.Err != nil {
			t.Fatal(saved.Err)
		}
	}
	seq = w.write("a", 3)
	late.Store(true)
	w.tell(&SaveSnapshot{Stream: "a", Epoch: w.epochs["a"], Seq: seq, State: stateAt(seq), ReplyTo: w.owner})
	<-begun
	w.checkpoint()
	close(goOn)
	if saved := hear[*SnapshotSaved](w); saved.Err != nil {
		t.Fatal(saved.Err)
	}
	w.mustRecover("a") // comes after what there was to do
	w.close()

	data, err := vfs.ReadFile(mem, state)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := (&disk{FS: mem}).replace(state, data); err != nil {
		t.Fatal(err)
	}
	w = open(t, Config{FS: mem})
	checkEvents(t, w.recover("a"), seq)
	w.close()
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

func TestSnapshotReplacesEvents(t *testing.T) {
	for _, indent := range []int{0, 2} {
		dir := t.TempDir()
		w := open(t, Config{Dir: dir, Indent: indent})
		w.write("a", 5)
		if s := w.saveState(&SaveSnapshot{Stream: "a", Seq: 4, State: stateAt(4)}); s.Err != nil {
			t.Fatal(s.Err)
		}
		checkEvents(t, w.recover("a"), 5)
		w.close()
		w = open(t, Config{Dir: dir})
		r := w.recover("a")
		checkEvents(t, r, 5)
		if len(r.Events) != 1 {
			t.Errorf("%d events beside the snapshot", len(r.Events))
		}
		if s := w.saveState(&SaveSnapshot{Stream: "a", Seq: 9, State: stateAt(9)}); !errors.Is(s.Err, ErrStale) {
			t.Errorf("snapshot of what is not durable: %v", s.Err)
		}
		if s := w.saveState(&SaveSnapshot{Stream: "a", Seq: 5, State: []byte("{")}); !errors.Is(s.Err, ErrInvalid) {
			t.Errorf("half a state: %v", s.Err)
		}
		checkEvents(t, w.recover("a"), 5)
		w.close()
	}
}

// TestSnapshotTroubleIsToldOnce has a disk on which the snapshots of two streams cannot be saved,
// while those of a third one can.
func TestSnapshotTroubleIsToldOnce(t *testing.T) {
	const begins, ends = "snapshots cannot be saved", "snapshots can be saved again"
	var log bytes.Buffer
	var full atomic.Bool
	w := open(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), FS: &vfstest.Faulty{
		FS: vfstest.NewMem(),
		FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpCreate && full.Load() && !strings.HasPrefix(name, "small/") && strings.Contains(name, "state") {
				return syscall.ENOSPC
			}
			return nil
		},
	}})
	save := func(s Stream) error {
		return w.saveState(&SaveSnapshot{Stream: s, Seq: w.write(s, 1), State: stateAt(1)}).Err
	}
	full.Store(true)
	for range 3 {
		for _, s := range []Stream{"large", "doomed", "small"} {
			if err := save(s); (err == nil) != (s == "small") {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	full.Store(false)
	if err := save("large"); err != nil {
		t.Fatal(err)
	}
	w.tell(&Append{Stream: "owner", Epoch: w.mustRecover("owner").Epoch, Event: event(1, `{}`), Drops: []Stream{"doomed"}, ReplyTo: w.owner})
	w.until("owner", 1)
	w.passUntil("the files of what has ended are gone", func() bool {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		return w.store.core.table["doomed"] == nil
	})
	w.close()
	if text := log.String(); strings.Count(text, begins) != 1 || strings.Count(text, ends) != 1 {
		t.Errorf("want one line each for the begin and the end of the trouble:\n%s", text)
	}
}

// TestASnapshotThatIsThereAllTheSameEndsTheTrouble has a save fail when the new snapshot is in its
// place already. The next recovery finds it and syncs it: the trouble is over, and the next one is
// told again.
func TestASnapshotThatIsThereAllTheSameEndsTheTrouble(t *testing.T) {
	const begins, ends = "snapshots cannot be saved", "snapshots can be saved again"
	var log bytes.Buffer
	var sick atomic.Bool
	w := open(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), FS: &vfstest.Faulty{
		FS: vfstest.NewMem(),
		FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpSyncDir && (name == "a" || name == "b") && sick.CompareAndSwap(true, false) {
				return syscall.EIO
			}
			return nil
		},
	}})
	for _, s := range []Stream{"a", "b"} {
		seq := w.write(s, 1)
		sick.Store(true)
		if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq)}); !errors.Is(r.Err, ErrUnavailable) {
			t.Fatalf("saved: %+v", r)
		}
		if r := w.mustRecover(s); string(r.Snapshot) != string(stateAt(seq)) {
			t.Fatalf("recovered: %+v", r)
		}
	}
	w.close()
	if text := log.String(); strings.Count(text, begins) != 2 || strings.Count(text, ends) != 2 {
		t.Errorf("want two lines each for the begin and the end of the trouble:\n%s", text)
	}
}
