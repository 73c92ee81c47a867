package persistence

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"elemental/persistence/vfs/vfstest"
)

// This file damages any file of a folder that has been through some
// checkpoints: several segments, the format file, newer and older snapshots.

// whole is such a folder, ended well: all of it is proven durable.
type whole struct {
	files  files
	counts map[Stream]uint64
}

func wholeFolder(t testing.TB) whole {
	t.Helper()
	m := vfstest.NewMem()
	f := whole{counts: map[Stream]uint64{}}
	for run := range 4 {
		w := open(t, Config{FS: m, Indent: 2})
		for _, s := range []Stream{"users/alice", "servers/go"} {
			f.counts[s] = w.write(s, 2)
			if run < 3 {
				w.saveState(&SaveSnapshot{Stream: s, Seq: f.counts[s], State: stateAt(f.counts[s])})
			}
		}
		if run < 3 {
			w.checkpoint()
		}
		if run == 2 {
			f.counts["servers/go"] = w.write("servers/go", 1) // so that the next run keeps the new segment
		}
		w.close()
	}
	f.files = filesOf(t, m)
	return f
}

// names lists the files, the newest segment last.
func (f whole) names() []string {
	names := slices.Sorted(maps.Keys(f.files))
	slices.SortStableFunc(names, func(a, b string) int {
		return boolInt(path.Dir(a) == journalFolder) - boolInt(path.Dir(b) == journalFolder)
	})
	return names
}

func (f whole) segments() []string {
	return slices.DeleteFunc(f.names(), func(name string) bool { return path.Dir(name) != journalFolder })
}

// check reads a changed folder: what is served is right, of what was durable
// all but missing events is there or reported, and no file is lost.
func (f whole) check(t testing.TB, changed files, missing uint64, what string) {
	t.Helper()
	m := changed.put(t)
	err := readAll(t, m, slices.Collect(maps.Keys(f.counts)), func(r *Recovered) {
		switch {
		case errors.As(r.Err, new(*DamageError)) || errors.As(r.Err, new(*VersionError)):
		case r.Err != nil || r.Seq > f.counts[r.Stream] || r.Seq+missing < f.counts[r.Stream]:
			t.Fatalf("%s: %s recovered up to %d, %v", what, r.Stream, r.Seq, r.Err)
		default:
			checkEvents(t, r, r.Seq)
		}
	})
	checkRefusal(t, err, m, changed, what)
	for name, data := range filesOf(t, m) {
		if was, ok := changed[name]; ok && string(was) != string(data) {
			t.Fatalf("%s: %s was changed", what, name)
		}
	}
}

func TestEveryFlippedBitOfAFolder(t *testing.T) {
	f := wholeFolder(t)
	flips := 0
	for _, name := range f.names() {
		eachFlip(f.files[name], func(at int, flipped []byte) {
			flips++
			f.check(t, f.files.with(name, flipped), 0, fmt.Sprintf("%s byte %d", name, at))
		})
	}
	t.Logf("%d flips in %d files", flips, len(f.files))
}

// TestEveryPrefixOfAFolder cuts each file at every byte; the short form at every third,
// other ones each time.
func TestEveryPrefixOfAFolder(t *testing.T) {
	f := wholeFolder(t)
	names, cuts := f.names(), 0
	stride := long(3, 1)
	for i, name := range names {
		missing := uint64(0)
		if i == len(names)-1 {
			missing = 2 // the newest segment's, with their proof
		}
		for size := rand.IntN(stride); size < len(f.files[name]); size += stride {
			cuts++
			f.check(t, f.files.with(name, f.files[name][:size]), missing, fmt.Sprintf("%s cut at %d", name, size))
		}
	}
	t.Logf("%d prefixes of %d files", cuts, len(f.files))
}

// TestTwoFlippedBits flips two bits anywhere in the folder.
func TestTwoFlippedBits(t *testing.T) {
	f := wholeFolder(t)
	names := f.names()
	rng := rand.New(rand.NewPCG(seeds(t, 1)[0], 2))
	pairs := long(2000, 100_000)
	for range pairs {
		changed, what := maps.Clone(f.files), ""
		name := names[rng.IntN(len(names))]
		for range 2 {
			data := slices.Clone(changed[name])
			at := rng.IntN(len(data))
			data[at] ^= 1 << rng.IntN(8)
			changed[name] = data
			what += fmt.Sprintf("%s byte %d ", name, at)
			if rng.IntN(2) == 0 { // both in one file, or not
				name = names[rng.IntN(len(names))]
			}
		}
		f.check(t, changed, 0, what)
	}
	t.Logf("%d pairs", pairs)
}

// TestTwoFlippedBitsAtTheEnd flips every pair among the newline before the
// marks and the marks themselves, which are all that proves the last batch.
func TestTwoFlippedBitsAtTheEnd(t *testing.T) {
	f := wholeFolder(t)
	names := f.segments()
	name := names[len(names)-1]
	data := f.files[name]
	newline := strings.Index(string(data), markBody)
	newline = strings.LastIndexByte(string(data[:newline]), '\n')
	for at := newline + 1; at < len(data); at++ {
		changed := slices.Clone(data)
		changed[newline] ^= 1 << (at % 8)
		changed[at] ^= 1 << (at / 8 % 8)
		f.check(t, f.files.with(name, changed), 0, fmt.Sprintf("bytes %d and %d", newline, at))
	}
}

// TestOlderSnapshotWithTheNewerOneDamaged flips every bit of the older one.
func TestOlderSnapshotWithTheNewerOneDamaged(t *testing.T) {
	f := wholeFolder(t)
	newer, older := "users/alice/"+stateFile, "users/alice/"+oldStateFile
	half := f.files.with(newer, f.files[newer][:len(f.files[newer])/2])
	err := readAll(t, half.put(t), []Stream{"users/alice"}, func(r *Recovered) { checkEvents(t, r, f.counts[r.Stream]) })
	if err != nil {
		t.Fatal(err) // the older one and the journal behind it are enough
	}
	eachFlip(f.files[older], func(at int, flipped []byte) {
		err := readAll(t, half.with(older, flipped).put(t), []Stream{"users/alice"}, func(r *Recovered) {
			if !errors.As(r.Err, new(*DamageError)) {
				t.Fatalf("byte %d: recovered up to %d, %v", at, r.Seq, r.Err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestMisplacedFiles puts segments and snapshots in each other's place.
func TestMisplacedFiles(t *testing.T) {
	f := wholeFolder(t)
	segments := f.segments()
	var states []string
	for _, name := range f.names() {
		if strings.HasPrefix(path.Base(name), "state.") {
			states = append(states, name)
		}
	}
	if len(segments) < 3 || len(states) != 4 {
		t.Fatalf("a folder of %v", f.names())
	}
	for _, group := range [][]string{segments, states} {
		for _, a := range group {
			for _, b := range group {
				f.check(t, f.files.with(a, f.files[b]), 0, a+" is a copy of "+b)
				f.check(t, f.files.with(a, f.files[b]).with(b, f.files[a]), 0, a+" and "+b+" are swapped")
			}
		}
	}
	for i, name := range f.names() {
		less := maps.Clone(f.files)
		delete(less, name)
		if i < len(f.files)-1 { // nothing but itself tells of the newest segment
			f.check(t, less, 0, "without "+name)
		}
		if path.Dir(name) == journalFolder {
			moved := maps.Clone(less)
			moved[segmentFile(99)] = f.files[name]
			f.check(t, moved, 0, name+" is called 99")
		}
	}
}
