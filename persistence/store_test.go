package persistence

import (
	"bytes"
	"errors"
	"log/slog"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence/vfs/vfstest"
)

func TestEventsComeBackAfterRestart(t *testing.T) {
	dir := t.TempDir()
	alice, general := StreamOf("users", "alice"), StreamOf("servers", "gophers", "channels", "General", "17")
	w := open(t, Config{Dir: dir})
	w.write(alice, 3)
	w.write(general, 2)
	checkEvents(t, w.recover(alice), 3)
	w.close()

	w = open(t, Config{Dir: dir})
	checkEvents(t, w.recover(alice), 3)
	checkEvents(t, w.recover(general), 2)
	w.write(alice, 2)
	w.close()

	w = open(t, Config{Dir: dir})
	checkEvents(t, w.recover(alice), 5)
	if r := w.mustRecover("users/nobody"); r.Seq != 0 || r.Snapshot != nil || r.Events != nil {
		t.Fatalf("unknown stream: %+v", r)
	}
	w.close()
}

func TestOneCommittedStandsForMany(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	r := w.mustRecover("a")
	w.post("a", r.Epoch, 0, 1000)
	answers, last := 0, uint64(0)
	for last < 1000 {
		last = hear[*Committed](w).Seq
		answers++
	}
	if answers == 1000 {
		t.Error("each event was answered by itself")
	}
	checkEvents(t, w.recover("a"), 1000)
}

func TestManyAppendsShareASync(t *testing.T) {
	disk := &vfstest.Counting{FS: vfstest.NewMem()}
	w := open(t, Config{FS: disk})
	defer w.close()
	r := w.mustRecover("a")
	before := disk.Syncs.Load()
	w.post("a", r.Epoch, 0, 10_000)
	w.until("a", 10_000)
	if syncs := disk.Syncs.Load() - before; syncs > 5000 {
		t.Errorf("%d syncs for 10,000 appends", syncs)
	}
}

// TestHangingDiskIsTold has a write take a minute, on a store that was idle before.
func TestHangingDiskIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := make(logged, 16)
		var hangs atomic.Bool
		comesBack := make(chan struct{})
		w := open(t, Config{Log: slog.New(slog.NewTextHandler(log, nil)), FS: &vfstest.Faulty{
			FS: vfstest.NewMem(),
			Before: func(op vfstest.Op, _ string) {
				if op == vfstest.OpSync && hangs.Load() {
					<-comesBack
				}
			},
		}})
		last := w.write("a", 1)
		time.Sleep(time.Minute)
		hangs.Store(true)
		w.post("a", w.epochs["a"], last, 1)
		time.Sleep(writesLong - time.Millisecond)
		log.want(t, "too early", 0, 0)
		time.Sleep(time.Minute)
		log.want(t, "while the disk hangs", 1, 0)
		hangs.Store(false)
		close(comesBack)
		w.until("a", last+1)
		w.write("a", 1)
		log.want(t, "afterwards", 0, 1)
		w.close()
	})
}

// logged is what was written to a log, in a bubble.
type logged chan string

func (l logged) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// want takes what is in it: so many words of a disk that hangs and that is back.
func (l logged) want(t *testing.T, when string, hangs, back int) {
	t.Helper()
	synctest.Wait()
	text := ""
	for len(l) > 0 {
		text += <-l
	}
	if strings.Count(text, "does not finish a write") != hangs || strings.Count(text, "write has ended") != back {
		t.Errorf("%s the log has %q", when, text)
	}
}

// TestHangingRollIsTold has an idle store make its next segment for a while.
func TestHangingRollIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := make(logged, 16)
		var hangs atomic.Bool
		w := open(t, Config{SnapshotInterval: time.Minute, Log: slog.New(slog.NewTextHandler(log, nil)), FS: &vfstest.Faulty{
			FS: vfstest.NewMem(),
			Before: func(op vfstest.Op, _ string) {
				if op == vfstest.OpCreate && hangs.Load() {
					time.Sleep(10 * writesLong)
				}
			},
		}})
		w.write("a", 1)
		time.Sleep(30 * time.Second)
		hangs.Store(true)
		time.Sleep(30*time.Second + 2*writesLong)
		log.want(t, "while the segment is made", 1, 0)
		time.Sleep(10 * writesLong)
		log.want(t, "afterwards", 0, 1)
		w.close()
	})
}

func TestSilenceIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfstest.NewMem()
		w := open(t, Config{FS: m})
		w.write("a", 1)
		time.Sleep(markAfter - time.Millisecond)
		synctest.Wait()
		if bytes.Contains(filesOf(t, m)[segmentFile(1)], []byte(markBody)) {
			t.Error("marked too soon")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		marked := filesOf(t, m)[segmentFile(1)]
		if bytes.Count(marked, []byte(markBody)) != 2 {
			t.Errorf("no marks in\n%s", marked)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if again := filesOf(t, m)[segmentFile(1)]; len(again) != len(marked) {
			t.Error("silence was marked again")
		}
		w.close()
		time.Sleep(time.Second)
	})
}

func TestAppendIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Append){
		"former owner": func(m *Append) { m.Epoch-- },
		"no epoch":     func(m *Append) { m.Epoch = 0 },
		"gap":          func(m *Append) { m.Event.Seq = 5 },
		"again":        func(m *Append) { m.Event.Seq = 2 },
		"no data":      func(m *Append) { m.Event.Data = nil },
		"half a value": func(m *Append) { m.Event.Data = []byte("{\n") },
		"bad drop":     func(m *Append) { m.Drops = []Stream{"\xff"} },
		"bad type":     func(m *Append) { m.Event.Type = "\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, Config{Dir: t.TempDir()})
			defer w.close()
			seq := w.write("a", 2)
			r := w.mustRecover("a")
			m := &Append{Stream: "a", Epoch: r.Epoch, Event: event(seq+1, `{}`), ReplyTo: w.owner}
			change(m)
			w.tell(m)
			answer := hear[any](w)
			no, rejected := answer.(*Rejected)
			if !rejected {
				t.Fatalf("answered %+v", answer)
			}
			if no.Seq != m.Event.Seq || !errors.Is(no.Err, ErrStale) && !errors.Is(no.Err, ErrInvalid) {
				t.Fatalf("rejected %+v", no)
			}
			checkEvents(t, w.recover("a"), 2)
			w.write("a", 1)
			checkEvents(t, w.recover("a"), 3)
		})
	}
}

// TestNothingIsWrittenOfARefusedEvent closes a store to which nothing else was given.
func TestNothingIsWrittenOfARefusedEvent(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	m := &Append{Stream: "a", Epoch: w.mustRecover("a").Epoch, Event: event(1, `{}`), ReplyTo: w.owner}
	m.Event.Type = "\xff"
	w.tell(m)
	if no := hear[*Rejected](w); !errors.Is(no.Err, ErrInvalid) {
		t.Errorf("rejected %+v", no)
	}
	w.close()
}

func TestOneRejectedStandsForTheEpoch(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	r := w.mustRecover("a")
	w.post("a", r.Epoch, 1, 10) // a gap: 1 is missing
	again := w.mustRecover("a")
	if again.Seq != 0 || again.Epoch <= r.Epoch {
		t.Fatalf("recovered %+v", again)
	}
	w.post("a", r.Epoch, 0, 1) // late, of the old epoch
	w.post("a", again.Epoch, 0, 1)
	w.until("a", 1)
}

func TestRecoverWaitsForWhatWasAppendedBefore(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	r := w.mustRecover("a")
	w.post("a", r.Epoch, 0, 500)
	checkEvents(t, w.recover("a"), 500)
}

func TestDataOverSeveralLinesIsCompacted(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	r := w.mustRecover("a")
	w.tell(&Append{Stream: "a", Epoch: r.Epoch, Event: event(1, "\n{\n  \"a\": 1\n}\n"), ReplyTo: w.owner})
	w.until("a", 1)
	if r = w.mustRecover("a"); string(r.Events[0].Data) != `{"a":1}` {
		t.Errorf("data came back as %q", r.Events[0].Data)
	}
}

func TestEpochsDifferBetweenRuns(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[uint64]bool)
	for range 3 {
		w := open(t, Config{Dir: dir})
		for range 3 {
			r := w.mustRecover("a")
			if seen[r.Epoch] {
				t.Fatalf("epoch %d again", r.Epoch)
			}
			seen[r.Epoch] = true
		}
		w.close()
	}
}

func TestTooMuchWaitingIsBusy(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir(), MaxWaitingRecords: 10})
	defer w.close()
	r := w.mustRecover("a")
	sent := uint64(0)
	for {
		w.post("a", r.Epoch, sent, 1000)
		sent += 1000
		select {
		case msg := <-w.heard:
			if no, ok := msg.(*Rejected); ok {
				if !errors.Is(no.Err, ErrBusy) {
					t.Fatal(no.Err)
				}
				r = w.mustRecover("a")
				checkEvents(t, r, no.Seq-1)
				return
			}
		default:
		}
	}
}

// told keeps what a store without an actor tells.
type told []any

func (o *told) Send(_ *actor.PID, msg any) { *o = append(*o, msg) }

func TestTooManyRequestsAreBusy(t *testing.T) {
	c, err := boot(Config{FS: vfstest.NewMem()}.withDefaults().quiet())
	if err != nil {
		t.Fatal(err)
	}
	var out told
	c.out, c.requests = &out, maxRequests
	c.receive(&Recover{Stream: "a", ReplyTo: &actor.PID{}})
	if len(out) != 1 || !errors.Is(out[0].(*Recovered).Err, ErrBusy) || len(c.table) > 0 {
		t.Errorf("told %+v", out)
	}
	if err := c.finish(); err != nil {
		t.Error(err)
	}
}

func TestCloseTwice(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	w.write("a", 1)
	w.close()
	if err := w.store.Close(); err != nil {
		t.Error(err)
	}
}

func TestPanicLosesNothingCommitted(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	w.mayCrash.Store(1)
	r := w.mustRecover("a")
	w.post("a", r.Epoch, 0, 100)
	w.tell((*Append)(nil)) // panics in the handler
	w.post("a", r.Epoch, 100, 100)
	committed := uint64(0)
	for {
		switch m := hear[any](w).(type) {
		case *Committed:
			committed = m.Seq
		case *Rejected:
			r = w.mustRecover("a")
			if r.Seq < committed || r.Seq != m.Seq-1 {
				t.Fatalf("recovered %d after %d was committed and %d rejected", r.Seq, committed, m.Seq)
			}
			w.write("a", 1)
			return
		}
		if committed == 200 {
			return
		}
	}
}

// crashing is a followed request whose end is a fault.
type crashing struct{}

func (crashing) Done(*Batch) { panic("injected") }

func (crashing) Wrap(answer any) any { return answer }

// TestAReadIsAnsweredWhereItsAnswerCrashes: who waits for it would wait for ever.
func TestAReadIsAnsweredWhereItsAnswerCrashes(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	defer w.close()
	w.mayCrash.Store(1)
	heard := make(chan any, 9)
	w.store.core.inbox.post(itemsRead{w.listen(heard), &ItemsRead{Stream: "a", Ref: 7}, crashing{}})
	select {
	case m := <-heard:
		if m := m.(*ItemsRead); m.Ref != 7 || !errors.Is(m.Err, ErrUnavailable) {
			t.Errorf("%+v", m)
		}
	case <-time.After(patience):
		t.Error("there is no answer")
	}
}

// TestRefusedForAFullDiskIsNotThere stops a store whose disk has no room for the second event of
// a batch, so that no new segment cuts off the first one.
func TestRefusedForAFullDiskIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		disk := &vfstest.Faulty{FS: vfstest.NewMem(), Short: true, FailAt: func(op vfstest.Op, _ string) error {
			if full.Load() && op&(vfstest.OpCreate|vfstest.OpWrite|vfstest.OpAhead) != 0 {
				return syscall.ENOSPC
			}
			return nil
		}}
		w := open(t, Config{FS: disk})
		seq := w.write("a", 1)
		epoch := w.mustRecover("a").Epoch
		full.Store(true)
		w.post("a", epoch, seq, 1)
		w.tell(&Append{Stream: "a", Epoch: epoch, Event: event(seq+2, `"`+strings.Repeat("x", 4*leastAhead)+`"`), ReplyTo: w.owner})
		if no := hear[*Rejected](w); no.Seq != seq+1 {
			t.Fatalf("rejected %+v", no)
		}
		w.close()
		full.Store(false)
		w = open(t, Config{FS: disk})
		checkEvents(t, w.recover("a"), seq)
		w.close()
	})
}

// TestARefusedEventIsCountedOnce has the disk be full when a segment is to begin, with an event
// waiting behind that. Once there is room again, a recovery waits for an event that is on its way
// to the disk, as ever.
func TestARefusedEventIsCountedOnce(t *testing.T) {
	var full, slow atomic.Bool
	opening, syncing, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
	open1 := sync.OnceFunc(func() { close(opening); <-goOn })
	release := make(chan struct{})
	sync1 := sync.OnceFunc(func() { close(syncing); <-release })
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.FailAt = func(op vfstest.Op, name string) error {
		switch {
		case path.Dir(name) != journalFolder:
		case op == vfstest.OpCreate && full.Load():
			open1()
			return syscall.ENOSPC
		case op == vfstest.OpSync && slow.Load():
			sync1()
		}
		return nil
	}
	w := open(t, Config{FS: files})
	seq := w.write("a", 1)
	full.Store(true)
	w.tell(&checkpointDue{})
	<-opening
	w.post("a", w.epochs["a"], seq, 1)
	w.mustRecover("barrier")
	close(goOn)
	hear[*Rejected](w)
	full.Store(false)
	w.passUntil("the journal can be written again", w.store.Writable)

	r := w.mustRecover("a")
	checkEvents(t, r, seq)
	slow.Store(true)
	w.post("a", r.Epoch, seq, 1)
	<-syncing
	w.tell(&Recover{Stream: "a", ReplyTo: w.owner})
	w.tell(&Recover{Stream: "barrier", ReplyTo: w.owner})
	if first := hear[*Recovered](w); first.Stream != "barrier" {
		t.Errorf("it is recovered up to %d, and event %d is on its way", first.Seq, seq+1)
		w.tell(&Recover{Stream: "a", ReplyTo: w.owner})
	}
	close(release)
	checkEvents(t, hear[*Recovered](w), seq+1)
	w.close()
}
