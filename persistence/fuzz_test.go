package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// The fuzzing of names and of what is read back from disk: nothing leaves the
// folder, nothing is accepted that is not byte for byte as it was written, no
// memory out of proportion.

// checkMemory holds do to memory in proportion to its input.
func checkMemory(t *testing.T, input int, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(512<<10+64*input) {
		t.Fatalf("%d bytes of input took %d bytes of memory", input, used)
	}
}

// FuzzStreamDir keeps streams of any names apart and inside the folder.
func FuzzStreamDir(f *testing.F) {
	f.Add("users", "alice", "users", "Alice")
	f.Add("..", "con", "../con", "")
	f.Add("/", "\x00", "%", "%h")
	f.Add("pages.d", "state.json", "journal", strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		s, other := StreamOf(a, b), StreamOf(c, d)
		if parts := s.Parts(); len(parts) != 2 || parts[0] != a || parts[1] != b {
			t.Fatalf("%q comes back as %q", s, parts)
		}
		dirs := map[string]Stream{}
		for _, stream := range []Stream{s, other, Stream(a), Stream(a + b + c + d)} { // also such as StreamOf never makes
			dir := streamDir(stream)
			checkSafe(t, stream, dir)
			if !filepath.IsLocal(dir) || dir == "." {
				t.Fatalf("%q is kept in %q", stream, dir)
			}
			// Different names stay different where case and Unicode forms do not count.
			if same, taken := dirs[strings.ToLower(dir)]; taken && same != stream {
				t.Fatalf("%q and %q are both kept in %q", same, stream, dir)
			}
			dirs[strings.ToLower(dir)] = stream
		}
	})
}

// fixCRC gives a line the checksum that gets it behind that check.
func fixCRC(line []byte) []byte {
	line = slices.Clone(line)
	if len(line) > frameStart {
		copy(line, `{"c":"`)
		copy(line[crcEnd:], `",`)
		putCRC(line)
	}
	return line
}

// FuzzRecord accepts a journal line only if writing it again gives the same bytes.
func FuzzRecord(f *testing.F) {
	for _, line := range []string{
		`{"c":"00000000","n":1,"d":0,"v":{"stream":"a","seq":1,"type":"t","version":1,"drops":["x","y\u0000"],"data":{}}}`,
		`{"c":"00000000","n":18446744073709551615,"d":7,"v":{"stream":"users/%41","seq":2,"type":"t","version":-1,"data":{"a":"é"}}}`,
		`{"c":"00000000","n":007,"d":-0,"v":{"stream":"\u0061","seq":01,"type":"t","version":+1,"drops":["a""b",],"data":}}`,
		`{"c":"00000000","n":3,"d":2,"v":{"mark":true}}`,
		`{"c":"00000000","n":1,"d":0,"v":{"stream":"\u0061","seq":1,"type":"t","version":1,"data":{}}}`,
		`{"c":"00000000","n":1,"d":0,"v":{"stream":"a","seq":1,"type":"t","version":1,"drops":["x""y"],"data":{}}}`,
		`{"c":"00000000","n":1,"d":0,"v":{"stream":"a","seq":1,"type":"t","version":1,"drops":["x",],"data":{}}}`,
		`{"c":"00000000","n":1,"d":0,"v":{"stream":"a","seq":1,"type":"t","version":01,"data":{}}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = fixCRC(line)
		checkMemory(t, len(line), func() { checkRecord(t, line) })
	})
}

func checkRecord(t *testing.T, line []byte) {
	t.Helper()
	fr, ok := parseFrame(line)
	if !ok {
		return
	}
	if sum := fmt.Sprintf("%08x", crc32.Checksum(line[frameStart:], crc32.MakeTable(crc32.Castagnoli))); string(line[crcStart:crcEnd]) != sum {
		t.Fatalf("%q was accepted, its checksum is %s", line, sum)
	}
	if again := appendFrame(nil, fr.n, fr.d, fr.body); string(again) != string(line)+"\n" {
		t.Fatalf("%q was accepted and is written as %q", line, again)
	}
	b, ok := parseBody(fr.body)
	if !ok {
		return
	}
	start, err := bodyStart(b.stream)
	if err != nil && len(b.stream) > maxStreamBytes {
		return // refused when the table is filled
	}
	again, err2 := appendBody(nil, start, &b.event, b.drops)
	if err != nil || err2 != nil || !bytes.Equal(again, fr.body) {
		t.Fatalf("%q was accepted and is written as %q (%v, %v)", fr.body, again, err, err2)
	}
}

// FuzzSnapshot accepts a state file only with the right checksum, of the right
// stream, and not with any bit flipped.
func FuzzSnapshot(f *testing.F) {
	for _, indent := range []int{0, 2} {
		data, err := encodeSnapshot(&snapshot{Stream: "users/alice", Seq: 777777777, Gone: indent > 0, State: jsontext.Value(`{"exists":true,"keys":[]}`)}, indent)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint(40))
		f.Add(data, uint(8*bytes.Index(data, []byte("777")))) // another sequence
	}
	f.Add([]byte("{  \n \"crc32c\":\"00000000\"}"), uint(3))
	f.Add([]byte(`{"crc32c":"00000000","format":"elemental-snapshot","version":0,"stream":"users/alice","seq":-1,"state":null}`), uint(3))
	f.Fuzz(func(t *testing.T, data []byte, bit uint) {
		data = slices.Clone(data)
		if at := crcAt(data); at >= 0 {
			putHex(data[at:at+8], crc32.Checksum(data[at+8:], castagnoli))
		}
		var s *snapshot
		var err error
		checkMemory(t, len(data), func() { s, err = decodeSnapshot("f", "users/alice", data) })
		if err != nil {
			if !errors.As(err, new(*DamageError)) && !errors.As(err, new(*VersionError)) {
				t.Fatal(err)
			}
			return
		}
		checkSnapshot(t, data, s)
		flipped := slices.Clone(data)
		flipped[bit/8%uint(len(data))] ^= 1 << (bit % 8)
		if _, err := decodeSnapshot("f", "users/alice", flipped); err == nil {
			t.Fatalf("%q was accepted with bit %d flipped", flipped, bit)
		}
	})
}

func checkSnapshot(t *testing.T, data []byte, s *snapshot) {
	t.Helper()
	if s.Stream != "users/alice" || s.Version != snapshotVersion || s.Format != snapshotFormat || !s.State.IsValid() {
		t.Fatalf("%q was accepted as %+v", data, s)
	}
	// Written again and read again, it is the same.
	fresh := *s
	again, err := encodeSnapshot(&fresh, 2)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decodeSnapshot("f", "users/alice", again)
	if err != nil || back.Seq != s.Seq || back.Gone != s.Gone || !bytes.Equal(back.State, s.State) {
		t.Fatalf("%+v comes back as %+v, %v", s, back, err)
	}
}

// FuzzPage serves items of a page only as they were written, whatever leads to them.
func FuzzPage(f *testing.F) {
	var sound []byte
	for i := range uint64(40) {
		sound = appendItem(sound, i, fmt.Appendf(nil, `{"message":"%s"}`, strings.Repeat("m", int(i*i*i%601))))
	}
	f.Add(sound, uint8(0), uint8(40))
	f.Add(sound, uint8(33), uint8(2))
	f.Add(bytes.ReplaceAll(sound, []byte(`"i":2`), []byte(`"i":18`)), uint8(18), uint8(2))
	f.Add(bytes.ReplaceAll(sound, []byte(`"i":1`), []byte(`"i":`)), uint8(18), uint8(2))
	f.Add([]byte(`{"c":"00000000","i":00,"v":{}}`+"\n"+`{"c":"00000000","i":1,"v":1}`), uint8(0), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, from, to uint8) {
		lines := map[string]bool{}
		var all [][]byte
		for _, line := range bytes.Split(data, []byte{'\n'}) {
			all = append(all, fixCRC(line))
			lines[string(all[len(all)-1])] = true
		}
		data = bytes.Join(all, []byte{'\n'})
		low, high := uint64(from), uint64(from)+uint64(to)
		for _, count := range []uint64{PageItems, MaxPageItems} {
			var items [][]byte
			var err error
			d := newDisk(files{pageFile("s", 0, count): data}.put(t))
			checkMemory(t, len(data), func() { items, err = d.readItems("s", low, high, 0) })
			if err != nil {
				if low < high && !errors.As(err, new(*DamageError)) && !errors.Is(err, ErrNoItems) {
					t.Fatal(err)
				}
				continue
			}
			if len(items) != int(to) {
				t.Fatalf("%d items for %d", len(items), to)
			}
			for i, item := range items {
				want := appendItem(nil, low+uint64(i), item)
				if !lines[string(want[:len(want)-1])] {
					t.Fatalf("%q was served as item %d, which is nowhere", item, low+uint64(i))
				}
			}
		}
	})
}

// FuzzSegment damages a journal in any way that leaves no right checksum behind
// by luck: what is served is what was written, what later records prove is
// there, and a refusal changes nothing.
func FuzzSegment(f *testing.F) {
	sound, counts := small(f)
	streams := slices.Collect(maps.Keys(counts))
	var names []string
	for name := range sound {
		if path.Dir(name) == journalFolder {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	newest := names[len(names)-1]
	f.Add(uint8(0), uint16(100), []byte{1}, uint16(0), []byte{})
	f.Add(uint8(2), uint16(0), []byte{}, uint16(40), []byte(`{"c":"12345678","n":99,`))
	f.Add(uint8(2), uint16(200), []byte("\x00\xff\x80"), uint16(0), []byte("\n\n"))
	f.Add(uint8(1), uint16(0), []byte{}, uint16(1), []byte{})
	f.Fuzz(func(t *testing.T, which uint8, at uint16, xor []byte, cut uint16, tail []byte) {
		name := names[int(which)%len(names)]
		data := slices.Clone(sound[name])
		for i, x := range xor {
			data[(int(at)+i)%len(data)] ^= x
		}
		data = append(data[:len(data)-min(int(cut), len(data))], tail...)
		changed := sound.with(name, data)
		m := changed.put(t)
		var err error
		checkMemory(t, 16<<10+len(data), func() {
			err = readAll(t, m, streams, func(r *Recovered) {
				least := counts[r.Stream]
				if name == newest {
					least -= 2 // no later segment proves the newest one's end
				}
				if r.Err == nil && r.Seq < least {
					t.Fatalf("%s: %s recovered up to %d of %d", name, r.Stream, r.Seq, least)
				}
				checkEvents(t, r, r.Seq)
			})
		})
		checkRefusal(t, err, m, changed, name)
	})
}

// FuzzTail puts any lines with right checksums behind a sound journal: it is
// refused, or read the same way each time.
func FuzzTail(f *testing.F) {
	sound, _ := small(f)
	newest := segmentFile(3)
	sound[newest] = trim(sound[newest])
	_, next, problem := soundPrefix(sound[newest], firstOf(f, sound[newest]))
	if problem != "" {
		f.Fatal(problem)
	}
	event := `"v":{"stream":"users/alice","seq":%d,"type":"posted","version":1,"data":{"x":1}}}`
	f.Add(fmt.Appendf(nil, `{"c":"00000000","n":%d,"d":%d,`+event+"\n", next, next-1, 7))
	f.Add(fmt.Appendf(nil, `{"c":"00000000","n":%d,"d":%d,`+event+"\n", next, next-1, 99))
	f.Add(fmt.Appendf(nil, `{"c":"00000000","n":%d,"d":%d,"v":{"stream":"b","seq":1,"type":"t","version":1,"drops":["users/alice","b","b"],"data":{}}}`+"\n", next, next-1))
	f.Add(fmt.Appendf(nil, `{"c":"00000000","n":%d,"d":%d,"v":{"mark":true}}`+"\n", next+5, next+4))
	f.Fuzz(func(t *testing.T, lines []byte) {
		data := slices.Clone(sound[newest])
		for line := range bytes.Lines(lines) {
			if body, whole := bytes.CutSuffix(line, []byte{'\n'}); whole {
				data = append(append(data, fixCRC(body)...), '\n')
			} else {
				data = append(data, fixCRC(body)...)
			}
		}
		changed := sound.with(newest, data)
		m := changed.put(t)
		first, err := recoverAll(t, m, data)
		if err != nil {
			if !errors.As(err, new(*VersionError)) {
				checkRefusal(t, err, m, changed, "tail")
			}
			return
		}
		second, err := recoverAll(t, m, data)
		if err != nil || !maps.Equal(first, second) {
			t.Fatalf("read as\n%v\nand then, %v, as\n%v", first, err, second)
		}
	})
}

func firstOf(t testing.TB, data []byte) uint64 {
	t.Helper()
	_, first, err := parseHeader(3, data)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// recoverAll opens a disk and gives what each stream that the journal knows
// comes back as.
func recoverAll(t *testing.T, m *vfstest.Mem, journal []byte) (map[Stream]string, error) {
	t.Helper()
	names := map[Stream]bool{"users/alice": true, "servers/go": true}
	for line := range bytes.Lines(journal) {
		if b, isEvent, problem := parseEvent(line); isEvent && problem == "" && len(b.stream) <= maxStreamBytes {
			names[b.stream] = true
		}
	}
	found := map[Stream]string{}
	var err error
	checkMemory(t, 16<<10+len(journal)*(1+len(names)), func() {
		err = readAll(t, m, slices.Sorted(maps.Keys(names)), func(r *Recovered) {
			found[r.Stream] = fmt.Sprintf("%d %+v %v", r.Seq, r.Events, r.Err != nil)
		})
	})
	return found, err
}

// FuzzFormat reads any format file: the folder is opened or refused, never changed then.
func FuzzFormat(f *testing.F) {
	sound, _ := small(f)
	f.Add(sound[formatFile])
	f.Add([]byte(`{"format":"elemental","version":2}`))
	f.Add([]byte(`{"format":"elemental","version":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		changed := sound.with(formatFile, data)
		m := changed.put(t)
		err := readAll(t, m, nil, nil)
		if err != nil && !errors.As(err, new(*VersionError)) {
			checkRefusal(t, err, m, changed, formatFile)
		}
		if kept, readErr := vfs.ReadFile(m, formatFile); readErr != nil || !bytes.Equal(kept, data) {
			t.Fatalf("%q became %q (%v)", data, kept, readErr)
		}
	})
}
