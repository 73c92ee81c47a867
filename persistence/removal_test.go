package persistence

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// TestDroppedFilesThatStayAreNobodys lets the removal of a dropped stream fail.
func TestDroppedFilesThatStayAreNobodys(t *testing.T) {
	m := vfstest.NewMem()
	disk := &vfstest.Faulty{FS: m, Of: vfstest.OpRemove}
	w := open(t, Config{FS: disk})
	channel := StreamOf("servers", "go", "channels", "general", "1")
	seq := w.write(channel, 4)
	w.saveState(&SaveSnapshot{Stream: channel, Seq: seq, State: stateAt(seq)})
	r := w.mustRecover("servers/go")
	disk.Set(func(int) error { return syscall.EIO })
	w.tell(&Append{Stream: "servers/go", Epoch: r.Epoch, Event: event(1, `{}`), Drops: []Stream{channel}, ReplyTo: w.owner})
	w.until("servers/go", 1)
	for range 3 {
		if r := w.recover(channel); !errors.Is(r.Err, ErrUnavailable) {
			t.Errorf("of a dropped stream: %+v", r)
		}
	}
	disk.Set(nil)
	if r := w.mustRecover(channel); r.Seq != 0 || r.Snapshot != nil {
		t.Errorf("after the drop: %+v", r)
	}
	w.write(channel, 2)
	w.close()
	if n := w.store.core.requests; n != 0 {
		t.Errorf("%d requests are said to wait for files", n)
	}
}

// TestFailedRemovalsAreMadeUpFor lets the older snapshot, then the tombstone
// stay because the disk fails; the name can be used meanwhile.
func TestFailedRemovalsAreMadeUpFor(t *testing.T) {
	for _, op := range []vfstest.Op{vfstest.OpRemove, vfstest.OpSyncDir} {
		for _, late := range []bool{false, true} { // only when the tombstone's file is gone
			synctest.Test(t, func(t *testing.T) { failRemovals(t, op, late) })
		}
	}
}

func failRemovals(t *testing.T, fails vfstest.Op, late bool) {
	m, failing := vfstest.NewMem(), atomic.Bool{}
	s := StreamOf("servers", "go")
	disk := &vfstest.Faulty{FS: m, FailAt: func(op vfstest.Op, name string) error {
		if failing.Load() && op == fails && strings.HasPrefix(name, streamDir(s)) {
			has, err := vfs.Exists(m, path.Join(streamDir(s), stateFile))
			if !late || err == nil && !has {
				return syscall.EIO
			}
		}
		return nil
	}}
	w := open(t, Config{FS: disk})
	before := w.write(s, 1)
	w.saveState(&SaveSnapshot{Stream: s, Seq: before, State: stateAt(before)})
	seq := w.bury(s, 2)
	failing.Store(true)
	w.checkpoint() // lets go
	synctest.Wait()
	r := w.mustRecover(s)
	if r.Seq != 0 && r.Seq != seq {
		t.Errorf("meanwhile: %+v", r)
	}
	w.tell(&Release{Stream: s, Epoch: r.Epoch})
	failing.Store(false)
	for range 3 {
		w.write("users/a", 1)
		w.checkpoint()
		synctest.Wait()
	}
	if r := w.mustRecover(s); r.Seq != 0 || r.Snapshot != nil {
		t.Errorf("after the end: %+v", r)
	}
	for name := range filesOf(t, m) {
		if path.Dir(name) == streamDir(s) {
			t.Errorf("left behind: %s", name)
		}
	}
	w.write(s, 2)
	w.close()
	time.Sleep(time.Second)
}

// TestFolderIsFilledWhileItIsRemoved lets a stream save its first snapshot in a
// folder that the end of a stream below it is about to take away as empty.
func TestFolderIsFilledWhileItIsRemoved(t *testing.T) {
	m := vfstest.NewMem()
	g := newGate(vfstest.OpRemove, "servers/go")
	w := open(t, Config{FS: &vfstest.Faulty{FS: m, Before: g.before}})
	channel := StreamOf("servers", "go", "channels", "general", "1")
	seq := w.write(channel, 1)
	w.saveState(&SaveSnapshot{Stream: channel, Seq: seq, State: stateAt(seq)})
	r := w.mustRecover("servers/go")
	g.shut.Store(true)
	w.tell(&Append{Stream: "servers/go", Epoch: r.Epoch, Event: event(1, `{}`), Drops: []Stream{channel}, ReplyTo: w.owner})
	g.await(t)
	w.tell(&Recover{Stream: channel, ReplyTo: w.owner}) // waits behind the removal
	w.mustRecover("barrier")
	if err := vfs.WriteSynced(m, "servers/go/"+newStateFile, []byte("{")); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	if r := hear[*Recovered](w); r.Stream != channel || r.Err != nil || r.Seq != 0 {
		t.Errorf("after the drop: %+v", r)
	}
	if r := w.saveState(&SaveSnapshot{Stream: "servers/go", Seq: 1, State: stateAt(1)}); r.Err != nil {
		t.Error(r.Err)
	}
	w.close()
}

// TestRemovalDoesNotListOthers removes streams one after the other: none costs a look at all that
// are beside it, and a link in the place of a folder stays.
func TestRemovalDoesNotListOthers(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{"disk/README": ""})
	if err := os.Symlink("disk", filepath.Join(dir, "servers")); err != nil {
		t.Fatal(err)
	}
	real, err := vfs.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := newDisk(&vfstest.Faulty{FS: real, Before: func(op vfstest.Op, name string) {
		if op == vfstest.OpList && path.Base(name) != pagesFolder {
			t.Errorf("%s was listed", name)
		}
	}})
	channels := []Stream{StreamOf("servers", "go", "channels", "a", "1"), StreamOf("servers", "go", "channels", "b", "2")}
	for _, s := range channels {
		if err := d.inDir(streamDir(s), func() error { return d.writeState(streamDir(s), []byte("{}"), false) }); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range channels {
		if err := d.removeStream(s); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "servers/go/channels")); len(left) != 1-i {
			t.Errorf("after %d removals: %v, %v", i+1, left, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, "servers")); err != nil || len(left) != 1 {
		t.Errorf("after all removals: %v, %v", left, err)
	}
	if err := real.Close(); err != nil {
		t.Error(err)
	}
}

// TestAMountedDiskDoesNotHinderARemoval has one in the place of a folder above the stream's: the
// system does not let it go, empty or not.
func TestAMountedDiskDoesNotHinderARemoval(t *testing.T) {
	s := StreamOf("servers", "go", "channels", "a", "1")
	m := vfstest.NewMem()
	d := newDisk(&vfstest.Faulty{FS: m, FailAt: func(op vfstest.Op, name string) error {
		if op == vfstest.OpRemove && name == "servers/go/channels" {
			return syscall.EBUSY
		}
		return nil
	}})
	if err := d.inDir(streamDir(s), func() error { return d.writeState(streamDir(s), []byte("{}"), false) }); err != nil {
		t.Fatal(err)
	}
	if err := d.removeStream(s); err != nil {
		t.Error(err)
	}
	if left, err := m.List("servers/go/channels"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
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
