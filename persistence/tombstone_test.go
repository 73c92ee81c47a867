package persistence

import (
	"errors"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// This file is about names that end and are used again, and about writers that
// are no longer the owner.

// gate holds back one kind of call on one file.
type gate struct {
	op      vfstest.Op
	name    string
	shut    atomic.Bool
	reached chan struct{} // closed when somebody waits at it
	open    chan struct{}
	once    sync.Once
}

func newGate(op vfstest.Op, name string) *gate {
	return &gate{op: op, name: name, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) before(op vfstest.Op, name string) {
	if op == g.op && name == g.name && g.shut.Load() {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
}

// await waits until somebody waits at the gate.
func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.reached:
	case <-time.After(patience):
		g.shut.Store(false)
		t.Fatalf("nobody came to %s", g.name)
	}
}

// bury ends a stream with a tombstone, and begins the segments by which the
// journal forgets it. Its owner has left.
func (w *world) bury(s Stream, n int) uint64 {
	w.t.Helper()
	seq := w.write(s, n)
	if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq), Gone: true}); r.Err != nil {
		w.t.Fatal(r.Err)
	}
	w.tell(&Release{Stream: s, Epoch: w.epochs[s]})
	w.checkpoint() // seals
	w.write("users/a", 1)
	return seq
}

func TestFormerOwnersSnapshotIsRefused(t *testing.T) {
	m := vfstest.NewMem()
	g := newGate(vfstest.OpCreate, "a/"+newStateFile)
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, Before: g.before}})
	w.write("a", 3)
	first := w.epochs["a"]
	g.shut.Store(true)
	for seq := uint64(1); seq <= 2; seq++ {
		w.tell(&SaveSnapshot{Stream: "a", Epoch: first, Seq: seq, State: stateAt(seq), ReplyTo: w.owner})
	}
	g.await(t) // the first is being written, the second waits
	w.tell(&Recover{Stream: "a", ReplyTo: w.owner})
	w.tell(&SaveSnapshot{Stream: "a", Epoch: first, Seq: 3, State: stateAt(3), ReplyTo: w.owner})
	w.tell(&SaveSnapshot{Stream: "a", Seq: 3, State: stateAt(3), ReplyTo: w.owner})
	answered := func() {
		for range 2 {
			if r := hear[*SnapshotSaved](w); (r.Seq == 1) != (r.Err == nil) || r.Err != nil && !errors.Is(r.Err, ErrStale) {
				t.Errorf("snapshot at %d: %v", r.Seq, r.Err)
			}
		}
	}
	answered() // the last two, and so there is another owner
	g.shut.Store(false)
	close(g.open)
	answered()
	if r := w.mustRecover("a"); string(r.Snapshot) != string(stateAt(1)) {
		t.Errorf("the snapshot is %s", r.Snapshot)
	}
	checkEvents(t, w.recover("a"), 3)
	w.close()
}

// TestNameIsUsedWhileItsTombstoneGoes lets a former owner go on at the moment when
// the files of its former life are being removed.
func TestNameIsUsedWhileItsTombstoneGoes(t *testing.T) {
	m := vfstest.NewMem()
	g := newGate(vfstest.OpRemove, "servers/go/"+stateFile)
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, Before: g.before}})
	s := StreamOf("servers", "go")
	seq := w.bury(s, 2)
	g.shut.Store(true)
	w.checkpoint() // lets go
	g.await(t)
	w.post(s, w.epochs[s], seq, 1)
	if no := hear[*Rejected](w); no.Seq != seq+1 || !errors.Is(no.Err, ErrStale) {
		t.Fatalf("rejected %+v", no)
	}
	w.tell(&Recover{Stream: s, ReplyTo: w.owner})
	w.mustRecover("barrier")
	close(g.open)
	r := hear[*Recovered](w)
	if r.Stream != s || r.Err != nil || r.Seq != 0 || r.Snapshot != nil {
		t.Fatalf("recovered %+v", r)
	}
	w.post(s, r.Epoch, 0, 2)
	w.until(s, 2)
	w.close()
	w = open(t, Config{FS: m})
	if r := w.recover(s); r.Snapshot != nil {
		t.Errorf("a snapshot of the former life: %s", r.Snapshot)
	} else {
		checkEvents(t, r, 2)
	}
	w.close()
}

// TestNameIsUsedBeforeItsTombstoneGoes lets the owner go on when the removal
// is asked for but has not begun: the stream lives on.
func TestNameIsUsedBeforeItsTombstoneGoes(t *testing.T) {
	m := vfstest.NewMem()
	g := newGate(vfstest.OpSize, "servers/go/"+stateFile)
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, Before: g.before}})
	s := StreamOf("servers", "go")
	seq := w.bury(s, 2)
	g.shut.Store(true)
	w.tell(&Recover{Stream: s, ReplyTo: w.owner}) // has the files
	g.await(t)
	w.checkpoint() // lets go
	g.shut.Store(false)
	w.tell(&Recover{Stream: s, ReplyTo: w.owner}) // waits behind the removal
	close(g.open)
	var r *Recovered
	for range 2 {
		for r = hear[*Recovered](w); r.Stream != s; r = hear[*Recovered](w) {
		}
	}
	if r.Err != nil || r.Seq != 0 && r.Seq != seq {
		t.Fatalf("recovered %+v", r)
	}
	w.post(s, r.Epoch, r.Seq, 3)
	w.until(s, r.Seq+3)
	w.close()
	w = open(t, Config{FS: m})
	if again := w.mustRecover(s); again.Seq != r.Seq+3 {
		t.Errorf("recovered %+v", again)
	}
	w.close()
}

// TestTombstoneThatComesBack kills the process when the tombstone is removed
// but the folder not synced. The name lives again; then a power cut brings the
// tombstone back, which must not hide what was acknowledged since.
func TestTombstoneThatComesBack(t *testing.T) {
	m := vfstest.NewMem()
	s := StreamOf("servers", "go")
	removed, disk := atomic.Bool{}, &vfstest.Faulty{FS: m}
	disk.Before = func(op vfstest.Op, name string) {
		switch {
		case op == vfstest.OpRemove && name == path.Join(streamDir(s), stateFile):
			removed.Store(true)
		case op == vfstest.OpSyncDir && removed.Load():
			disk.Kill()
		}
	}
	w := open(t, Config{FS: disk})
	seq := w.bury(s, 3)
	w.tell(&checkpointDue{})
	for deadline := time.Now().Add(patience); !disk.Killed(); {
		if w.recover("barrier"); time.Now().After(deadline) {
			t.Fatal("the tombstone was not removed")
		}
	}
	_ = w.stop()
	w = open(t, Config{FS: m})
	if r := w.mustRecover(s); r.Seq != 0 {
		t.Fatalf("recovered %+v", r)
	}
	for n := uint64(1); n <= seq+1; n++ { // fewer events than the former life, as many, and more
		w.write(s, 1)
		later := open(t, Config{FS: m.PowerCut(0, n)})
		r := later.recover(s)
		if checkEvents(t, r, n); r.Snapshot != nil {
			t.Errorf("the tombstone counts: %s", r.Snapshot)
		}
		later.close()
	}
	w.close()
}

// TestTombstoneHalfGone cuts the power when the tombstone is removed and the
// folder not synced: any of the files may be there again. The name stays usable.
func TestTombstoneHalfGone(t *testing.T) {
	m := vfstest.NewMem()
	s := StreamOf("servers", "go")
	g := newGate(vfstest.OpSyncDir, streamDir(s))
	removed := atomic.Bool{}
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, Before: func(op vfstest.Op, name string) {
		if op == vfstest.OpRemove && name == path.Join(streamDir(s), stateFile) {
			removed.Store(true)
		}
		g.shut.Store(removed.Load())
		g.before(op, name)
	}}})
	before := w.write(s, 1)
	w.saveState(&SaveSnapshot{Stream: s, Seq: before, State: stateAt(before)})
	seq := w.bury(s, 2)
	w.checkpoint() // lets go
	g.await(t)
	for seed := range uint64(30) {
		later := open(t, Config{FS: m.PowerCut(50, seed)})
		r := later.mustRecover(s)
		if r.Seq != 0 && r.Seq != seq {
			t.Errorf("recovered %+v", r)
		}
		later.write(s, 1)
		later.close()
	}
	close(g.open)
	w.close()
}

// TestDroppedWhileItIsRead lets a stream be dropped while somebody recovers it: what the
// reader has found does not count for whoever uses the name next.
func TestDroppedWhileItIsRead(t *testing.T) {
	channel := StreamOf("servers", "go", "channels", "general", "1")
	g := newGate(vfstest.OpOpen, streamDir(channel)+"/"+stateFile)
	w := open(t, Config{FS: &vfstest.Faulty{FS: vfstest.NewMem(), Before: g.before}})
	seq := w.write(channel, 4)
	w.saveState(&SaveSnapshot{Stream: channel, Seq: seq, State: stateAt(seq)})
	r := w.mustRecover("servers/go")
	g.shut.Store(true)
	w.tell(&Recover{Stream: channel, ReplyTo: w.owner})
	g.await(t)
	w.tell(&Append{Stream: "servers/go", Epoch: r.Epoch, Event: event(1, `{}`), Drops: []Stream{channel}, ReplyTo: w.owner})
	w.until("servers/go", 1)
	w.tell(&Recover{Stream: channel, ReplyTo: w.owner})
	close(g.open)
	hear[*Recovered](w)
	if r := hear[*Recovered](w); r.Seq != 0 || r.Snapshot != nil || r.Err != nil {
		t.Errorf("after the drop: %+v", r)
	}
	w.close()
}

// TestTombstoneSavedOnceMore kills the process in the middle of the next save,
// while the tombstone does not count because the journal has it all: it must
// not become the older snapshot meanwhile.
func TestTombstoneSavedOnceMore(t *testing.T) {
	m := vfstest.NewMem()
	s := StreamOf("servers", "go")
	w := open(t, Config{FS: m})
	seq := w.write(s, 2)
	w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq), Gone: true})
	w.close()
	disk := &vfstest.Faulty{FS: m}
	disk.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpRename && name == path.Join(streamDir(s), stateFile) {
			disk.Kill()
		}
	}
	w = open(t, Config{FS: disk})
	checkEvents(t, w.recover(s), seq)
	if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq), Gone: true}); r.Err == nil {
		t.Fatal("saved by a process that was killed")
	}
	_ = w.stop()
	w = open(t, Config{FS: m})
	checkEvents(t, w.recover(s), seq)
	w.close()
}

// TestTombstoneOfAStreamThatWasForgotten saves one for events that an older snapshot covered, so that
// nothing was in memory any more. It stays as long as a segment has those events: otherwise the next
// life would begin at 1 in the same journal.
func TestTombstoneOfAStreamThatWasForgotten(t *testing.T) {
	m := vfstest.NewMem()
	w := open(t, Config{FS: m})
	w.write("users/a", 1) // keeps the segment
	s := StreamOf("servers", "go")
	seq := w.write(s, 2)
	for _, gone := range []bool{false, true} {
		if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq), Gone: gone}); r.Err != nil {
			t.Fatal(r.Err)
		}
		w.tell(&Release{Stream: s, Epoch: w.epochs[s]})
		w.mustRecover(s)
	}
	w.tell(&Release{Stream: s, Epoch: w.epochs[s]})
	for range 3 {
		w.checkpoint()
		w.write("users/b", 1)
	}
	seq = w.write(s, 1)
	w.close()
	w = open(t, Config{FS: m})
	if r := w.mustRecover(s); r.Seq != seq {
		t.Errorf("recovered %+v", r)
	}
	w.close()
}

// TestATombstoneIsRemovedAfterARefusedUse has an event of a deleted stream on its way when its
// tombstone is to be removed. The disk refuses the event, and the owner leaves.
func TestATombstoneIsRemovedAfterARefusedUse(t *testing.T) {
	var slow, failing atomic.Bool
	syncing, goOn := make(chan struct{}), make(chan struct{})
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	files.FailAt = func(op vfstest.Op, name string) error {
		switch {
		case path.Dir(name) != journalFolder:
		case op == vfstest.OpSync && slow.CompareAndSwap(true, false):
			close(syncing)
			<-goOn
		case op == vfstest.OpWrite && failing.CompareAndSwap(true, false):
			return syscall.EIO
		}
		return nil
	}
	w := open(t, Config{FS: files})
	seq := w.bury("gone", 2)
	r := w.mustRecover("gone")
	slow.Store(true)
	w.tell(&checkpointDue{})
	<-syncing
	failing.Store(true)
	w.post("gone", r.Epoch, seq, 1)
	w.mustRecover("barrier")
	close(goOn)
	hear[*Rejected](w)
	w.tell(&Release{Stream: "gone", Epoch: r.Epoch})
	w.passUntil("the journal can be written again", w.store.Writable)
	w.write("users/a", 1)
	w.checkpoint()
	w.passUntil("the tombstone is removed", func() bool {
		there, err := vfs.Exists(mem, "gone/"+stateFile)
		return err == nil && !there
	})
	w.close()
}

// TestATombstoneStaysWhileTheJournalFails has an event of a deleted stream refused, which may be on
// disk all the same. Its owner leaves, and the process ends while nothing can be written.
func TestATombstoneStaysWhileTheJournalFails(t *testing.T) {
	var failing atomic.Bool
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	files.FailAt = func(op vfstest.Op, name string) error {
		if failing.Load() && path.Dir(name) == journalFolder && op&(vfstest.OpSync|vfstest.OpCreate) != 0 {
			return syscall.EIO
		}
		return nil
	}
	w := open(t, Config{FS: files})
	seq := w.bury("gone", 2)
	r := w.mustRecover("gone")
	w.checkpoint() // it lets the journal go, and not the tombstone, as that has an owner
	failing.Store(true)
	w.post("gone", r.Epoch, seq, 1)
	hear[*Rejected](w)
	w.tell(&Release{Stream: "gone", Epoch: r.Epoch})
	w.tell(&checkpointDue{})
	checkEvents(t, w.recover("gone"), seq)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}

	w = open(t, Config{FS: mem})
	checkEvents(t, w.recover("gone"), seq+1)
	w.close()
}
