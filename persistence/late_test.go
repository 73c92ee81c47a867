package persistence

import (
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// TestALateSnapshotKeepsTheOneBefore has a snapshot still on its way to the disk when a checkpoint
// lets the older one's journal go: what is the older one by then has its journal, and stays. The
// newest is damaged later.
func TestALateSnapshotKeepsTheOneBefore(t *testing.T) {
	var late atomic.Bool
	begun, goOn := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(begun); <-goOn })
	mem := vfstest.NewMem()
	files := &vfstest.Faulty{FS: mem}
	state := streamDir("a") + "/" + stateFile
	files.Before = func(op vfstest.Op, name string) {
		if late.Load() && op == vfstest.OpRename && name == state {
			hold()
		}
	}
	w := open(t, Config{FS: files})
	var seq uint64
	for range 2 { // two snapshots, each with a segment of its own behind it
		seq = w.write("a", 3)
		w.checkpoint()
		if saved := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); saved.Err != nil {
			t.Fatal(saved.Err)
		}
	}
	seq = w.write("a", 3)
	late.Store(true)
	w.tell(&SaveSnapshot{Stream: "a", Epoch: w.epochs["a"], Seq: seq, State: stateAt(seq), ReplyTo: w.owner})
	<-begun
	w.checkpoint()
	close(goOn)
	if saved := hear[*SnapshotSaved](w); saved.Err != nil {
		t.Fatal(saved.Err)
	}
	w.mustRecover("a") // comes after what there was to do
	w.close()

	data, err := vfs.ReadFile(mem, state)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := (&disk{FS: mem}).replace(state, data); err != nil {
		t.Fatal(err)
	}
	w = open(t, Config{FS: mem})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// TestASnapshotDoesNotWaitForManyRemovals ends a hundred streams at once, and has another one saved
// when the first of them is being removed.
func TestASnapshotDoesNotWaitForManyRemovals(t *testing.T) {
	const many = 100
	begun, goOn := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(begun); <-goOn })
	var removed, before atomic.Int32
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		switch {
		case op == vfstest.OpRemove && path.Base(name) == oldStateFile && path.Dir(path.Dir(name)) == "many":
			hold()
			removed.Add(1)
		case op == vfstest.OpCreate && name == streamDir("a")+"/"+newStateFile:
			before.Store(removed.Load())
		}
	}
	w := open(t, Config{FS: files})
	seq := w.write("a", 1)
	drops := make([]Stream, many)
	for i := range drops {
		drops[i] = StreamOf("many", fmt.Sprint(i))
	}
	parent := w.mustRecover("parent")
	w.tell(&Append{Stream: "parent", Epoch: parent.Epoch, Event: event(1, `{}`), Drops: drops, ReplyTo: w.owner})
	w.until("parent", 1)
	<-begun
	w.tell(&SaveSnapshot{Stream: "a", Epoch: w.epochs["a"], Seq: seq, State: stateAt(seq), ReplyTo: w.owner})
	w.mustRecover("parent") // it waits for the worker
	close(goOn)
	if saved := hear[*SnapshotSaved](w); saved.Err != nil {
		t.Fatal(saved.Err)
	}
	if n := before.Load(); n > 2 {
		t.Errorf("%d of %d streams were removed before another one was saved", n, many)
	}
	w.passUntil("all are removed", func() bool { return removed.Load() == many })
	w.close()
}

// TestARecoveryDoesNotWaitForManyRemovals ends a hundred streams at once, and uses two of them again:
// one whose removal waits in line, and one whose snapshot is still being saved.
func TestARecoveryDoesNotWaitForManyRemovals(t *testing.T) {
	const many = 100
	drops := make([]Stream, many)
	for i := range drops {
		drops[i] = StreamOf("many", fmt.Sprint(i))
	}
	last, saving := drops[many-1], StreamOf("many", "saving")
	save, removal := newGate(vfstest.OpCreate, streamDir(saving)+"/"+newStateFile), make(chan struct{})
	save.shut.Store(true)
	removed, before := 0, map[string]int{} // only the worker uses them
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		save.before(op, name)
		if op == vfstest.OpRemove && path.Base(name) == stateFile {
			<-removal
			before[path.Dir(name)] = removed
			removed++
		}
	}
	w := open(t, Config{FS: files})
	seq := w.write(saving, 1)
	parent := w.mustRecover("parent")
	w.tell(&SaveSnapshot{Stream: saving, Epoch: w.epochs[saving], Seq: seq, State: stateAt(seq), ReplyTo: w.owner})
	save.await(t)
	w.tell(&Append{Stream: "parent", Epoch: parent.Epoch, Event: event(1, `{}`), Drops: append(drops, saving), ReplyTo: w.owner})
	w.until("parent", 1)
	for _, s := range []Stream{last, saving} {
		w.tell(&Recover{Stream: s, ReplyTo: w.owner})
	}
	w.mustRecover("parent") // both wait for the worker
	close(save.open)
	hear[*SnapshotSaved](w)
	w.mustRecover("parent") // by now all removals are in line
	close(removal)
	for range 2 {
		if r := hear[*Recovered](w); r.Err != nil || r.Seq != 0 {
			t.Errorf("of an ended stream: %+v", r)
		}
	}
	w.close()
	for _, s := range []Stream{last, saving} {
		if n := before[streamDir(s)]; n > 5 {
			t.Errorf("%d streams were removed before %s", n, s)
		}
	}
}

// TestAFormerOwnersReleaseIsNotItsSuccessors comes after the next Recover of the stream, and once for a
// stream that nobody knows.
func TestAFormerOwnersReleaseIsNotItsSuccessors(t *testing.T) {
	w := open(t, Config{FS: vfstest.NewMem()})
	w.tell(&Recover{Stream: "a", Ref: 1, ReplyTo: w.owner})
	former := hear[*Recovered](w)
	w.tell(&Recover{Stream: "a", Ref: 2, ReplyTo: w.owner})
	present := hear[*Recovered](w)
	w.tell(&Release{Stream: "a", Epoch: former.Epoch, Ref: 1})
	w.tell(&Release{Stream: "unknown", Epoch: former.Epoch, Ref: 1})
	w.post("a", present.Epoch, 0, 1)
	w.until("a", 1)
	w.close()
}
