package persistence

import (
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence/vfs/vfstest"
)

// TestOwnersThatDoNotAnswerLoseTheirPlace lets a checkpoint ask as many owners as it may at a time,
// none of whom ever answers. Another one still gets its turn, and they theirs at the next checkpoint.
func TestOwnersThatDoNotAnswerLoseTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, Config{FS: vfstest.NewMem(), SnapshotInterval: time.Hour})
		for i := range askedAtOnce + 1 {
			w.write(StreamOf("users", string(rune('A'+i))), 1)
		}
		asked := func() (n int) {
			synctest.Wait()
			for len(w.heard) > 0 {
				if _, ok := (<-w.heard).(*SnapshotWanted); ok {
					n++
				}
			}
			return n
		}
		time.Sleep(time.Hour)
		if n := asked(); n != askedAtOnce {
			t.Errorf("%d are asked at once", n)
		}
		time.Sleep(askedLong - beatEvery)
		if n := asked(); n != 0 {
			t.Errorf("%d more are asked too soon", n)
		}
		time.Sleep(2 * beatEvery)
		if n := asked(); n != 1 {
			t.Errorf("then %d more are asked", n)
		}
		time.Sleep(time.Hour)
		if n := asked(); n != askedAtOnce+1 {
			t.Errorf("at the next checkpoint %d are asked", n)
		}
		w.close()
		time.Sleep(time.Second)
	})
}

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

// TestACrashBeforeATimersMessage lets the store crash while the message of a timer waits for it.
// That begins no second row of sweeps beside that of the restart.
func TestACrashBeforeATimersMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, Config{FS: vfstest.NewMem()})
		w.mayCrash.Store(1)
		w.tell((*Recover)(nil))
		w.tell(&sweepDue{})
		time.Sleep(10*sweepEvery + time.Second)
		synctest.Wait()
		w.store.mu.Lock()
		sweeps := w.store.core.sweeps
		w.store.mu.Unlock()
		if sweeps != 11 {
			t.Errorf("%d sweeps", sweeps)
		}
		w.close()
		time.Sleep(time.Second)
	})
}
