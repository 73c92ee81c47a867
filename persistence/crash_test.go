package persistence

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
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

// TestPowerCuts lives lives that end at any file call, with a power cut or with
// a kill; the long form has at least 6,000 power cuts.
func TestPowerCuts(t *testing.T) {
	var sum tally
	defer func() { sum.log(t) }()
	for _, seed := range seeds(t, long(60, 3500)) {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { powerCuts(t, seed, &sum) }) {
			return
		}
	}
}

// lives is how many a run has; the last one only looks at what is left.
const lives = 5

func powerCuts(t *testing.T, seed uint64, sum *tally) {
	m := newModel(seed)
	defer func() { sum.add(m.told) }()
	mem, killed := vfstest.NewMem(), false
	for n := range lives - 1 {
		l := &life{mem: mem, m: m, seed: seed + uint64(n)}
		l.plan(killed)
		acked := m.told.acked
		l.live(t)
		mem = l.after()
		if l.end == cut && killed && m.told.acked > acked {
			m.told.killThenCut++
		}
		killed = l.end == kill
	}
	m.disk = nil
	w := open(t, Config{FS: mem})
	m.enter(w)
	w.close()
}

func (n *tally) add(o tally) {
	n.cuts, n.kills, n.beforeSync, n.killThenCut, n.closes = n.cuts+o.cuts, n.kills+o.kills, n.beforeSync+o.beforeSync, n.killThenCut+o.killThenCut, n.closes+o.closes
	n.acked, n.saved, n.checkedEvents, n.checkedSnapshots = n.acked+o.acked, n.saved+o.saved, n.checkedEvents+o.checkedEvents, n.checkedSnapshots+o.checkedSnapshots
	n.pages, n.large, n.ended, n.relived = n.pages+o.pages, n.large+o.large, n.ended+o.ended, n.relived+o.relived
}

type ending int

const (
	cut   ending = iota // the power is cut
	kill                // the process is killed; what it wrote is there, synced or not
	clean               // it is stopped
)

// life is one process's.
type life struct {
	m    *model
	mem  *vfstest.Mem
	disk *vfstest.Faulty
	seed uint64

	end     ending
	at      int       // the file call that it ends at, if it comes so far
	percent int       // of what is not synced that a power cut leaves
	once    sync.Once // the power is cut by a file call, or by the life's end
	left    *vfstest.Mem
}

func (l *life) plan(killed bool) {
	rng := l.m.rng
	switch dice := rng.IntN(10); {
	case dice < 5 || killed && dice < 8:
		l.end = cut
	case dice < 9:
		l.end = kill
	default:
		l.end = clean
	}
	l.at = rng.IntN(250)
	if rng.IntN(5) == 0 {
		l.at = rng.IntN(15) // while it starts
	}
	l.percent = min(100, rng.IntN(140)/10*10)
	if rng.IntN(4) == 0 {
		l.percent = 0
	}
	l.disk = &vfstest.Faulty{FS: l.mem, Short: rng.IntN(2) == 0}
	l.m.disk = l.disk
	if l.end != clean {
		l.disk.Fail = l.perish
	}
}

// perish ends the life at its file call.
func (l *life) perish(call int) error {
	if call < l.at {
		return nil
	}
	l.die()
	return vfstest.ErrKilled
}

func (l *life) die() {
	l.disk.Kill() // first: what is under way is not acknowledged any more
	if l.end == cut {
		l.once.Do(func() { l.left = l.mem.PowerCut(l.percent, l.seed) })
	}
}

func (l *life) live(t *testing.T) {
	m := l.m
	w, err := tryOpen(t, Config{FS: l.disk, SegmentBytes: 1 + m.rng.Int64N(8000), Indent: m.rng.IntN(2)})
	if err != nil {
		if !l.disk.Killed() {
			t.Fatal(err)
		}
		l.die()
		return
	}
	if m.enter(w) {
		for n := 5 + m.rng.IntN(60); n > 0 && !l.disk.Killed(); n-- {
			m.step()
		}
	}
	m.hearAll()
	if l.end != clean {
		l.die()
	}
	m.settleAll() // a dead disk refuses all that waits; what is acknowledged counts
	if err := w.stop(); err != nil && l.end == clean {
		t.Fatal(err)
	}
}

// after counts the life and gives the disk of the next one.
func (l *life) after() *vfstest.Mem {
	told := &l.m.told
	switch {
	case l.end == kill:
		told.kills++
		if l.disk.Last() == vfstest.OpSync {
			told.beforeSync++
		}
	case l.end == cut:
		told.cuts++
		return l.left
	default:
		told.closes++
	}
	return l.mem
}

// fault is one way in which file calls fail.
type fault struct {
	of          vfstest.Op
	err         error
	short, drop bool
	lasts       time.Duration // 0 for one call
}

var faults = map[string]fault{
	"EIO":           {of: vfstest.Changes, err: syscall.EIO},
	"short write":   {of: vfstest.Changes, err: syscall.EIO, short: true},
	"disk full":     {of: vfstest.Changes, err: syscall.ENOSPC, short: true, lasts: 2 * time.Second},
	"disk failing":  {of: vfstest.Changes, err: syscall.EIO, lasts: 2 * time.Second},
	"lost sync":     {of: vfstest.OpSync, err: syscall.EIO, drop: true},
	"failed read":   {of: vfstest.Reads, err: syscall.EIO},
	"failing reads": {of: vfstest.Reads, err: syscall.EIO, lasts: time.Second / 2},
}

// TestFaults lets the k-th file call fail, for every k until none fires, then
// cuts the power. Time is the bubble's: an answer that takes more than a second
// of it fails the test on any machine.
func TestFaults(t *testing.T) {
	all := seeds(t, long(1, 5))
	for name, kind := range faults {
		t.Run(name, func(t *testing.T) {
			step := uint64(long(15, 1))
			if kind.of == vfstest.OpSync {
				step = uint64(long(3, 1))
			}
			count := 0
			for _, seed := range all {
				count += faultAtEach(t, kind, seed, step)
			}
			t.Logf("%d faults, one at each %d. of the calls", count, step)
		})
	}
}

func faultAtEach(t *testing.T, kind fault, seed, step uint64) int {
	count := 0
	for k := seed % step; ; k += step {
		fired := false
		synctest.Test(t, func(t *testing.T) { fired = faultAt(t, int(k), kind, seed) })
		if t.Failed() {
			t.Fatalf("seed %d, call %d", seed, k)
		}
		if !fired {
			return count
		}
		count++
	}
}

// failing is a disk on which a fault happens at call k.
type failing struct {
	*vfstest.Faulty
	mu    sync.Mutex
	until time.Time // of a fault that lasts
}

func (d *failing) over() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until
}

func newFailing(mem *vfstest.Mem, k int, f fault) *failing {
	d := &failing{Faulty: &vfstest.Faulty{FS: mem, Of: f.of, Short: f.short, Drop: f.drop}}
	d.Fail = func(call int) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if call == k {
			d.until = time.Now().Add(f.lasts)
		}
		if call == k || call > k && time.Now().Before(d.until) {
			return f.err
		}
		return nil
	}
	return d
}

func faultAt(t *testing.T, k int, f fault, seed uint64) bool {
	defer time.Sleep(time.Second) // of the bubble: lets the dead letters' timer end
	m := newModel(seed)
	mem := vfstest.NewMem()
	disk := newFailing(mem, k, f)
	m.disk, m.limit = disk.Faulty, time.Second
	w := openFailing(t, disk)
	m.enter(w)
	for range 60 {
		m.step()
	}
	m.settleAll()
	if f.of == vfstest.Changes && f.lasts > 0 {
		m.readOn()
	}
	time.Sleep(time.Until(disk.over()))
	m.heal(disk.over)
	left := mem.PowerCut(m.rng.IntN(3)*50, uint64(k))
	_ = w.stop() // the fault may hit the end; the disk was cut before
	m.disk = nil
	w = open(t, Config{FS: left})
	m.enter(w)
	w.close()
	return disk.Hits() > 0
}

// openFailing opens a disk as soon as it can be. It must not be called damaged meanwhile.
func openFailing(t *testing.T, disk *failing) *world {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		w, err := tryOpen(t, Config{FS: disk, SegmentBytes: 3000})
		if err == nil {
			return w
		}
		if disk.Hits() == 0 || time.Now().After(deadline) || !errors.As(err, new(*NotWritableError)) {
			t.Fatalf("open: %v", err)
		}
	}
}

// readOn checks that everything can be read, whatever cannot be written.
func (m *model) readOn() {
	m.w.t.Helper()
	for _, s := range slices.Clone(m.streams) {
		if s.droppedBy == 0 && !m.resume(s) {
			m.w.t.Fatalf("%s cannot be read", s.name)
		}
	}
}
