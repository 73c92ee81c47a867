package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// cached is a disk after a sync that failed: Linux still gives what was written, and takes it for
// synced.
type cached struct{ vfs.FS }

func (d cached) Open(name string) (vfs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return cachedFile{f}, nil
}

type cachedFile struct{ vfs.File }

func (cachedFile) Sync() error { return nil }

// TestWhatAFailedSyncLeftInMemoryIsWrittenAgain ends a process whose journal could not be synced
// and begins another one, which reads what was written. Then the power is cut.
func TestWhatAFailedSyncLeftInMemoryIsWrittenAgain(t *testing.T) {
	for _, before := range []int{0, 2} { // events that are on disk
		mem := vfstest.NewMem()
		disk := &vfstest.Faulty{FS: mem}
		w := open(t, Config{FS: disk})
		r := w.mustRecover("a")
		for n := range before {
			w.post("a", r.Epoch, uint64(n), 1)
			w.until("a", uint64(n)+1)
		}
		syncs := false
		disk.FailAt = func(op vfstest.Op, name string) error {
			if syncs = syncs || op == vfstest.OpSync && path.Dir(name) == journalFolder; syncs && op&vfstest.Changes != 0 {
				return syscall.EIO
			}
			return nil
		}
		w.post("a", r.Epoch, uint64(before), 3)
		hear[*Rejected](w)
		_ = w.stop() // its disk is dead

		w = open(t, Config{FS: cached{mem}})
		seq := w.mustRecover("a").Seq
		if seq <= uint64(before) {
			t.Fatalf("%d events were written, %d read", before+1, seq)
		}
		checkEvents(t, w.recover("a"), seq)
		seq = w.write("a", 2)
		checkEvents(t, w.recover("a"), seq)
		cut := mem.PowerCut(0, 1)
		w.close()

		w = open(t, Config{FS: cut})
		checkEvents(t, w.recover("a"), seq)
		w.close()
	}
}

// TestAStartThatIsCutShort begins on a journal whose last batch nothing proves and whose end is torn,
// and cuts the power at each file call of that start. The next one finds all events, and has kept
// aside what was torn, whatever the first one has left of it.
func TestAStartThatIsCutShort(t *testing.T) {
	mem := vfstest.NewMem()
	disk := &vfstest.Faulty{FS: mem}
	w := open(t, Config{FS: disk})
	seq := w.write("a", 30)
	disk.Kill()
	_ = w.stop()
	left := filesOf(t, mem)
	const torn = `{"c":"12345678","n":99,`
	name := segmentFile(1)
	left[name] = append(trim(left[name]), torn...)
	for k, ended := 0, false; !ended; k++ {
		for seed := range uint64(20) {
			mem := left.put(t)
			if err := errors.Join(mem.SyncDir("."), mem.SyncDir(journalFolder)); err != nil {
				t.Fatal(err)
			}
			disk := &vfstest.Faulty{FS: mem}
			disk.Fail = func(call int) error {
				if call < k {
					return nil
				}
				disk.Kill()
				return vfstest.ErrKilled
			}
			if w, err := tryOpen(t, Config{FS: disk}); err == nil {
				ended = !disk.Killed()
				_ = w.stop()
			}
			mem = mem.PowerCut(int(seed)%5*25, seed)
			w := open(t, Config{FS: mem})
			checkEvents(t, w.recover("a"), seq)
			w.close()
			kept := 0
			for name, data := range filesOf(t, mem.PowerCut(0, seed)) {
				if path.Ext(name) == tornSuffix && string(data) == torn {
					kept++
				}
			}
			if kept != 1 {
				t.Fatalf("call %d, seed %d: what was torn is kept %d times", k, seed, kept)
			}
		}
	}
}

// noSyncDir cannot make the entries of one folder durable.
type noSyncDir struct {
	vfs.FS
	dir string
}

func (d noSyncDir) SyncDir(name string) error {
	if name == d.dir {
		return syscall.EIO
	}
	return d.FS.SyncDir(name)
}

// TestWhatWasOnlyReadOfTheJournalIsMadeDurable ends a process between a write
// and its sync. The next one reads what was written and builds on it, and then
// the power is cut.
func TestWhatWasOnlyReadOfTheJournalIsMadeDurable(t *testing.T) {
	mem := vfstest.NewMem()
	disk := &vfstest.Faulty{FS: mem}
	w := open(t, Config{FS: disk})
	seq := w.write("a", 2)
	r := w.mustRecover("a")
	written := disk.Calls()
	disk.Set(func(call int) error {
		if call > written {
			return syscall.EIO
		}
		return nil
	})
	w.post("a", r.Epoch, seq, 1)
	if no := hear[*Rejected](w); no.Seq != seq+1 {
		t.Fatalf("rejected %+v", no)
	}
	_ = w.stop() // its disk is dead

	w = open(t, Config{FS: mem})
	if found := w.mustRecover("a").Seq; found != seq+1 {
		t.Fatalf("%d events were written, %d read", seq+1, found)
	}
	seq = w.write("a", 1)
	cut := mem.PowerCut(0, 1)
	w.close()

	w = open(t, Config{FS: cut})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// lossy is a disk that forgets what a failed sync should have made durable, and
// does not tell it again: so does Linux.
type lossy struct {
	vfs.FS
	fail atomic.Bool // the next sync
}

func (d *lossy) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	return &lossyFile{File: f, disk: d}, err
}

type lossyFile struct {
	vfs.File
	disk *lossy
	held []byte
}

func (f *lossyFile) Write(p []byte) (int, error) {
	f.held = append(f.held, p...)
	return len(p), nil
}

func (f *lossyFile) Sync() error {
	if f.disk.fail.CompareAndSwap(true, false) {
		f.held = nil
		return syscall.EIO
	}
	return errors.Join(f.flush(), f.File.Sync())
}

func (f *lossyFile) flush() error {
	_, err := f.File.Write(f.held)
	f.held = nil
	return err
}

func (f *lossyFile) Close() error { return errors.Join(f.flush(), f.File.Close()) }

func TestAFailedSyncIsNotTriedAgain(t *testing.T) {
	mem := vfstest.NewMem()
	disk := &lossy{FS: mem}
	w := open(t, Config{FS: disk, Inspect: true})
	seq := w.write("a", 2)
	r := w.mustRecover("a")
	disk.fail.Store(true)
	w.post("a", r.Epoch, seq, 1)
	if answer, done := hear[any](w).(*Committed); done {
		seq = answer.Seq
	} else if n := w.store.Counters().Failures; n != 1 {
		t.Errorf("%d failures are counted", n)
	}
	cut := mem.PowerCut(0, 1)
	w.close()

	w = open(t, Config{FS: cut})
	checkEvents(t, w.recover("a"), seq)
	w.close()
}

// TestEventsLongerThanAPieceOfTheJournal are read at the start, with the pieces in which a segment is
// read, and once more when the snapshots are damaged.
func TestEventsLongerThanAPieceOfTheJournal(t *testing.T) {
	m := vfstest.NewMem()
	w := open(t, Config{FS: m})
	var want []string
	r := w.mustRecover("a")
	for n := range uint64(6) {
		data := fmt.Sprintf(`{"n":%d,"text":%q}`, n, strings.Repeat(fmt.Sprint(n), int(n)*segmentChunk/2+int(n)))
		want = append(want, data)
		w.tell(&Append{Stream: "a", Epoch: r.Epoch, Event: event(n+1, data), ReplyTo: w.owner})
	}
	w.until("a", 6)
	w.saveState(&SaveSnapshot{Stream: "a", Seq: 3, State: stateAt(3)})
	w.close()
	f := filesOf(t, m)
	name := path.Join("a", stateFile)
	for events, f := range map[int]files{3: f, 6: f.with(name, bytes.ToUpper(f[name]))} {
		w := open(t, Config{FS: f.put(t)})
		r := w.mustRecover("a")
		if len(r.Events) != events {
			t.Errorf("%d events, want %d", len(r.Events), events)
		}
		for _, e := range r.Events {
			if string(e.Data) != want[e.Seq-1] {
				t.Errorf("event %d came back as %d other bytes", e.Seq, len(e.Data))
			}
		}
		w.close()
	}
}
