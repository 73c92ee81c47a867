package powercuttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"elemental/actors"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport/housetest"
)

// patience ends a test that would wait for ever.
const patience = 40 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPowerCutsUnderLoad lets a whole provider serve posters, subscribers, a
// reader, an owner, a member and an account on a disk in memory, cuts the power
// at any call of the disk, and reads everything back from what is left.
// ELEMENTAL_LONG=1 cuts some hundred times, ELEMENTAL_SEED=n repeats one seed.
func TestPowerCutsUnderLoad(t *testing.T) {
	var mu sync.Mutex
	var sum powerFigures
	t.Cleanup(func() { t.Logf("%+v", sum) })
	for _, seed := range powerSeeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel() // a provider whose disk is gone takes a while to stop
			figures := powerLives(t, seed)
			mu.Lock()
			defer mu.Unlock()
			sum.add(figures)
		})
	}
}

// powerFigures is what a run was about.
type powerFigures struct{ Cuts, Kills, Boots, Sent, Acknowledged, Seen, Recovered int }

func (f *powerFigures) add(o powerFigures) {
	f.Cuts += o.Cuts
	f.Kills += o.Kills
	f.Boots += o.Boots
	f.Sent += o.Sent
	f.Acknowledged += o.Acknowledged
	f.Seen += o.Seen
	f.Recovered += o.Recovered
}

func powerSeeds(t *testing.T) []uint64 {
	if text := os.Getenv("ELEMENTAL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	count := 8
	if os.Getenv("ELEMENTAL_LONG") != "" {
		count = 120
	}
	base := rand.Uint64() >> 16
	t.Logf("seeds from %d (ELEMENTAL_SEED to repeat one)", base)
	seeds := make([]uint64, count)
	for i := range seeds {
		seeds[i] = base + uint64(i)
	}
	return seeds
}

// powerLives is one seed: some lives of the same folder, each but the last
// ended by a power cut, or by a kill that leaves what is not synced to the next.
func powerLives(t *testing.T, seed uint64) powerFigures {
	rng := rand.New(rand.NewPCG(seed, 2))
	book := newPowerBook(t)
	mem := vfstest.NewMem()
	const lives = 5
	for n := range lives {
		l := &powerLife{
			t: t, book: book, mem: mem, seed: seed + uint64(n),
			first: n == 0, last: n == lives-1,
			kill: rng.IntN(3) == 0, percent: rng.IntN(5) * 25,
			moment: rng.IntN(100 << rng.IntN(4)), over: make(chan struct{}),
		}
		l.live(rng)
		if mem = l.mem; t.Failed() {
			t.Logf("life %d, kill %v, at call %d, %d%%", n, l.kill, l.at, l.percent)
			return book.figures
		}
	}
	return book.figures
}

// powerLife is one run of the provider.
type powerLife struct {
	t           *testing.T
	book        *powerBook
	mem         *vfstest.Mem // the disk; after the end, what is left of it
	seed        uint64
	first, last bool
	kill        bool // instead of a cut
	percent     int  // of unsynced data that survives a cut
	moment      int  // the disk's call that it ends at
	at          int  // likewise, counted from the opening
	over        chan struct{}

	house   *housetest.House
	mu      sync.Mutex
	conns   []*net.TCPConn
	ended   bool // nobody connects any more
	running sync.WaitGroup
}

func (l *powerLife) live(rng *rand.Rand) {
	disk := &vfstest.Faulty{FS: l.mem}
	end := func() {
		l.at = disk.Calls() + l.moment
		disk.Set(l.ends)
	}
	if !l.first && !l.last {
		end()
	}
	l.book.reopen()
	var err error
	if l.house, err = housetest.Try(l.t, l.settings(disk, rng)); err != nil {
		l.check(err)
		return
	}
	if l.first {
		l.foundWorld()
		end()
	} else if !l.readBack() {
		<-l.over // in the middle of it
	}
	if !l.last {
		l.crowd()
		l.await()
	}
	l.hangUp()
	if err := l.house.Stop(); err != nil && l.last {
		l.t.Fatal(err) // the other lives' disk takes no calls
	}
}

func (l *powerLife) settings(disk *vfstest.Faulty, rng *rand.Rand) housetest.Settings {
	segment, snapshots := 1+rng.Int64N(12_000), time.Duration(1+rng.IntN(20))*time.Millisecond
	passivate := time.Duration(rng.IntN(2)*4) * time.Millisecond
	return housetest.Settings{
		FS:    disk,
		Store: func(c *persistence.Config) { c.SegmentBytes, c.SnapshotInterval = segment, snapshots },
		Actor: func(c *actors.Config) { c.Passivate, c.LoginFailures = passivate, 0 },
	}
}

// check is for an opening that failed: only the end of the disk may do that.
func (l *powerLife) check(err error) {
	select {
	case <-l.over:
		l.book.figures.Boots++
	default:
		l.t.Fatal(err)
	}
}

// ends is asked before each call that changes the disk. At its moment the call
// takes a while, as it does on a real disk, so that whoever speaks too early is
// heard; then the book is closed, and only after that the disk is as it is left.
func (l *powerLife) ends(call int) error {
	if call < l.at {
		return nil
	}
	if call == l.at {
		time.Sleep(2 * time.Millisecond)
		l.book.close()
		if l.kill {
			l.book.figures.Kills++
		} else {
			l.mem = l.mem.PowerCut(l.percent, l.seed)
			l.book.figures.Cuts++
		}
		close(l.over)
	}
	return syscall.EIO
}

// await waits for the end.
func (l *powerLife) await() {
	l.t.Helper()
	select {
	case <-l.over:
	case <-time.After(patience):
		l.t.Errorf("the disk had no call %d", l.at)
		l.book.close()
	}
}

// hangUp breaks all connections, so that nobody waits for their answers, and
// waits for who used them.
func (l *powerLife) hangUp() {
	l.mu.Lock()
	l.ended = true
	for _, conn := range l.conns {
		breakOff(conn)
	}
	l.mu.Unlock()
	l.running.Wait()
}

func breakOff(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // it may be closed already
	_ = conn.Close()
}
