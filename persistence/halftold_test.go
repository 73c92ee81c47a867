package persistence

import (
	"errors"
	"path"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence/vfs/vfstest"
)

// unheard is an owner who crashes whoever tells it that an event is on disk.
type unheard struct{}

func (unheard) SendUserMessage(_ *actor.PID, msg any) {
	if _, done := msg.(*Committed); done {
		panic("injected")
	}
}

func (unheard) SendSystemMessage(*actor.PID, any) {}
func (unheard) Stop(*actor.PID)                   {}

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
