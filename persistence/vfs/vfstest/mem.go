// Package vfstest is disks for tests: one in memory that can lose its power,
// one whose calls fail when a test says so, one that counts.
package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"sync"

	pebble "github.com/cockroachdb/pebble/v2/vfs"

	"elemental/persistence/vfs"
)

// Mem is a disk in memory that can lose its power.
type Mem struct {
	mem  *pebble.MemFS
	lock sync.Mutex
}

func NewMem() *Mem { return &Mem{mem: pebble.NewCrashableMem()} }

// PowerCut gives the disk as it may look after a power cut now.
func (m *Mem) PowerCut(percent int, seed uint64) *Mem {
	rng := rand.New(rand.NewPCG(seed, uint64(percent)))
	return &Mem{mem: m.mem.CrashClone(pebble.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})}
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
	return memFile{f}, nil
}

// memFile keeps the buffer as it is: under -race pebble's files scribble on it.
type memFile struct{ pebble.File }

func (f memFile) Write(p []byte) (int, error) { return f.File.Write(slices.Clone(p)) }

func (m *Mem) Open(name string) (vfs.File, error) { return m.mem.Open(name) }
func (m *Mem) Rename(from, to string) error {
	if _, err := m.mem.Stat(from); err != nil {
		return err
	}
	return m.mem.Rename(from, to)
}
func (m *Mem) Remove(name string) error   { return m.mem.Remove(name) }
func (m *Mem) MkdirAll(name string) error { return m.mem.MkdirAll(name, 0o700) }

func (m *Mem) SyncDir(name string) error {
	d, err := m.mem.OpenDir(inMem(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
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
