package persistence

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"elemental/persistence/vfs/vfstest"
)

// TestAStreamWithoutAnOwnerLeavesMemory though whoever was its owner says nothing any more after a
// Rejected. One that has an owner stays.
func TestAStreamWithoutAnOwnerLeavesMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, Config{FS: vfstest.NewMem()})
		r, owned := w.mustRecover("a"), w.mustRecover("owned")
		w.post("a", r.Epoch, 5, 1) // where 1 should be
		hear[*Rejected](w)
		time.Sleep(sweepEvery * idleSweeps / 2)
		synctest.Wait()
		if n := w.store.Counters().Streams; n != 2 {
			t.Errorf("%d streams at first", n)
		}
		time.Sleep(sweepEvery * idleSweeps)
		synctest.Wait()
		if n := w.store.Counters().Streams; n != 1 {
			t.Errorf("%d streams are left", n)
		}
		w.post("owned", owned.Epoch, 0, 1)
		w.until("owned", 1)
		w.close()
		time.Sleep(time.Second)
	})
}

// TestAForgottenStreamLeavesMemory saves many streams at a checkpoint, whose owners leave then.
func TestAForgottenStreamLeavesMemory(t *testing.T) {
	w := open(t, Config{FS: vfstest.NewMem()})
	seqs := map[Stream]uint64{}
	known := map[Stream]weak.Pointer[stream]{}
	for i := range 100 {
		s := StreamOf("users", fmt.Sprint(i))
		seqs[s] = w.write(s, 1)
	}
	w.store.mu.Lock()
	for s := range seqs {
		known[s] = weak.Make(w.store.core.table[s])
	}
	w.store.mu.Unlock()
	w.checkpoint()
	for s, seq := range seqs {
		if saved := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq)}); saved.Err != nil {
			t.Fatal(saved.Err)
		}
		w.tell(&Release{Stream: s, Epoch: w.epochs[s]})
	}
	w.mustRecover("barrier")
	runtime.GC()
	left := 0
	for _, e := range known {
		if e.Value() != nil {
			left++
		}
	}
	if left > 10 { // a worker may still have its last job
		t.Errorf("%d of %d streams are still in memory", left, len(known))
	}
	w.close()
}

// TestAFormerOwnersReleaseIsNotItsSuccessors comes after the next Recover of the stream, and once for a
// stream that nobody knows.
func TestAFormerOwnersReleaseIsNotItsSuccessors(t *testing.T) {
	w := open(t, Config{FS: vfstest.NewMem()})
	w.tell(&Recover{Stream: "a", Ref: 1, ReplyTo: w.owner})
	former := hear[*Recovered](w)
	w.tell(&Recover{Stream: "a", Ref: 2, ReplyTo: w.owner})
	present := hear[*Recovered](w)
	w.tell(&Release{Stream: "a", Epoch: former.Epoch, Ref: 1})
	w.tell(&Release{Stream: "unknown", Epoch: former.Epoch, Ref: 1})
	w.post("a", present.Epoch, 0, 1)
	w.until("a", 1)
	w.close()
}

func TestReleasedStreamsLeaveMemory(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	seq := w.write("a", 2)
	w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)})
	r := w.mustRecover("a")
	w.tell(&Release{Stream: "a", Epoch: r.Epoch})
	w.mustRecover("b")
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.store.core.table["a"] != nil {
		t.Error("a released, clean stream is still in memory")
	}
}
