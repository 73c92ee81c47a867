package persistence

import (
	"errors"
	"log/slog"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// unrefused is an owner who crashes whoever tells it that an event was refused.
type unrefused struct{ told atomic.Int32 }

func (u *unrefused) SendUserMessage(_ *actor.PID, msg any) {
	if _, no := msg.(*Rejected); no {
		u.told.Add(1)
		panic("injected")
	}
}

func (*unrefused) SendSystemMessage(*actor.PID, any) {}

func (*unrefused) Stop(*actor.PID) {}

// refusedTwo has events of a and of b wait for the disk when refuse makes the store give them up,
// and the store crash while it tells a. b has to hear of it all the same, and a only once.
func refusedTwo(t *testing.T, cfg Config, crashes int32, refuse func(w *world)) {
	w := open(t, cfg)
	w.mayCrash.Store(crashes)
	u := &unrefused{}
	to, _ := w.system.ProcessRegistry.Add(u, "unrefused")
	a, b := w.mustRecover("a"), w.mustRecover("b")
	w.store.mu.Lock()
	w.store.core.quiet = func(func()) {} // the batch is collected until the next beat
	w.store.mu.Unlock()
	w.tell(&Append{Stream: "a", Epoch: a.Epoch, Event: event(1, `{"s":"a","n":1}`), ReplyTo: to})
	w.post("b", b.Epoch, 0, 1)
	refuse(w)
	if no := hear[*Rejected](w); no.Stream != "b" || no.Seq != 1 || !errors.Is(no.Err, ErrUnavailable) {
		t.Errorf("rejected: %+v", no)
	}
	time.Sleep(time.Second) // of the bubble: until the journal can be written
	for _, s := range []Stream{"a", "b"} {
		checkEvents(t, w.recover(s), 0)
		w.write(s, 1)
	}
	if n := u.told.Load(); n != 1 {
		t.Errorf("a was told %d times", n)
	}
	w.close()
}

// TestACrashAmongRefusals lets the store crash between the answers to a batch that could not be
// written.
func TestACrashAmongRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.FailAt = func(op vfstest.Op, name string) error {
			if op == vfstest.OpWrite && path.Dir(name) == journalFolder && full.CompareAndSwap(true, false) {
				return syscall.EIO
			}
			return nil
		}
		refusedTwo(t, Config{FS: files}, 1, func(*world) { full.Store(true) })
	})
}

// TestACrashAfterACrash lets the store crash once more while it makes good what a crash has left.
func TestACrashAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusedTwo(t, Config{FS: vfstest.NewMem()}, 2, func(w *world) { w.tell((*Append)(nil)) })
	})
}

// TestACrashWhileACrashIsTold lets the store crash when it tells an owner that its event is on
// disk, and again when it tells that nothing is written any more because of that.
func TestACrashWhileACrashIsTold(t *testing.T) {
	w := open(t, Config{FS: vfstest.NewMem()})
	w.mayCrash.Store(2)
	w.store.Trouble(func(error) { panic("injected") })
	to, _ := w.system.ProcessRegistry.Add(unheard{}, "unheard")
	a, b := w.mustRecover("a"), w.mustRecover("b")
	w.store.mu.Lock() // both are in one batch
	w.tell(&Append{Stream: "a", Epoch: a.Epoch, Event: event(1, `{"s":"a","n":1}`), ReplyTo: to})
	w.post("b", b.Epoch, 0, 1)
	w.store.mu.Unlock()
	if no := hear[*Rejected](w); no.Stream != "b" || no.Seq != 1 || !errors.Is(no.Err, ErrUnavailable) {
		t.Errorf("rejected: %+v", no)
	}
	for _, s := range []Stream{"a", "b"} {
		checkEvents(t, w.recover(s), 1)
	}
	w.close()
}

// crashingLog crashes whoever logs one message, once.
type crashingLog struct {
	at    string
	armed atomic.Bool
}

func (l *crashingLog) Write(line []byte) (int, error) {
	if strings.Contains(string(line), l.at) && l.armed.CompareAndSwap(true, false) {
		panic("injected")
	}
	return len(line), nil
}

// TestACrashWhenAWriteHasEnded lets the store crash when it logs that a slow write has ended, well or
// not. It knows by then what became of the batch: otherwise the next one would be written behind it
// with the same numbers, or to the file that has failed, and the folder would be damaged.
func TestACrashWhenAWriteHasEnded(t *testing.T) {
	for _, failure := range []error{nil, syscall.EIO} {
		synctest.Test(t, func(t *testing.T) { crashWhenAWriteHasEnded(t, failure) })
	}
}

func crashWhenAWriteHasEnded(t *testing.T, failure error) {
	defer time.Sleep(time.Second) // of the bubble: lets the dead letters' timer end
	log := &crashingLog{at: "the write has ended"}
	log.armed.Store(true)
	var slow atomic.Bool
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem, FailAt: func(op vfstest.Op, _ string) error {
		if op == vfstest.OpSync && slow.CompareAndSwap(true, false) {
			time.Sleep(2 * writesLong)
			return failure
		}
		return nil
	}}
	w := open(t, Config{FS: files, Log: slog.New(slog.NewTextHandler(log, nil))})
	w.mayCrash.Store(1)
	seq := w.write("a", 1)
	slow.Store(true)
	w.post("a", w.epochs["a"], seq, 1)
	if failure == nil {
		seq++
		w.until("a", seq)
	} else if no := hear[*Rejected](w); no.Seq != seq+1 || !errors.Is(no.Err, ErrUnavailable) {
		t.Errorf("rejected: %+v", no)
	}
	time.Sleep(time.Second) // of the bubble: until the journal can be written
	checkEvents(t, w.recover("a"), seq)
	seq = w.write("a", 1)
	if log.armed.Load() {
		t.Error("there was no crash")
	}
	w.close()

	w = open(t, Config{FS: mem})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// TestACrashWhenAFailedRemovalIsLogged has the removals of segments and of a stream that has ended
// fail once, and the store crash when it logs that. They are done all the same, later, and until
// then nobody reads what is left of the stream.
func TestACrashWhenAFailedRemovalIsLogged(t *testing.T) {
	for at, what := range map[string]string{"files of an ended stream not removed": "a/" + stateFile, "journal segments not removed": segmentFile(1)} {
		log := &crashingLog{at: at}
		var sick atomic.Bool
		mem := vfstest.NewMem()
		files := &vfstest.Faulty{FS: mem, FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpRemove && name == what && sick.CompareAndSwap(true, false) {
				log.armed.Store(true)
				return syscall.EIO
			}
			return nil
		}}
		w := open(t, Config{FS: files, Log: slog.New(slog.NewTextHandler(log, nil))})
		w.mayCrash.Store(1)
		seq := w.write("a", 1)
		if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); r.Err != nil {
			t.Fatal(r.Err)
		}
		sick.Store(true)
		b := w.mustRecover("b")
		w.tell(&Append{Stream: "b", Epoch: b.Epoch, Event: event(1, `{"s":"b","n":1}`), Drops: []Stream{"a"}, ReplyTo: w.owner})
		w.until("b", 1)
		if r := w.recover("a"); r.Err == nil && r.Seq > 0 {
			t.Errorf("what is left of it was read: %+v", r)
		}
		for n := uint64(1); n < 4; n++ {
			if r := w.saveState(&SaveSnapshot{Stream: "b", Seq: n, State: stateAt(n)}); r.Err != nil {
				t.Fatal(r.Err)
			}
			w.checkpoint()
			w.writeBesideCrash("b")
			w.mustRecover("a")
		}
		w.passUntil(what+" is removed", func() bool {
			there, err := vfs.Exists(mem, what)
			return err == nil && !there
		})
		if w.crashes.Load() != 1 {
			t.Errorf("%d crashes", w.crashes.Load())
		}
		w.close()
	}
}

// writeBesideCrash writes one event. A crash refuses it if it waits to be written just then.
func (w *world) writeBesideCrash(s Stream) {
	w.t.Helper()
	r := w.mustRecover(s)
	w.post(s, r.Epoch, r.Seq, 1)
	for {
		switch m := hear[any](w).(type) {
		case *Committed:
			if m.Stream == s && m.Seq > r.Seq {
				return
			}
		case *Rejected:
			r = w.mustRecover(s)
			w.post(s, r.Epoch, r.Seq, 1)
		}
	}
}

// TestACrashAfterAMessageIsNotItsOwn has the answer of a worker crash the store right after an
// Append was handled, whose batch is on its way then.
func TestACrashAfterAMessageIsNotItsOwn(t *testing.T) {
	gate := newGate(vfstest.OpCreate, segmentFile(2))
	gate.shut.Store(true)
	w := open(t, Config{FS: &vfstest.Faulty{FS: vfstest.NewMem(), Before: gate.before}})
	w.mayCrash.Store(1)
	seq := w.write("a", 1)
	w.tell(&checkpointDue{})
	gate.await(t)
	w.mustRecover("barrier")

	c := w.store.core
	w.store.mu.Lock() // the actor waits with the Append, while the answers come
	w.post("a", w.epochs["a"], seq, 1)
	close(gate.open)
	for !c.inbox.has.Load() {
		c.tasks.Wait()
	}
	c.inbox.post(itemsRead{nil, &ItemsRead{}, crashing{}})
	w.store.mu.Unlock()
	for {
		switch m := hear[any](w).(type) {
		case *Rejected:
			t.Fatalf("it was on its way to the disk: %+v", m)
		case *Committed:
			w.close()
			return
		}
	}
}

// unencodable is the data of an event that crashes who encodes it.
type unencodable struct{}

func (unencodable) Append([]byte) []byte { panic("injected") }

// TestACrashOverAnEventRefusesIt: its owner would wait for ever. Others may go on.
func TestACrashOverAnEventRefusesIt(t *testing.T) {
	w := open(t, Config{FS: vfstest.NewMem()})
	w.mayCrash.Store(1)
	w.write("b", 1)
	r := w.mustRecover("a")
	w.tell(&Append{Stream: "a", Epoch: r.Epoch, Event: event(1, ""), Value: unencodable{}, ReplyTo: w.owner})
	if no := hear[*Rejected](w); no.Stream != "a" || no.Epoch != r.Epoch || no.Seq != 1 || !errors.Is(no.Err, ErrUnavailable) {
		t.Errorf("rejected: %+v", no)
	}
	for _, s := range []Stream{"a", "b"} {
		w.mustRecover(s)
		w.write(s, 1)
	}
	w.close()
}

// unheard is an owner who crashes whoever tells it that an event is on disk.
type unheard struct{}

func (unheard) SendUserMessage(_ *actor.PID, msg any) {
	if _, done := msg.(*Committed); done {
		panic("injected")
	}
}

func (unheard) SendSystemMessage(*actor.PID, any) {}

func (unheard) Stop(*actor.PID) {}

// TestACrashBetweenTheAnswersToABatch lets the store crash when it tells the first of two owners
// that their batch is on disk, while the next segment is begun. The other one is answered, both
// streams can be read, and nothing is written by this process any more.
func TestACrashBetweenTheAnswersToABatch(t *testing.T) {
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	var slow atomic.Bool
	syncing, goOn := make(chan struct{}), make(chan struct{})
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpSync && path.Dir(name) == journalFolder && slow.Load() {
			syncing <- struct{}{}
			<-goOn
		}
	}
	w := open(t, Config{FS: files})
	w.mayCrash.Store(1)
	before, a, b := w.mustRecover("before"), w.mustRecover("a"), w.mustRecover("b")
	to, _ := w.system.ProcessRegistry.Add(unheard{}, "unheard")
	slow.Store(true)
	w.post("before", before.Epoch, 0, 1)
	<-syncing
	w.tell(&Append{Stream: "a", Epoch: a.Epoch, Event: event(1, `{"s":"a","n":1}`), ReplyTo: to})
	w.post("b", b.Epoch, 0, 1)
	goOn <- struct{}{}
	<-syncing
	slow.Store(false)
	w.tell(&checkpointDue{})
	w.mustRecover("barrier")
	goOn <- struct{}{}

	if no := hear[*Rejected](w); no.Stream != "b" || no.Seq != 1 {
		t.Errorf("rejected: %+v", no)
	}
	for _, s := range []Stream{"a", "b"} {
		checkEvents(t, w.recover(s), 1)
	}
	w.passUntil("the writer has done its job", func() bool {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		return !w.store.core.writing
	})
	w.post("b", w.epochs["b"], 1, 1)
	if no := hear[*Rejected](w); !errors.Is(no.Err, ErrUnavailable) || !errors.Is(no.Err, errPoisoned) || w.store.Writable() {
		t.Errorf("rejected: %+v; writable: %t", no, w.store.Writable())
	}
	w.close()

	w = open(t, Config{FS: mem})
	for _, s := range []Stream{"a", "b"} {
		checkEvents(t, w.recover(s), 1)
	}
	w.close()
}

// TestACrashWhileTroubleIsTold lets whoever hears of a failed write crash the store.
func TestACrashWhileTroubleIsTold(t *testing.T) {
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem, Short: true}
	var full atomic.Bool
	files.FailAt = func(op vfstest.Op, name string) error {
		if op == vfstest.OpWrite && path.Dir(name) == journalFolder && full.CompareAndSwap(true, false) {
			return syscall.EIO
		}
		return nil
	}
	w := open(t, Config{FS: files})
	w.mayCrash.Store(1)
	var told atomic.Bool
	w.store.Trouble(func(err error) {
		if err != nil && !told.Swap(true) {
			panic("injected")
		}
	})
	seq := w.write("a", 1)
	full.Store(true)
	w.post("a", w.epochs["a"], seq, 1)
	if no := hear[*Rejected](w); no.Seq != seq+1 {
		t.Errorf("rejected: %+v", no)
	}
	w.passUntil("the journal can be written again", w.store.Writable)
	seq = w.write("a", 3)
	w.close()

	w = open(t, Config{FS: mem})
	checkEvents(t, w.recover("a"), seq)
	w.close()
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
