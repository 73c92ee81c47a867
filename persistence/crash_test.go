package persistence

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence/vfs/vfstest"
)

// long scales the loops: ELEMENTAL_LONG=1 for the long form.
func long(short, full int) int {
	if os.Getenv("ELEMENTAL_LONG") != "" {
		return full
	}
	return short
}

// seedOr gives the seeds to run: one from ELEMENTAL_SEED, or count from a base.
func seeds(t *testing.T, count int) []uint64 {
	if text := os.Getenv("ELEMENTAL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	base := rand.Uint64() >> 16
	t.Logf("seeds from %d (ELEMENTAL_SEED to repeat one)", base)
	all := make([]uint64, count)
	for i := range all {
		all[i] = base + uint64(i)
	}
	return all
}

func TestPowerCuts(t *testing.T) {
	for _, seed := range seeds(t, long(100, 5000)) {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { powerCuts(t, seed) }) {
			return
		}
	}
}

// powerCuts lives some lives, each ended by a power cut at any moment, or by a
// kill that leaves what was not synced to the next life.
func powerCuts(t *testing.T, seed uint64) {
	m := newModel(seed)
	mem := vfstest.NewMem()
	for life := range 5 {
		disk := &vfstest.Faulty{FS: mem}
		cfg := Config{FS: disk, SegmentBytes: 1 + m.rng.Int64N(8000), Indent: m.rng.IntN(2)}
		w := open(t, cfg)
		m.enter(w)
		if life < 4 {
			for range 5 + m.rng.IntN(60) {
				m.step()
			}
		}
		m.hearAll()
		if m.rng.IntN(2) == 0 {
			disk.Set(func(int) error { return syscall.EIO }) // killed: not one call more
			_ = w.stop()
			m.hearAll()
			continue
		}
		cut := mem.PowerCut(m.rng.IntN(5)*25, seed+uint64(life))
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		mem = cut
	}
}

// TestFaults lets the k-th change of the disk fail, then cuts the power.
func TestFaults(t *testing.T) {
	for name, kind := range map[string]struct {
		err   error
		short bool
		lasts int
	}{
		"EIO":         {syscall.EIO, false, 1},
		"short write": {syscall.EIO, true, 1},
		"ENOSPC":      {syscall.ENOSPC, true, 9},
	} {
		t.Run(name, func(t *testing.T) {
			for k, step := 0, long(7, 1); ; k += step {
				fired := false
				synctest.Test(t, func(t *testing.T) {
					fired = faultAt(t, k, kind.lasts, kind.err, kind.short)
				})
				if !fired || t.Failed() {
					t.Logf("%d faults", k/step)
					return
				}
			}
		})
	}
}

func faultAt(t *testing.T, k, lasts int, fault error, short bool) bool {
	defer time.Sleep(time.Second) // of the bubble: lets the dead letters' timer end
	m := newModel(uint64(k))
	mem := vfstest.NewMem()
	disk := &vfstest.Faulty{FS: mem, Short: short, Fail: func(call int) error {
		if call >= k && call < k+lasts {
			return fault
		}
		return nil
	}}
	cfg := Config{FS: disk, SegmentBytes: 3000}
	w, err := tryOpen(t, cfg)
	for ; err != nil; w, err = tryOpen(t, cfg) {
		if disk.Hits() == 0 || disk.Calls() > k+lasts+20 {
			t.Fatalf("fault at %d: open: %v", k, err)
		}
	}
	m.enter(w)
	for range 60 {
		m.step()
	}
	m.heal()
	fired := disk.Hits() > 0
	cut := mem.PowerCut(m.rng.IntN(3)*50, uint64(k))
	_ = w.stop() // the fault may hit the end; the disk was cut before
	w = open(t, Config{FS: cut})
	m.enter(w)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	return fired
}
