package persistence

import (
	"errors"
	"path"
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
