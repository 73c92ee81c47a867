// Package vfstest is disks for tests: one in memory that can lose its power,
// one whose calls fail when a test says so, one that counts.
package vfstest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"sync"

	pebble "github.com/cockroachdb/pebble/v2/vfs"

	"elemental/persistence/vfs"
)

// Mem is a disk in memory that can lose its power. Pebble's does the most; what
// it leaves out is here: data torn at any byte, removals that may be lost or
// not, and the loss of what was not synced after a failed sync.
type Mem struct {
	mem  *pebble.MemFS
	lock sync.Mutex

	mu      sync.Mutex
	open    map[string]*dirt    // files not synced since they were made
	removed map[string]struct{} // names of which the removal is not synced
}

// dirt is how much of a file is written, and how much of that is synced; zeros
// that were put ahead do not count.
type dirt struct{ written, synced int64 }

func NewMem() *Mem { return newMem(pebble.NewCrashableMem()) }

func newMem(mem *pebble.MemFS) *Mem {
	return &Mem{mem: mem, open: map[string]*dirt{}, removed: map[string]struct{}{}}
}

// PowerCut gives the disk as it may look after a power cut now, with so many
// percent of what was not synced.
func (m *Mem) PowerCut(percent int, seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, uint64(percent)))
	cut := newMem(m.mem.CrashClone(pebble.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
	for _, name := range slices.Sorted(maps.Keys(m.removed)) {
		if rng.IntN(100) < percent && cut.mem.Remove(name) == nil { // unless it is gone with its folder, or a full folder
			cut.mustSync(path.Dir(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.open)) {
		if rng.IntN(2) == 0 {
			m.tear(cut, name, rng)
		}
	}
	return newMem(cut.mem)
}

// mustSync syncs a folder; memory does not fail.
func (m *Mem) mustSync(dir string) {
	if err := m.SyncDir(dir); err != nil {
		panic(err)
	}
}

// tear cuts what a file has beyond its synced part at any byte; where it was made
// longer before, zeros are in the place of what is lost.
func (m *Mem) tear(cut *Mem, name string, rng *rand.Rand) {
	was, err := vfs.ReadFile(newMem(m.mem), name)
	kept, cutErr := vfs.ReadFile(cut, name)
	d := m.open[name]
	if err != nil || cutErr != nil || int64(len(kept)) <= d.synced || d.written <= d.synced || !bytes.HasPrefix(was, kept[:min(int64(len(kept)), d.synced)]) {
		return // not there, nothing of it, or another file under the name
	}
	end := d.synced + rng.Int64N(min(int64(len(kept)), d.written)-d.synced+1)
	if int64(len(kept)) > d.written || rng.IntN(2) == 0 { // zeros were there before
		clear(kept[end:])
	} else {
		kept = kept[:end]
	}
	if err := errors.Join(cut.Remove(name), vfs.WriteSynced(cut, name, kept)); err != nil {
		panic(err)
	}
	cut.mustSync(path.Dir(name))
}

// DropUnsynced loses what of a file was not synced, as a failed sync may: it
// reads as zeros, and the next sync has nothing to write and succeeds.
func (m *Mem) DropUnsynced(name string) error {
	m.mu.Lock()
	d := m.open[name]
	m.mu.Unlock()
	if d == nil || d.written <= d.synced {
		return nil
	}
	f, err := m.mem.OpenReadWrite(name, pebble.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, d.written-d.synced), d.synced)
	return errors.Join(err, f.Close())
}

// Files gives every file's content by its name.
func (m *Mem) Files() (map[string][]byte, error) {
	all := map[string][]byte{}
	return all, m.walk(".", func(name string) (err error) {
		all[name], err = vfs.ReadFile(m, name)
		return err
	})
}

func (m *Mem) walk(dir string, do func(name string) error) error {
	names, err := m.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		name = path.Join(dir, name)
		info, err := m.mem.Stat(name)
		if err != nil {
			return err
		}
		step := do
		if info.IsDir() {
			step = func(name string) error { return m.walk(name, do) }
		}
		if err := step(name); err != nil {
			return err
		}
	}
	return nil
}

func inMem(name string) string {
	if name == "." {
		return ""
	}
	return name
}

func (m *Mem) Create(name string) (vfs.File, error) {
	if _, err := m.mem.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fs.ErrExist, err)
	}
	f, err := m.mem.Create(name, pebble.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &dirt{}
	m.open[name] = d
	delete(m.removed, name)
	return memFile{f, m, d}, nil
}

// memFile keeps the buffer as it is: under -race pebble's files scribble on it.
type memFile struct {
	pebble.File
	m *Mem
	d *dirt // nil when all of it was synced before
}

func (f memFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(slices.Clone(p))
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.d.written += int64(n)
	return n, err
}

func (f memFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f memFile) ReadNow(p []byte, at int64) bool {
	n, err := f.ReadAt(p, at)
	return n == len(p) && (err == nil || errors.Is(err, io.EOF))
}

func (f memFile) Ahead(zeros int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	_, err := f.WriteAt(make([]byte, zeros), f.d.written)
	return err
}

func (f memFile) Sync() error {
	if f.d == nil {
		return f.File.Sync()
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.File.Sync(); err != nil {
		return err
	}
	f.d.synced = f.d.written
	return nil
}

func (m *Mem) Open(name string) (vfs.File, error) {
	f, err := m.mem.Open(name)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return memFile{f, m, m.open[name]}, nil
}

func (m *Mem) Rename(from, to string) error {
	if _, err := m.mem.Stat(from); err != nil {
		return err
	}
	if err := m.mem.Rename(from, to); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, to)
	if d := m.open[from]; d != nil {
		m.open[to] = d
	}
	delete(m.open, from)
	delete(m.removed, to)
	return nil
}

func (m *Mem) Remove(name string) error {
	if err := m.mem.Remove(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, name)
	m.removed[name] = struct{}{}
	return nil
}

func (m *Mem) RemoveEmpty(name string) error {
	err := m.Remove(name)
	if err != nil {
		if names, listErr := m.List(name); listErr == nil && len(names) > 0 {
			return fs.ErrExist
		}
	}
	return err
}

func (m *Mem) MkdirAll(name string) error {
	if err := m.mem.MkdirAll(name, 0o700); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; name != "."; name = path.Dir(name) {
		delete(m.removed, name)
	}
	return nil
}

func (m *Mem) SyncDir(name string) error {
	done := m.removedIn(name)
	d, err := m.mem.OpenDir(inMem(name))
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range done {
		delete(m.removed, name)
	}
	return nil
}

func (m *Mem) removedIn(dir string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.removed {
		if path.Dir(name) == dir {
			names = append(names, name)
		}
	}
	return names
}

func (m *Mem) List(name string) ([]string, error) { return m.mem.List(inMem(name)) }

func (m *Mem) Size(name string) (int64, error) {
	info, err := m.mem.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

type unlocker struct{ m *sync.Mutex }

func (u unlocker) Close() error { u.m.Unlock(); return nil }

func (m *Mem) Lock() (io.Closer, error) {
	if !m.lock.TryLock() {
		return nil, vfs.ErrLocked
	}
	return unlocker{&m.lock}, nil
}
