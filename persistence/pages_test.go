package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// several are the items of a page that may be larger than one.
type several struct {
	count int
	item  func(i int) string
}

func (s several) Len() int { return s.count }

func (s several) Append(to []byte, i int) []byte { return append(to, s.item(i)...) }

// lengths are item sizes that a search by place and number finds hard.
var lengths = map[string]func(i int) int{
	"the same":           func(int) int { return 100 },
	"one byte":           func(int) int { return 1 },
	"growing":            func(i int) int { return 1 + i*i/6000 },
	"falling":            func(i int) int { return 1 + (8191-min(i, 8191))/4 },
	"large in the front": func(i int) int { return 1 + max(0, 16<<10*(600-i)/600) },
	"large at the end":   func(i int) int { return 1 + 16<<10*max(0, i-7800)/400 },
	"a few giants":       func(i int) int { return 1 + 300_000*max(0, 1-i%1000) },
	"any":                func(i int) int { return 1 + rand.New(rand.NewPCG(uint64(i), 7)).IntN(3000) },
}

// TestItemsAreFoundInAnyPage reads single items and runs out of pages of every
// size with lines of uneven lengths.
func TestItemsAreFoundInAnyPage(t *testing.T) {
	for name, length := range lengths {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := vfstest.NewMem()
			item := func(i int) string { return fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", length(i)-1)) }
			const end = MaxPageItems + 3*PageItems // one file of 8192, of 1024, of 512
			atOnce := 0
			readBack := func(d *disk, from, to int) {
				t.Helper()
				items, err := d.readItems("s", uint64(from), uint64(to), 0)
				if now, read := d.readItemsNow("s", uint64(from), uint64(to), 0); read {
					atOnce++
					if !slices.EqualFunc(now, items, bytes.Equal) {
						t.Fatalf("%d to %d: %d items, or %d if they are there at once", from, to, len(items), len(now))
					}
				}
				if err != nil || len(items) != to-from {
					t.Fatalf("%d to %d: %d items, %v", from, to, len(items), err)
				}
				for i, got := range items {
					if want := item(from + i); string(got) != want {
						t.Fatalf("item %d is %.40s of %d bytes, not %.40s of %d", from+i, got, len(got), want, len(want))
					}
				}
			}
			if err := newDisk(m).writePages("s", []Page{{Items: several{end, item}}}); err != nil {
				t.Fatal(err)
			}
			checkNames(t, m, "s", pageFile("s", 0, 8192), pageFile("s", 8192, 1024), pageFile("s", 9216, 512))
			files := &openFiles{FS: m}
			d, rng := newDisk(files), rand.New(rand.NewPCG(1, 2))
			most, mostBytes := int64(0), int64(0)
			for _, from := range append(rng.Perm(end)[:long(400, end)], 0, 1, 511, 512, 7999, 8000, 8001, 8190, 8191, 8192, 9215, 9216, end-1) {
				files.reads.Store(0)
				files.bytes.Store(0)
				readBack(d, from, from+1)
				most = max(most, files.reads.Load())
				mostBytes = max(mostBytes, files.bytes.Load()-int64(8*length(from)))
			}
			if t.Logf("an item takes %d reads at the most, and %d bytes besides it", most, mostBytes); most > 30 || mostBytes > 3<<20 {
				t.Error("that is too much")
			}
			readBack(d, 8191, 9217)
			readBack(d, 0, end)
			for range long(60, 4000) {
				from := rng.IntN(end)
				readBack(d, from, from+rng.IntN(min(30, end-from)+1))
			}
			if t.Logf("%d reads took no waiting", atOnce); atOnce < 50 {
				t.Error("those are few")
			}
		})
	}
}

func newDisk(files vfs.FS) *disk {
	return &disk{FS: files, made: make(map[string]struct{}), pages: pageFiles{most: maxOpenPages}}
}

func checkNames(t *testing.T, files vfs.FS, of Stream, want ...string) {
	t.Helper()
	names, err := files.List(streamDir(of) + "/" + pagesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = streamDir(of) + "/" + pagesFolder + "/" + name
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("files %v, not %v", names, want)
	}
}

// TestAnItemIsFoundAmongDamage damages all lines of a page but one: it is served.
func TestAnItemIsFoundAmongDamage(t *testing.T) {
	m := vfstest.NewMem()
	d := newDisk(m)
	item := func(i int) string { return fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", i%90)) }
	if err := d.writePages("s", []Page{{Items: several{MaxPageItems, item}}}); err != nil {
		t.Fatal(err)
	}
	name := pageFile("s", 0, MaxPageItems)
	sound, err := vfs.ReadFile(m, name)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, keep := range []int{0, 1, 700, 4096, 8190, 8191} {
		for round := range long(3, 40) {
			lines := bytes.SplitAfter(bytes.Clone(sound), []byte{'\n'})
			for i, line := range lines[:MaxPageItems] {
				if at := frameStart + rng.IntN(7); i != keep { // not the newline: lines are still to be counted
					line[at] ^= byte(1 + rng.IntN(9))
					if line[at] == '\n' {
						line[at] = 0
					}
				}
			}
			if err := d.replace(name, bytes.Join(lines, nil)); err != nil {
				t.Fatal(err)
			}
			d.pages.forget("s")
			items, err := d.readItems("s", uint64(keep), uint64(keep)+1, 0)
			if err != nil || len(items) != 1 || string(items[0]) != item(keep) {
				t.Fatalf("round %d: item %d: %.40q, %v", round, keep, items, err)
			}
			if keep == 0 {
				continue
			}
			if items, err := d.readItems("s", uint64(keep)-1, uint64(keep)+1, 0); !errors.As(err, new(*DamageError)) {
				t.Fatalf("round %d: with the damaged item before %d: %.40q, %v", round, keep, items, err)
			}
		}
	}
}

// TestAPageInThePlaceOfAnotherIsNotServed: it is whole, but its items are others.
func TestAPageInThePlaceOfAnotherIsNotServed(t *testing.T) {
	m := vfstest.NewMem()
	d := newDisk(m)
	items := made(func(i int) string { return fmt.Sprint(i) })
	if err := d.writePages("s", []Page{{Items: items}, {First: PageItems, Items: items}}); err != nil {
		t.Fatal(err)
	}
	if err := m.Rename(pageFile("s", 0, PageItems), pageFile("s", PageItems, PageItems)); err != nil {
		t.Fatal(err)
	}
	if items, err := d.readItems("s", PageItems, PageItems+1, 0); !errors.As(err, new(*DamageError)) {
		t.Errorf("%q, %v", items, err)
	}
}

// TestPagesOfOtherSizes has the same items in files of several sizes, as after
// crashes between pages and snapshot, and runs that go over them.
func TestPagesOfOtherSizes(t *testing.T) {
	m := vfstest.NewMem()
	item := func(i int) string { return fmt.Sprint(i) }
	page := func(first, count int) Page {
		return Page{First: uint64(first), Items: several{count, func(i int) string { return item(first + i) }}}
	}
	for _, pages := range [][]Page{
		{page(0, 512), page(512, 512)}, {page(1024, 2048)}, {page(0, 8192)}, {page(8192, 512)}, {page(8192, 4096+512)},
	} {
		if err := newDisk(m).writePages("s", pages); err != nil {
			t.Fatal(err)
		}
	}
	checkNames(t, m, "s", pageFile("s", 0, 512), pageFile("s", 512, 512), pageFile("s", 1024, 1024), pageFile("s", 2048, 1024),
		pageFile("s", 0, 8192), pageFile("s", 8192, 512), pageFile("s", 8192, 4096), pageFile("s", 12288, 512))
	for range 2 { // again with the smaller files alone
		d := newDisk(m)
		for _, run := range [][2]uint64{{12288, 12800}, {0, 1}, {500, 3000}, {3071, 3072}, {8192, 8193}, {8700, 12800}} {
			items, err := d.readItems("s", run[0], run[1], 0)
			if err != nil || uint64(len(items)) != run[1]-run[0] {
				t.Fatalf("%v: %d items, %v", run, len(items), err)
			}
			for i, got := range items {
				if string(got) != item(int(run[0])+i) {
					t.Fatalf("item %d is %s", run[0]+uint64(i), got)
				}
			}
		}
		if items, err := d.readItems("s", 12799, 12801, 0); !errors.Is(err, ErrNoItems) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("beyond the end: %d items, %v", len(items), err)
		}
		if err := m.Remove(pageFile("s", 0, 8192)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// TestRemovedPagesAreNotServed uses the name of a removed stream again, while
// others read: open files of the former life do not count.
func TestRemovedPagesAreNotServed(t *testing.T) {
	m := vfstest.NewMem()
	d := newDisk(m)
	for life := range 20 {
		pages := []Page{{Items: several{PageItems << (life % 5), func(i int) string { return fmt.Sprintf("%d%05d", life+1, i) }}}}
		if err := d.writePages("s", pages); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		done := make(chan error)
		for range 3 {
			go func() {
				for {
					_, err := d.readItems("s", 3, 5, 0)
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					if err != nil && !errors.Is(err, ErrNoItems) {
						done <- err
						return
					}
				}
			}()
		}
		items, err := d.readItems("s", 7, 8, 0)
		if err != nil || string(items[0]) != fmt.Sprintf("%d%05d", life+1, 7) {
			t.Errorf("life %d: %s, %v", life, items, err)
		}
		if err := d.removeStream("s"); err != nil {
			t.Fatal(err)
		}
		if items, err := d.readItems("s", 7, 8, 0); !errors.Is(err, ErrNoItems) {
			t.Errorf("after life %d: %s, %v", life, items, err)
		}
		close(stop)
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	checkOpen(t, d, 0)
}

// TestPagesRemovedWhileTheyAreOpenedAreNotServed removes a stream when somebody has just
// opened its file.
func TestPagesRemovedWhileTheyAreOpenedAreNotServed(t *testing.T) {
	files := &openFiles{FS: vfstest.NewMem()}
	d := newDisk(files)
	life := func(n int) {
		t.Helper()
		if err := d.writePages("s", []Page{{Items: several{PageItems << n, func(int) string { return fmt.Sprint(n) }}}}); err != nil {
			t.Fatal(err)
		}
	}
	life(1)
	files.opened = func() {
		files.opened = nil
		if err := d.removeStream("s"); err != nil {
			t.Error(err)
		}
	}
	if items, err := d.readItems("s", 3, 4, 0); err != nil || string(items[0]) != "1" { // it was there when it was asked for
		t.Errorf("%s, %v", items, err)
	}
	life(2)
	if items, err := d.readItems("s", 3, 4, 0); err != nil || string(items[0]) != "2" {
		t.Errorf("%s, %v", items, err)
	}
}

// TestAPageIsReadBackWhenItIsWritten has a disk that writes something else.
func TestAPageIsReadBackWhenItIsWritten(t *testing.T) {
	d := newDisk(rotting{vfstest.NewMem()})
	err := d.writePages("s", []Page{{Items: several{2 * PageItems, func(int) string { return "1" }}}})
	if !errors.As(err, new(*DamageError)) {
		t.Errorf("%v", err)
	}
}

// TestASoundPageIsNotReplacedByADamagedOne writes a page again, and in a larger file, to a disk that
// writes something else. A snapshot may rely on the one that is there.
func TestASoundPageIsNotReplacedByADamagedOne(t *testing.T) {
	m := vfstest.NewMem()
	page := func(count int) []Page {
		return []Page{{Items: several{count, func(i int) string { return fmt.Sprint(i) }}}}
	}
	if err := newDisk(m).writePages("s", page(PageItems)); err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{PageItems, 2 * PageItems} {
		if err := newDisk(rotting{m}).writePages("s", page(count)); !errors.As(err, new(*DamageError)) {
			t.Errorf("%d items: %v", count, err)
		}
		if items, err := newDisk(m).readItems("s", 0, PageItems, 0); err != nil || len(items) != PageItems {
			t.Errorf("%d items: %d are read, %v", count, len(items), err)
		}
	}
	checkNames(t, m, "s", pageFile("s", 0, PageItems))
}

// rotting is a disk that flips a bit of all that is written.
type rotting struct{ vfs.FS }

func (r rotting) Create(name string) (vfs.File, error) {
	f, err := r.FS.Create(name)
	return rottingFile{f}, err
}

type rottingFile struct{ vfs.File }

func (f rottingFile) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	p[len(p)/2] ^= 1
	return f.File.Write(p)
}

// TestAFullDiskGetsBackWhatWasBegun has no room for a snapshot and its pages, at the write,
// at the sync or for the name: none of their files stays to take the journal's.
func TestAFullDiskGetsBackWhatWasBegun(t *testing.T) {
	for _, full := range []vfstest.Op{vfstest.OpWrite, vfstest.OpSync, vfstest.OpRename} {
		mem := vfstest.NewMem()
		files := &vfstest.Faulty{FS: mem, Short: true}
		files.FailAt = func(op vfstest.Op, _ string) error {
			if op == full {
				return syscall.ENOSPC
			}
			return nil
		}
		d := newDisk(files)
		d.counts = &counts{}
		items := made(func(i int) string { return fmt.Sprint(i) })
		if err := d.writePages("s", []Page{{Items: items}}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("pages: %v", err)
		}
		err := d.inDir("s", func() error { return d.writeState("s", []byte("{}"), false) })
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("snapshot: %v", err)
		}
		if left, err := mem.Files(); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", slices.Collect(maps.Keys(left)), err)
		}
	}
}

// TestFewPageFilesStayOpen reads many pages of many streams.
func TestFewPageFilesStayOpen(t *testing.T) {
	for wanted, most := range map[int]int{0: maxOpenPages, 7: 7} {
		readMany(t, wanted, most)
	}
}

func readMany(t *testing.T, wanted, most int) {
	t.Helper()
	m := vfstest.NewMem()
	files := &openFiles{FS: m}
	d := newCore(Config{FS: files, OpenPages: wanted}.withDefaults()).files
	name := func(i int) Stream { return Stream(fmt.Sprintf("s%d", i)) }
	const streams = maxOpenPages + 20
	for i := range streams {
		if err := d.writePages(name(i), []Page{{Items: several{PageItems, func(k int) string { return fmt.Sprint(i, k) }}}}); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		for i := range streams {
			if _, err := d.readItems(name(i), uint64(round), 9, 0); err != nil {
				t.Fatal(err)
			}
			if _, read := d.readItemsNow(name(i), uint64(round), 9, 0); !read {
				t.Fatal("items of an open file take a wait")
			}
			if n := files.open.Load(); n > int64(most) {
				t.Fatalf("%d files are open", n)
			}
		}
	}
	checkOpen(t, d, most)
	d.pages.close()
	if n := files.open.Load(); n != 0 {
		t.Errorf("%d files are open at the end", n)
	}
}

// unclosable is a disk whose files tell of trouble when they are closed.
type unclosable struct{ vfs.FS }

func (u unclosable) Open(name string) (vfs.File, error) {
	f, err := u.FS.Open(name)
	return unclosableFile{f}, err
}

type unclosableFile struct{ vfs.File }

func (f unclosableFile) Close() error { return errors.Join(f.File.Close(), syscall.EIO) }

// TestItemsAreReadThoughAFileDoesNotClose: that some other file gives way badly is no reason to refuse
// them, and to forget the one they were read from.
func TestItemsAreReadThoughAFileDoesNotClose(t *testing.T) {
	m := vfstest.NewMem()
	items := made(func(i int) string { return fmt.Sprint(i) })
	for i := range maxOpenPages + 1 {
		if err := newDisk(m).writePages(Stream(fmt.Sprintf("s%d", i)), []Page{{Items: items}}); err != nil {
			t.Fatal(err)
		}
	}
	files := &openFiles{FS: m}
	d := newDisk(unclosable{files})
	for i := range maxOpenPages + 1 {
		if list, err := d.readItems(Stream(fmt.Sprintf("s%d", i)), 0, 3, 0); err != nil || len(list) != 3 {
			t.Errorf("%d items, %v", len(list), err)
		}
	}
	d.pages.close()
	if n := files.open.Load(); n != 0 {
		t.Errorf("%d files are open at the end", n)
	}
}

func checkOpen(t *testing.T, d *disk, want int) {
	t.Helper()
	if n := len(d.pages.open); n != want {
		t.Errorf("%d files are kept open, not %d", n, want)
	}
}
