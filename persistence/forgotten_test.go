package persistence

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"elemental/persistence/vfs/vfstest"
)

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
