package history

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"elemental/actors"
	"elemental/cmd/elemental/providertest"
	"elemental/persistence"
	"elemental/transport/housetest"
)

// turns is how much each client does in one run. It bounds the histories, so
// that they are judged in moments.
const turns = 40

// TestOneOrderWhileActorsCrash has all clients at work in one process, which
// cut their connections, while actors of every kind panic.
func TestOneOrderWhileActorsCrash(t *testing.T) {
	for round := range rounds(2, 60) {
		seed := uint64(time.Now().UnixNano())
		h := housetest.New(t, housetest.Settings{
			Store: func(c *persistence.Config) { c.SnapshotInterval, c.SegmentBytes = 20*time.Millisecond, 4000 },
			Actor: func(c *actors.Config) {
				c.Passivate, c.LoginFailures, c.LoginFailuresAddress = 10*time.Millisecond, 0, 0
			},
		})
		c := &crowd{t: t, addr: h.Addr, book: newBook(), seed: seed}
		crashes := &crasher{rng: rand.New(rand.NewPCG(seed, 0)), left: 40}
		c.work(turns, func(<-chan struct{}) { h.Strike(crashes.strike) })
		h.Strike(nil)
		c.judge(t, fmt.Sprintf("round %d, seed %d, crashes %s", round, seed, crashes.told()))
		if t.Failed() {
			return
		}
	}
}

// crasher lets actors panic, a bounded number of times.
type crasher struct {
	mu   sync.Mutex
	rng  *rand.Rand
	left int
	of   map[actors.Kind]int
}

// victims are the kinds of which a crash is survived, and how many messages of
// each are handled between two crashes, about.
var victims = map[actors.Kind]int{
	actors.KindSession: 400, actors.KindServer: 400, actors.KindChannel: 100, actors.KindUser: 300,
	actors.KindDirectory: 800, actors.KindRouter: 300, actors.KindPersistence: 600, actors.KindPasswords: 150,
}

func (c *crasher) strike(kind actors.Kind, msg any) {
	often := victims[kind]
	if often == 0 || !housetest.Ordinary(msg) {
		return
	}
	c.mu.Lock()
	strikes := c.left > 0 && c.rng.IntN(often) == 0
	if strikes {
		c.left--
		if c.of == nil {
			c.of = map[actors.Kind]int{}
		}
		c.of[kind]++
	}
	c.mu.Unlock()
	if strikes {
		panic("injected")
	}
}

func (c *crasher) told() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.of)
}

// TestOneOrderWhileKilled has all clients at work with the real program, which
// is killed again and again.
func TestOneOrderWhileKilled(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for round := range rounds(1, 40) {
		seed := uint64(time.Now().UnixNano())
		rng := rand.New(rand.NewPCG(seed, 0))
		p := providertest.Of(t, providertest.New(path, filepath.Join(t.TempDir(), "data"),
			"--snapshotinterval", "20ms", "--segmentsize", "4KiB", "--passivate", "10ms", "--loginfailures", "1000000", "--loginfailuresaddress", "0"))
		p.Start()
		c := &crowd{t: t, addr: p.Addr, book: newBook(), seed: seed}
		kills := 0
		c.work(turns, func(ended <-chan struct{}) {
			for ; kills < 4; kills++ {
				if !c.book.grows(50+rng.IntN(150), ended) {
					return
				}
				p.Kill()
				p.Start()
			}
		})
		c.judge(t, fmt.Sprintf("round %d, seed %d, %d kills", round, seed, kills))
		p.Stop()
		if t.Failed() {
			return
		}
	}
}

// grows waits for n operations more, or for the end of the work.
func (b *book) grows(n int, ended <-chan struct{}) bool {
	for enough := b.size() + n; b.size() < enough; {
		select {
		case <-ended:
			return false
		case <-time.After(time.Millisecond): // a pace for looking
		}
	}
	return true
}

// work lets all clients work, with trouble beside them, and returns when they
// have ended.
func (c *crowd) work(turns int, trouble func(ended <-chan struct{})) {
	c.t.Helper()
	var all sync.WaitGroup
	c.startPosting(&all, 2*turns)
	c.startJoining(&all, turns, "a")
	c.startJoining(&all, turns, "b")
	c.startLogins(&all, turns, "a")
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	trouble(ended)
	<-ended
}

// judge reads what is left, and holds the whole history against the models.
func (c *crowd) judge(t *testing.T, what string) {
	t.Helper()
	c.readAll()
	began := time.Now()
	judge(t, "channels", channelLog, c.book.ops[&channelLog])
	judge(t, "members", members, c.book.ops[&members])
	judge(t, "joined", joined, c.book.ops[&joined])
	judge(t, "accounts", accounts, c.book.ops[&accounts])
	t.Logf("%s: %d operations in %v, %d without an answer, judged in %v", what, c.book.all,
		began.Sub(c.book.start).Round(time.Millisecond), c.book.odd, time.Since(began).Round(time.Millisecond))
}
