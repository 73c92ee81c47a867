package persistence

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// memFS is a disk in memory that can lose its power.
type memFS struct {
	mem  *vfs.MemFS
	lock sync.Mutex
}

func newMemFS() *memFS { return &memFS{mem: vfs.NewCrashableMem()} }

// powerCut gives the disk as it may look after a power cut now.
func (m *memFS) powerCut(percent int, seed uint64) *memFS {
	rng := rand.New(rand.NewPCG(seed, uint64(percent)))
	return &memFS{mem: m.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})}
}

func inMem(name string) string {
	if name == "." {
		return ""
	}
	return name
}

func (m *memFS) Create(name string) (File, error) {
	if _, err := m.mem.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fs.ErrExist, err)
	}
	f, err := m.mem.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return memFile{f}, nil
}

// memFile keeps the buffer as it is: under -race pebble's files scribble on it.
type memFile struct{ vfs.File }

func (f memFile) Write(p []byte) (int, error) { return f.File.Write(slices.Clone(p)) }

func (m *memFS) Open(name string) (File, error) { return m.mem.Open(name) }
func (m *memFS) Rename(from, to string) error {
	if _, err := m.mem.Stat(from); err != nil {
		return err
	}
	return m.mem.Rename(from, to)
}
func (m *memFS) Remove(name string) error   { return m.mem.Remove(name) }
func (m *memFS) MkdirAll(name string) error { return m.mem.MkdirAll(name, 0o700) }

func (m *memFS) SyncDir(name string) error {
	d, err := m.mem.OpenDir(inMem(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (m *memFS) List(name string) ([]string, error) { return m.mem.List(inMem(name)) }

func (m *memFS) Size(name string) (int64, error) {
	info, err := m.mem.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

type unlocker struct{ m *sync.Mutex }

func (u unlocker) Close() error { u.m.Unlock(); return nil }

func (m *memFS) Lock() (io.Closer, error) {
	if !m.lock.TryLock() {
		return nil, ErrLocked
	}
	return unlocker{&m.lock}, nil
}
