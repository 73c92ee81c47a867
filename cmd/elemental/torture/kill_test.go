package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// TestKilledUnderLoad kills the provider again and again while dozens of
// clients post, listen, read, make and remove things, and come back by
// themselves while it starts. What was acknowledged, pushed or read by anybody
// is there afterwards, at the same place, once, each author's in order.
func TestKilledUnderLoad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	total := rounds(10, 150)
	p := providertest.Start(t, program)
	mob := newMob(t, p.Addr)
	begun := time.Now()
	for round := range total {
		if random.IntN(2) == 0 || round == 0 { // or it is killed while they are still coming
			mob.awaitAll(p)
		}
		select {
		case <-mob.book.untilAcked(20 + random.IntN(800)):
		case <-p.Exited():
		case <-mob.stalled:
			tellAll(p)
		case <-time.After(patience):
			t.Errorf("round %d: nothing is acknowledged any more", round)
			tellAll(p)
		}
		p.Kill()
		mob.died()
		startAnew(t, p, random)
		mob.check(p, round%10 == 9 || round == total-1)
		if round%10 == 9 {
			t.Logf("round %d after %v: %s", round, time.Since(begun).Round(time.Second), mob.book.figures())
		}
		if t.Failed() {
			break
		}
	}
	mob.disperse(p)
	mob.check(p, true)
	shortens(t, p)
	t.Logf("seed %d: %d kills; %s; %s", seed, total, mob.book.figures(), mob.figures())
}

// tellAll ends the provider with what all its goroutines do in its log, which is shown then.
func tellAll(p *providertest.Provider) {
	p.Signal(syscall.SIGQUIT)
	p.Wait()
}

// startAnew starts the provider, now with checkpoints all the time and actors
// that leave memory at once, now without any; sometimes it is killed once more
// in the middle of its start.
func startAnew(t *testing.T, p *providertest.Provider, random *rand.Rand) {
	t.Helper()
	p.Args = providertest.Args(p.Dir)
	if random.IntN(3) > 0 {
		p.Args = append(p.Args, "--snapshotinterval", "50ms", "--segmentsize", "16KiB", "--passivate", "100ms")
	}
	if random.IntN(3) == 0 {
		before := segments(t, p)
		p.Launch(p.Args...) // on a port of its own: nobody finds it
		for slices.Equal(segments(t, p), before) && p.Running() {
			time.Sleep(time.Duration(random.IntN(1000)) * time.Microsecond) // a pace for looking
		}
		p.Kill()
	}
	p.Start()
}

// shortens wants the journal to become short when all is quiet: nothing in it
// belongs to nobody, or it would stay for ever with all that follows.
func shortens(t *testing.T, p *providertest.Provider) {
	t.Helper()
	p.Kill()
	p.Args = append(providertest.Args(p.Dir), "--snapshotinterval", "50ms")
	p.Start()
	eventually(t, "the journal is short", func() bool { return len(segments(t, p)) <= 4 })
}

// segments are the files of the journal.
func segments(t *testing.T, p *providertest.Provider) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.Dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".jsonl" { // and no torn end
			names = append(names, e.Name())
		}
	}
	return names
}

// The rooms of the mob: three servers with three channels each.
const mobServers, mobChannels = 3, 3

func mobServer(i int) string { return fmt.Sprint("s", i%mobServers) }

func mobRoom(i int) room {
	return room{mobServer(i / mobChannels), fmt.Sprint("c", i%mobChannels)}
}
