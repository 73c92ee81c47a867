package persistence

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// obey answers SnapshotWanted until the wanted streams have a snapshot.
func (w *world) obey(seqs map[Stream]uint64) {
	w.t.Helper()
	saved := make(map[Stream]bool)
	for len(saved) < len(seqs) {
		switch m := hear[any](w).(type) {
		case *SnapshotWanted:
			seq := seqs[m.Stream]
			w.tell(&SaveSnapshot{Stream: m.Stream, Epoch: w.epochs[m.Stream], Seq: seq, State: stateAt(seq), ReplyTo: w.owner})
		case *SnapshotSaved:
			if m.Err != nil {
				w.t.Fatal(m.Err)
			}
			saved[m.Stream] = true
		}
	}
}

func TestCheckpointRemovesSegments(t *testing.T) {
	dir := t.TempDir()
	seqs := make(map[Stream]uint64)
	for range 4 {
		w := open(t, Config{Dir: dir})
		for _, s := range []Stream{"users/a", "users/b", "users/c"} {
			seqs[s] = w.write(s, 5)
		}
		w.tell(&checkpointDue{})
		w.obey(seqs)
		w.checkpoint() // lets go of what the last one covered
		w.close()
	}
	if left := journalFiles(t, dir); len(left) > 4 {
		t.Errorf("%d segments are left", len(left))
	}
	w := open(t, Config{Dir: dir})
	for s, seq := range seqs {
		r := w.recover(s)
		checkEvents(t, r, seq)
		if r.Snapshot == nil || len(r.Events) > 0 {
			t.Errorf("%s: %d events beside the snapshot", s, len(r.Events))
		}
	}
	w.close()
}

func TestCheckpointBySizeAndASilentStream(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir(), SegmentBytes: 2000})
	seq := w.write("silent", 1) // never answers
	want := w.write("a", 40)
	for !w.wanted["a"] {
		hear[any](w)
	}
	w.saveState(&SaveSnapshot{Stream: "a", Seq: want, State: stateAt(want)})
	checkEvents(t, w.recover("silent"), seq)
	checkEvents(t, w.recover("a"), want)
	w.close()
}

func TestTimedCheckpointsEndWhenAllIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfstest.NewMem()
		w := open(t, Config{FS: m, SnapshotInterval: 10 * time.Second})
		seq := w.write("a", 3)
		w.obey(map[Stream]uint64{"a": seq})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		before := w.liveSegment()
		time.Sleep(time.Hour)
		synctest.Wait()
		if now := w.liveSegment(); now != before {
			t.Errorf("%d idle checkpoints began segments", now-before)
		}
		if names, err := m.List(journalFolder); err != nil || len(names) > 2 {
			t.Errorf("the journal still holds %v, %v", names, err)
		}
		checkEvents(t, w.recover("a"), seq)
		w.close()
		time.Sleep(time.Second)
	})
}

func TestTombstonesGoWithTheJournal(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir})
	s := StreamOf("servers", "Gone")
	seq := w.write(s, 2)
	if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq), Gone: true}); r.Err != nil {
		t.Fatal(r.Err)
	}
	checkEvents(t, w.recover(s), seq)
	w.close()
	w = open(t, Config{Dir: dir})
	owned := w.recover(s)
	checkEvents(t, owned, seq)
	if r := w.saveState(&SaveSnapshot{Stream: s, Epoch: owned.Epoch, Seq: seq, State: stateAt(seq), Gone: true}); r.Err != nil {
		t.Fatal(r.Err) // once more: the journal had it all, so that the tombstone did not count
	}
	w.tell(&Release{Stream: s, Epoch: owned.Epoch})
	w.checkpoint() // seals
	w.write("users/a", 1)
	w.checkpoint() // lets go
	if r := w.mustRecover(s); r.Seq != 0 || r.Snapshot != nil {
		t.Errorf("after the end: %+v", r)
	}
	w.close()
	if _, err := os.Stat(filepath.Join(dir, "servers")); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

// TestATombstoneWithAnOwnerStays lets a checkpoint come while a deleted name
// has an owner, who then makes it anew.
func TestATombstoneWithAnOwnerStays(t *testing.T) {
	w := open(t, Config{Dir: t.TempDir()})
	s := StreamOf("servers", "Gone")
	seq := w.write(s, 2)
	if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq), Gone: true}); r.Err != nil {
		t.Fatal(r.Err)
	}
	owned := w.mustRecover(s)
	w.checkpoint() // seals
	w.write("users/a", 1)
	w.checkpoint() // would let go
	w.tell(&Append{Stream: s, Epoch: owned.Epoch, Event: event(seq+1, `{}`), ReplyTo: w.owner})
	w.until(s, seq+1)
	if r := w.mustRecover(s); r.Seq != seq+1 {
		t.Errorf("made anew: %+v", r)
	}
	w.close()
}

// TestSegmentsStayUntilTheNextIsDurable lets the new segment fail that would
// allow the old ones to go.
func TestSegmentsStayUntilTheNextIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failing := vfstest.NewMem(), atomic.Bool{}
		w := open(t, Config{FS: &vfstest.Faulty{FS: m, FailAt: func(op vfstest.Op, _ string) error {
			if failing.Load() && op == vfstest.OpCreate {
				return syscall.EIO
			}
			return nil
		}}})
		var seq uint64
		for range 2 {
			seq = w.write("a", 3)
			w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)})
			w.checkpoint()
		}
		failing.Store(true)
		w.tell(&checkpointDue{})
		w.passUntil("the disk's failure is noticed", func() bool { return !w.store.Writable() })
		synctest.Wait()
		left := m.PowerCut(0, 1)
		failing.Store(false)
		time.Sleep(time.Second)
		w.close()
		w = open(t, Config{FS: left})
		checkEvents(t, w.recover("a"), seq)
		w.close()
		time.Sleep(time.Second)
	})
}

// TestASegmentNeededAgainIsNamedAgain damages a snapshot while the segment is made that does
// not name the journal behind the older one any more, and has it read at that moment: a process
// that begins after that must find that journal, too.
func TestASegmentNeededAgainIsNamedAgain(t *testing.T) {
	left, seq := rotWhileLettingGo(t, func(w *world) { w.write("b", 1) })
	w := open(t, Config{FS: left})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// TestRotThatIsFoundTooLateIsTold has the power fail before the next segment names that journal
// again: it is as if nobody had read the snapshot in time. That is no silent loss, and nobody else's.
func TestRotThatIsFoundTooLateIsTold(t *testing.T) {
	next := newGate(vfstest.OpCreate, segmentFile(5))
	next.shut.Store(true)
	left, _ := rotWhileLettingGo(t, func(*world) { next.await(t) }, next)
	w := open(t, Config{FS: left})
	if r := w.recover("a"); !errors.As(r.Err, new(*DamageError)) {
		t.Errorf("without its journal: %+v", r)
	}
	checkEvents(t, w.recover("b"), 1)
	w.write("b", 1)
	w.close()
}

// rotWhileLettingGo is a disk after a power cut, and how many events the damaged stream had. The
// cut comes after what is to happen once segment 4 is made; more gates may hold up the writer.
func rotWhileLettingGo(t *testing.T, after func(*world), more ...*gate) (left vfs.FS, seq uint64) {
	t.Helper()
	m := vfstest.NewMem()
	g := newGate(vfstest.OpCreate, segmentFile(4))
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, Before: func(op vfstest.Op, name string) {
		for _, each := range append(more, g) {
			each.before(op, name)
		}
	}}})
	for range 2 {
		seq = w.write("a", 3)
		w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)})
		w.checkpoint()
	}
	w.write("b", 1)
	g.shut.Store(true)
	w.tell(&checkpointDue{})
	g.await(t)
	if err := errors.Join(vfs.WriteSynced(m, "a/rot", []byte("rot")), m.Rename("a/rot", "a/"+stateFile), m.SyncDir("a")); err != nil {
		t.Fatal(err)
	}
	checkEvents(t, w.recover("a"), seq)
	close(g.open)
	after(w)
	left = m.PowerCut(0, 1)
	for _, each := range more {
		close(each.open)
	}
	w.close()
	return left, seq
}

// TestOlderSnapshotStaysWhenItIsTheOnlyOne lets the disk fail between the two
// renames of a snapshot, and then the journal go that the former older one needed.
func TestOlderSnapshotStaysWhenItIsTheOnlyOne(t *testing.T) {
	m, failing := vfstest.NewMem(), atomic.Bool{}
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, FailAt: func(op vfstest.Op, name string) error {
		if failing.Load() && op == vfstest.OpRename && name == "a/"+stateFile {
			return syscall.ENOSPC
		}
		return nil
	}}})
	for range 2 {
		seq := w.write("a", 3)
		if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	w.checkpoint() // seals
	seq := w.write("a", 3)
	failing.Store(true)
	if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); r.Err == nil {
		t.Fatal("saved without its name")
	}
	for range 2 {
		w.checkpoint() // lets go
		w.write("b", 1)
		checkEvents(t, w.recover("a"), seq)
	}
	failing.Store(false)
	if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.close()
	w = open(t, Config{FS: m})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// TestSnapshotThatWasOnlyInMemory kills the process before a snapshot's folder
// is synced. The next one reads the snapshot and lets the journal go; a power
// cut must not find neither.
func TestSnapshotThatWasOnlyInMemory(t *testing.T) {
	m := vfstest.NewMem()
	disk, written := &vfstest.Faulty{FS: m}, atomic.Bool{}
	disk.Before = func(op vfstest.Op, name string) {
		switch {
		case op == vfstest.OpRename && name == "a/"+stateFile:
			written.Store(true)
		case op == vfstest.OpSyncDir && written.Load():
			disk.Kill()
		}
	}
	w := open(t, Config{FS: disk})
	seq := w.write("a", 3)
	if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); r.Err == nil {
		t.Fatal("saved by a process that was killed")
	}
	_ = w.stop()
	w = open(t, Config{FS: m})
	checkEvents(t, w.recover("a"), seq)
	for range 3 {
		w.checkpoint()
		w.write("b", 1)
	}
	left := m.PowerCut(0, 1)
	w.close()
	w = open(t, Config{FS: left})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

func TestDropsRemoveFiles(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir})
	channel := StreamOf("servers", "go", "channels", "general", "1")
	seq := w.write(channel, 4)
	if r := w.saveState(&SaveSnapshot{Stream: channel, Seq: seq, State: stateAt(seq)}); r.Err != nil {
		t.Fatal(r.Err)
	}
	r := w.mustRecover("servers/go")
	w.tell(&Append{Stream: "servers/go", Epoch: r.Epoch, Event: event(1, `{}`), Drops: []Stream{channel}, ReplyTo: w.owner})
	w.until("servers/go", 1)
	if r := w.mustRecover(channel); r.Seq != 0 || r.Snapshot != nil || r.Events != nil {
		t.Errorf("after the drop: %+v", r)
	}
	if _, err := os.Stat(filepath.Join(dir, "servers")); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
	w.close()
	w = open(t, Config{Dir: dir})
	if r := w.mustRecover(channel); r.Seq != 0 || r.Snapshot != nil {
		t.Errorf("after the restart: %+v", r)
	}
	w.close()
}

func TestStoreHealsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &vfstest.Faulty{FS: vfstest.NewMem(), Short: true}
		w := open(t, Config{FS: disk})
		seq := w.write("a", 3)
		disk.Set(func(int) error { return syscall.ENOSPC })
		r := w.mustRecover("a")
		w.post("a", r.Epoch, seq, 5)
		if no := hear[*Rejected](w); no.Seq != seq+1 || w.store.Writable() {
			t.Fatalf("rejected %+v, writable %v", no, w.store.Writable())
		}
		time.Sleep(10 * time.Minute)
		checkEvents(t, w.recover("a"), seq) // reads go on
		disk.Set(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if !w.store.Writable() {
			t.Fatal("not writable a second after the fault ended")
		}
		seq = w.write("a", 2)
		w.close()
		w = open(t, Config{FS: disk})
		checkEvents(t, w.recover("a"), seq)
		w.close()
		time.Sleep(time.Second)
	})
}

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
