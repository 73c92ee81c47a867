package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// stateFiles makes a stream with two snapshots and the journal behind both.
func stateFiles(t testing.TB) (files, Stream) {
	m := vfstest.NewMem()
	s := StreamOf("users", "alice")
	w := open(t, Config{FS: m, Indent: 2})
	for range 2 {
		seq := w.write(s, 3)
		if r := w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq)}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	w.write(s, 2)
	w.close()
	return filesOf(t, m), s
}

func TestEveryFlippedBitOfASnapshot(t *testing.T) {
	sound, s := stateFiles(t)
	name := path.Join(streamDir(s), stateFile)
	eachFlip(sound[name], func(at int, flipped []byte) {
		m := sound.with(name, flipped).put(t)
		err := readAll(t, m, []Stream{s}, func(r *Recovered) { checkEvents(t, r, 8) })
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		both := sound.with(name, flipped).with(path.Join(streamDir(s), oldStateFile), flipped)
		if err := readAll(t, both.put(t), []Stream{s}, func(r *Recovered) { checkEvents(t, r, 8) }); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
	})
}

func TestDamagedSnapshotWithoutItsJournalIsAnError(t *testing.T) {
	s := StreamOf("users", "alice")
	m := vfstest.NewMem()
	w := open(t, Config{FS: m})
	for range 3 { // each checkpoint lets go of what the one before sealed
		seq := w.write(s, 3)
		w.saveState(&SaveSnapshot{Stream: s, Seq: seq, State: stateAt(seq)})
		w.checkpoint()
	}
	w.checkpoint()
	w.close()
	sound := filesOf(t, m)
	name := path.Join(streamDir(s), stateFile)
	eachFlip(sound[name], func(at int, flipped []byte) {
		err := readAll(t, sound.with(name, flipped).put(t), []Stream{s}, func(r *Recovered) {
			if !errors.As(r.Err, new(*DamageError)) && !errors.As(r.Err, new(*VersionError)) {
				t.Fatalf("byte %d: recovered %d events, %v", at, r.Seq, r.Err)
			}
		})
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
	})
}

// checkpoint begins one and waits until the new segment is there.
func (w *world) checkpoint() {
	w.t.Helper()
	before := w.liveSegment()
	w.tell(&checkpointDue{}) // once: a second would be a checkpoint of its own
	w.passUntil("there is a new segment", func() bool { return before != w.liveSegment() })
}

func (w *world) liveSegment() uint32 {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.store.core.live().number
}

func TestEveryFlippedBitOfAPage(t *testing.T) {
	m := vfstest.NewMem()
	d := newDisk(m)
	page := Page{First: PageItems, Items: made(func(i int) string { return fmt.Sprint(i) })}
	if err := d.writePages("s", []Page{page}); err != nil {
		t.Fatal(err)
	}
	name := pageFile("s", PageItems, PageItems)
	data, err := vfs.ReadFile(m, name)
	if err != nil {
		t.Fatal(err)
	}
	lines := long(4, PageItems)
	if lines < PageItems { // a page of few lines is read no differently
		data = bytes.Join(bytes.SplitAfterN(data, []byte{'\n'}, lines+1)[:lines], nil)
	}
	served := func(changed []byte) ([][]byte, error) {
		if err := d.replace(name, changed); err != nil {
			t.Fatal(err)
		}
		d.pages.forget("s")
		return d.readItems("s", PageItems, uint64(PageItems+lines), 0)
	}
	if items, err := served(data); err != nil || len(items) != lines {
		t.Fatalf("%d items, %v", len(items), err)
	}
	flips := 0
	eachFlip(data, func(at int, flipped []byte) {
		flips++
		if items, err := served(flipped); !errors.As(err, new(*DamageError)) {
			t.Fatalf("byte %d: served %q, %v", at, items, err)
		}
	})
	for size := range len(data) - 1 { // the last newline alone is no loss
		if items, err := served(data[:size]); !errors.As(err, new(*DamageError)) {
			t.Fatalf("cut at %d: served %d items, %v", size, len(items), err)
		}
	}
	t.Logf("%d flips and %d prefixes of a page", flips, len(data)-1)
}

func TestPagesAreReadBack(t *testing.T) {
	t.Run("folder", func(t *testing.T) { pagesAreReadBack(t, Config{Dir: t.TempDir()}) })
	t.Run("memory", func(t *testing.T) { pagesAreReadBack(t, Config{FS: vfstest.NewMem()}) })
}

func pagesAreReadBack(t *testing.T, cfg Config) {
	w := open(t, cfg)
	defer w.close()
	seq := w.write("a", 3)
	save := &SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}
	for p := range uint64(3) {
		first := p * PageItems
		items := made(func(i int) string { return fmt.Sprintf(`{"i":%d}`, first+uint64(i)) })
		save.Pages = append(save.Pages, Page{First: first, Items: items})
	}
	if r := w.saveState(save); r.Err != nil {
		t.Fatal(r.Err)
	}
	for _, ask := range [][2]uint64{{0, 1}, {0, 512}, {511, 513}, {500, 1536}, {7, 7}, {0, 1}, {100, 120}, {511, 513}, {1000, 1064}} {
		w.tell(&ReadItems{Stream: "a", From: ask[0], To: ask[1], Ref: 9, ReplyTo: w.owner})
		r := hear[*ItemsRead](w)
		if r.Err != nil || r.Ref != 9 || uint64(len(r.Items)) != ask[1]-ask[0] {
			t.Fatalf("%v: %d items, %v", ask, len(r.Items), r.Err)
		}
		for i, item := range r.Items {
			if string(item) != fmt.Sprintf(`{"i":%d}`, ask[0]+uint64(i)) {
				t.Fatalf("item %d is %s", ask[0]+uint64(i), item)
			}
		}
	}
	w.tell(&ReadItems{Stream: "a", From: 1500, To: 1537, ReplyTo: w.owner})
	if r := hear[*ItemsRead](w); !errors.Is(r.Err, ErrNoItems) || !errors.Is(r.Err, fs.ErrNotExist) {
		t.Errorf("beyond the end: %v", r.Err)
	}
	w.tell(&ReadItems{Stream: "a", From: 0, To: maxItemsRead + 1, ReplyTo: w.owner})
	if r := hear[*ItemsRead](w); !errors.Is(r.Err, ErrInvalid) {
		t.Errorf("too many: %v", r.Err)
	}
	if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq), Pages: []Page{{First: 3}}}); !errors.Is(r.Err, ErrInvalid) {
		t.Errorf("bad page: %v", r.Err)
	}
}

// TestSnapshotAheadOfItsJournal puts a snapshot beside a journal that ends before it.
func TestSnapshotAheadOfItsJournal(t *testing.T) {
	sound, counts := small(t)
	s := Stream("users/alice")
	for ahead := range uint64(2) {
		seq := counts[s] + ahead
		data, err := encodeSnapshot(&snapshot{Stream: s, Seq: seq, State: stateAt(seq)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := sound.with(path.Join(streamDir(s), stateFile), data).put(t)
		if err := readAll(t, m, []Stream{s}, func(r *Recovered) {
			if damaged := errors.As(r.Err, new(*DamageError)); damaged != (ahead > 0) {
				t.Errorf("snapshot at %d, journal at %d: recovered up to %d, %v", seq, counts[s], r.Seq, r.Err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFailedReadsServeNothingWrong lets each read of a start in turn fail, of a
// folder whose journal knows nothing of the stream any more.
func TestFailedReadsServeNothingWrong(t *testing.T) {
	f := wholeFolder(t)
	for _, files := range []files{f.files, f.withoutJournalOf(t, "users/alice")} {
		for k := 0; ; k++ {
			disk := &vfstest.Faulty{FS: files.put(t), Of: vfstest.Reads, Fail: func(call int) error {
				if call == k {
					return syscall.EIO
				}
				return nil
			}}
			err := readAll(t, disk, []Stream{"users/alice"}, func(r *Recovered) {
				if r.Err == nil {
					checkEvents(t, r, f.counts[r.Stream])
				} else if !errors.Is(r.Err, syscall.EIO) {
					t.Fatalf("read %d: %v", k, r.Err)
				}
			})
			if err != nil && !errors.As(err, new(*NotWritableError)) {
				t.Fatalf("read %d: %v", k, err)
			}
			if disk.Hits() == 0 {
				t.Logf("%d failed reads", k)
				break
			}
		}
	}
}

// withoutJournalOf saves a stream once more and lets its journal go.
func (f whole) withoutJournalOf(t *testing.T, s Stream) files {
	t.Helper()
	m := f.files.put(t)
	w := open(t, Config{FS: m})
	for name, seq := range f.counts {
		w.mustRecover(name)
		if r := w.saveState(&SaveSnapshot{Stream: name, Seq: seq, State: stateAt(seq)}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for range 2 {
		w.write("barrier", 1)
		w.checkpoint()
	}
	w.passUntil("the journal tells of it no more", func() bool {
		names, _ := m.List(journalFolder)
		return !slices.ContainsFunc(names, func(name string) bool {
			data, _ := vfs.ReadFile(m, path.Join(journalFolder, name)) // unless it is gone by now
			return bytes.Contains(data, []byte(s))
		})
	})
	w.close()
	return filesOf(t, m)
}

// TestASoundSnapshotIsNotReplacedByADamagedOne saves a tombstone without a new event to a disk that
// writes something else. The journal need not have what is in the snapshot any more.
func TestASoundSnapshotIsNotReplacedByADamagedOne(t *testing.T) {
	m := vfstest.NewMem()
	save := func(files vfs.FS, gone bool) error {
		msg := &SaveSnapshot{Stream: "s", Seq: 3, State: stateAt(3), Gone: gone}
		return saveJob{msg: msg}.do(newDisk(files)).(saved).err
	}
	if err := save(m, false); err != nil {
		t.Fatal(err)
	}
	if err := save(rotting{m}, true); !errors.As(err, new(*DamageError)) {
		t.Errorf("saved: %v", err)
	}
	if s, err := newDisk(m).readSnapshot("s", stateFile); err != nil || s == nil || s.Gone {
		t.Errorf("read: %+v, %v", s, err)
	}
	if left, err := m.List("s"); err != nil || len(left) != 1 {
		t.Errorf("files: %v, %v", left, err)
	}
}

// TestADamagedSnapshotOfANameThatIsUsedAgain has a journal with the events of an earlier life of the
// stream, and with its end: only those of the present life count.
func TestADamagedSnapshotOfANameThatIsUsedAgain(t *testing.T) {
	m := vfstest.NewMem()
	w := open(t, Config{FS: m})
	w.write("a", 5)
	r := w.mustRecover("parent")
	w.tell(&Append{Stream: "parent", Epoch: r.Epoch, Event: event(1, `{}`), Drops: []Stream{"a"}, ReplyTo: w.owner})
	w.until("parent", 1)
	seq := w.write("a", 3)
	if r := w.saveState(&SaveSnapshot{Stream: "a", Seq: seq, State: stateAt(seq)}); r.Err != nil || seq != 3 {
		t.Fatalf("saved at %d: %v", seq, r.Err)
	}
	w.close()
	f := filesOf(t, m)
	name := path.Join("a", stateFile)
	w = open(t, Config{FS: f.with(name, bytes.ToUpper(f[name])).put(t)})
	checkEvents(t, w.recover("a"), 3)
	w.close()
}
