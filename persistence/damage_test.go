package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// files is a data folder as a map.
type files map[string][]byte

// put makes a disk of files.
func (f files) put(t testing.TB) *vfstest.Mem {
	t.Helper()
	m := vfstest.NewMem()
	for name, data := range f {
		if err := errors.Join(m.MkdirAll(path.Dir(name)), vfs.WriteSynced(m, name, data)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// filesOf reads a disk whole.
func filesOf(t testing.TB, m *vfstest.Mem) files {
	t.Helper()
	all, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (f files) with(name string, data []byte) files {
	changed := maps.Clone(f)
	changed[name] = data
	return changed
}

func same(a, b files) bool {
	return maps.EqualFunc(a, b, func(x, y []byte) bool { return string(x) == string(y) })
}

// readAll opens a disk and reads streams as an owner would. It gives Open's
// error; each stream's own goes to check.
func readAll(t testing.TB, m vfs.FS, streams []Stream, check func(*Recovered)) error {
	t.Helper()
	c, err := boot(Config{FS: m}.withDefaults().quiet())
	if err != nil {
		return err
	}
	for _, s := range streams {
		e, err := c.entry(s)
		if err != nil {
			t.Fatal(err)
		}
		r := c.recoverJob(e, request{recover: &Recover{Stream: s}}).do(c.files).(recovery)
		answer := &Recovered{Stream: s, Err: r.err}
		if r.err == nil {
			c.learn(e, &r)
			answer.Seq, answer.Events = e.durable, r.events
			if r.snapshot != nil {
				answer.Snapshot = r.snapshot.State
			}
		}
		check(answer)
	}
	return c.finish()
}

func (cfg Config) quiet() Config { cfg.Log = quiet; return cfg }

// small makes a folder with two sealed segments and one that ends with a mark.
func small(t testing.TB) (files, map[Stream]uint64) {
	m := vfstest.NewMem()
	counts := make(map[Stream]uint64)
	for range 3 {
		w := open(t, Config{FS: m})
		for _, s := range []Stream{"users/alice", "servers/go"} {
			counts[s] = w.write(s, 2)
		}
		w.close()
	}
	return filesOf(t, m), counts
}

func TestEveryFlippedBitOfTheJournal(t *testing.T) {
	sound, counts := small(t)
	streams := slices.Collect(maps.Keys(counts))
	for name, data := range sound {
		if path.Dir(name) != journalFolder {
			continue
		}
		eachFlip(data, func(at int, flipped []byte) {
			m := sound.with(name, flipped).put(t)
			err := readAll(t, m, streams, func(r *Recovered) { checkEvents(t, r, counts[r.Stream]) })
			checkRefusal(t, err, m, sound.with(name, flipped), fmt.Sprintf("%s byte %d", name, at))
		})
	}
}

// TestEarlierBatchesAreProvenByLaterOnes looks at a journal that nothing ended.
func TestEarlierBatchesAreProvenByLaterOnes(t *testing.T) {
	m := vfstest.NewMem()
	w := open(t, Config{FS: m})
	proven := int64(0)
	for i := range 4 {
		w.write("a", 2)
		if i == 2 {
			proven = int64(len(trim(filesOf(t, m)[segmentFile(1)])))
		}
	}
	sound := filesOf(t, m)
	w.close()
	data := sound[segmentFile(1)]
	eachFlip(data[:proven-1], func(at int, flipped []byte) {
		changed := sound.with(segmentFile(1), append(flipped, data[proven-1:]...))
		disk := changed.put(t)
		err := readAll(t, disk, []Stream{"a"}, func(r *Recovered) { checkEvents(t, r, 8) })
		if err == nil {
			t.Fatalf("byte %d: opened", at)
		}
		checkRefusal(t, err, disk, changed, fmt.Sprintf("byte %d", at))
	})
}

// eachFlip flips one bit of every byte, or every bit in the long form.
func eachFlip(data []byte, do func(at int, flipped []byte)) {
	for _, at := range places(data) {
		for bit := range 8 {
			if bit != at%8 && long(0, 1) == 0 {
				continue
			}
			flipped := slices.Clone(data)
			flipped[at] ^= 1 << bit
			do(at, flipped)
		}
	}
}

// places are the bytes that are worth a try: all that are written, and some of the
// zeros behind them.
func places(data []byte) []int {
	var all []int
	end := len(trim(data))
	for at := range data {
		if at < end+8 || at%1000 == 0 || at == len(data)-1 {
			all = append(all, at)
		}
	}
	return all
}

// checkRefusal checks that a refusal is of the right kind and changed nothing.
func checkRefusal(t testing.TB, err error, m *vfstest.Mem, before files, what string) {
	t.Helper()
	if err == nil {
		return
	}
	if !errors.As(err, new(*DamageError)) && !errors.As(err, new(*VersionError)) {
		t.Fatalf("%s: %v", what, err)
	}
	if !same(filesOf(t, m), before) {
		t.Fatalf("%s: refused, but changed the folder", what)
	}
}

func TestEveryPrefixOfTheJournal(t *testing.T) {
	sound, counts := small(t)
	streams := slices.Collect(maps.Keys(counts))
	names := slices.Sorted(maps.Keys(sound))
	newest := slices.MaxFunc(names, func(a, b string) int {
		return 2*(boolInt(path.Dir(a) == journalFolder)-boolInt(path.Dir(b) == journalFolder)) + strings.Compare(a, b)
	})
	for _, name := range names {
		if path.Dir(name) != journalFolder {
			continue
		}
		whole := len(trim(sound[name]))
		for _, size := range places(sound[name]) {
			changed := sound.with(name, sound[name][:size])
			m := changed.put(t)
			err := readAll(t, m, streams, func(r *Recovered) {
				if size < whole && (r.Seq < counts[r.Stream]-2 || name != newest) || size >= whole && r.Seq != counts[r.Stream] {
					t.Fatalf("%s cut at %d: %s recovered up to %d", name, size, r.Stream, r.Seq)
				}
				checkEvents(t, r, r.Seq)
			})
			checkRefusal(t, err, m, changed, fmt.Sprintf("%s cut at %d", name, size))
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTornTailIsKeptAndSkipped(t *testing.T) {
	sound, counts := small(t)
	name := segmentFile(3)
	torn := sound.with(name, append(trim(slices.Clone(sound[name])), `{"c":"12345678","n":99,`...))
	m := torn.put(t)
	for range 2 { // the copy is made once
		if err := readAll(t, m, []Stream{"users/alice"}, func(r *Recovered) { checkEvents(t, r, counts[r.Stream]) }); err != nil {
			t.Fatal(err)
		}
	}
	after := filesOf(t, m)
	if string(after["journal/00000003.torn"]) != `{"c":"12345678","n":99,` {
		t.Errorf("kept %q", after["journal/00000003.torn"])
	}
	if string(after[name]) != string(torn[name]) {
		t.Error("the recovered segment was changed")
	}
}

// TestTornHeaderIsSkipped cuts a segment that was just begun at every byte, in a
// new folder and in one with a journal: it was never built on.
func TestTornHeaderIsSkipped(t *testing.T) {
	sound, counts := small(t)
	for name, before := range map[string]files{"new": {}, "old": sound} {
		m := before.put(t)
		newest := ""
		c, err := boot(Config{FS: m}.withDefaults().quiet())
		if err == nil {
			newest = segmentFile(c.live().number)
			err = c.writer.close() // as a process that ends here
		}
		if err != nil {
			t.Fatal(err)
		}
		after := filesOf(t, m)
		if name == "new" { // the format file comes after the segment
			delete(after, formatFile)
		}
		for size := range after[newest] {
			torn := after.with(newest, after[newest][:size])
			err := readAll(t, torn.put(t), []Stream{"users/alice"}, func(r *Recovered) {
				if name == "old" {
					checkEvents(t, r, counts[r.Stream])
				}
			})
			if err != nil {
				t.Fatalf("%s, header cut at %d: %v", name, size, err)
			}
		}
	}
}

func TestMissingSegmentIsDamage(t *testing.T) {
	sound, _ := small(t)
	for name := range sound {
		if path.Dir(name) != journalFolder || name == segmentFile(3) {
			continue
		}
		less := maps.Clone(sound)
		delete(less, name)
		m := less.put(t)
		err := readAll(t, m, nil, nil)
		if !errors.As(err, new(*DamageError)) {
			t.Errorf("without %s: %v", name, err)
		}
		checkRefusal(t, err, m, less, name)
	}
}

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
