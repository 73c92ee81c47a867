package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

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
	whole := 0
	for _, name := range slices.Backward(names) {
		if path.Dir(name) != journalFolder {
			continue
		}
		if name == newest {
			whole = len(trim(sound[name]))
		}
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
		whole = int(headerOf(t, sound[name]).Previous.Bytes) // what counts of the segment before
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
	var log strings.Builder
	for range 2 { // the copy is made once, and told once
		c, err := boot(Config{FS: m, Log: slog.New(slog.NewTextHandler(&log, nil))}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.finish(); err != nil {
			t.Fatal(err)
		}
		if err := readAll(t, m, []Stream{"users/alice"}, func(r *Recovered) { checkEvents(t, r, counts[r.Stream]) }); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(log.String(), "file=journal/00000003.torn bytes=23") != 1 {
		t.Errorf("the log has not once what is kept aside:\n%s", log.String())
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
			m := after.with(newest, after[newest][:size]).put(t)
			err := readAll(t, m, []Stream{"users/alice"}, func(r *Recovered) {
				if name == "old" {
					checkEvents(t, r, counts[r.Stream])
				}
			})
			if err != nil {
				t.Fatalf("%s, header cut at %d: %v", name, size, err)
			}
			if kept, is := filesOf(t, m)[strings.TrimSuffix(newest, segmentSuffix)+tornSuffix]; is && len(kept) == 0 {
				t.Fatalf("%s, header cut at %d: nothing is kept aside as if it were something", name, size)
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

// headerOf reads the header of a segment.
func headerOf(t testing.TB, data []byte) (h header) {
	t.Helper()
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	f, ok := parseFrame(line)
	if err := json.Unmarshal(f.body, &h); err != nil || !ok {
		t.Fatal(err)
	}
	return h
}

// withHeader changes the header of the newest segment, checksum and all.
func (f files) withHeader(t *testing.T, change func(h *header)) files {
	t.Helper()
	name := segmentFile(3)
	h := headerOf(t, f[name])
	change(&h)
	line, err := headerLine(&h, h.Previous.Seq+1)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(f[name], []byte{'\n'})
	return f.with(name, slices.Concat(line, rest))
}

// TestHeadersThatAreSoundAndWrong gives the newest segment a header that has its right checksum, but
// is not of this program, or does not fit the other segments, as after a copy of single files.
func TestHeadersThatAreSoundAndWrong(t *testing.T) {
	sound, _ := small(t)
	for what, change := range map[string]func(h *header){
		"not a journal header": func(h *header) { h.Format = "other" },
		"version 2":            func(h *header) { h.Version = 2 },
		"not the expected one": func(h *header) { // one record less counts
			before := sound[segmentFile(2)][:h.Previous.Bytes-1]
			h.Previous.Bytes = int64(bytes.LastIndexByte(before, '\n')) + 1
		},
	} {
		changed := sound.withHeader(t, change)
		m := changed.put(t)
		err := readAll(t, m, nil, nil)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		checkRefusal(t, err, m, changed, what)
	}
}

// TestASnapshotOfANewerProgram is neither read nor passed over for the older one.
func TestASnapshotOfANewerProgram(t *testing.T) {
	f := wholeFolder(t)
	s := Stream("users/alice")
	name := path.Join(streamDir(s), stateFile)
	data := bytes.Replace(f.files[name], []byte(`"version": 1`), []byte(`"version": 2`), 1)
	at := crcAt(data)
	putHex(data[at:at+8], crc32.Checksum(data[at+8:], castagnoli))
	m := f.files.with(name, data).put(t)
	if err := readAll(t, m, []Stream{s}, func(r *Recovered) {
		if !errors.As(r.Err, new(*VersionError)) {
			t.Errorf("recovered up to %d, %v", r.Seq, r.Err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestRecordsThatAreSoundAndWrong has one more record at the end of the journal, which nothing proves
// durable: of a kind that is not known here, or an event of which the stream has another already.
func TestRecordsThatAreSoundAndWrong(t *testing.T) {
	sound, counts := small(t)
	with := func(body []byte) files {
		data := trim(sound[segmentFile(3)])
		_, next, _ := soundPrefix(data, headerOf(t, data).Previous.Seq+1)
		return sound.with(segmentFile(3), appendFrame(slices.Clone(data), next, next-1, body))
	}
	newer := with([]byte(`{"new":true}`))
	m := newer.put(t)
	err := readAll(t, m, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "unknown kind of record") {
		t.Errorf("of a newer program: %v", err)
	}
	checkRefusal(t, err, m, newer, "of a newer program")

	again := with([]byte(`{"stream":"users/alice","seq":1,"type":"t","version":1,"data":{}}`))
	if err := readAll(t, again.put(t), []Stream{"users/alice", "servers/go"}, func(r *Recovered) {
		if r.Stream != "users/alice" {
			checkEvents(t, r, counts[r.Stream])
		} else if !errors.As(r.Err, new(*DamageError)) {
			t.Errorf("recovered up to %d, %v", r.Seq, r.Err)
		}
	}); err != nil {
		t.Error(err)
	}
}
