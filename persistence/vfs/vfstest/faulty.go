package vfstest

import (
	"sync"
	"sync/atomic"

	"elemental/persistence/vfs"
)

// Counting counts what is synced.
type Counting struct {
	vfs.FS
	Syncs atomic.Int64
}

func (c *Counting) Create(name string) (vfs.File, error) {
	f, err := c.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &countingFile{f, c}, nil
}

type countingFile struct {
	vfs.File
	fs *Counting
}

func (f *countingFile) Sync() error {
	f.fs.Syncs.Add(1)
	return f.File.Sync()
}

// Faulty fails chosen calls that change the disk. They are counted from 0.
type Faulty struct {
	vfs.FS
	mu    sync.Mutex
	calls int
	fired int
	Fail  func(call int) error // says which call fails; set before use, then with Set
	Short bool                 // a failing write writes half
}

func (f *Faulty) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := f.calls
	f.calls++
	if f.Fail == nil {
		return nil
	}
	err := f.Fail(call)
	if err != nil {
		f.fired++
	}
	return err
}

// Set changes what fails from now on.
func (f *Faulty) Set(fail func(call int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Fail = fail
}

// Calls tells how many calls there were.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Hits tells how many calls failed.
func (f *Faulty) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

func (f *Faulty) Create(name string) (vfs.File, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *Faulty) Rename(from, to string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *Faulty) Remove(name string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *Faulty) MkdirAll(name string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.FS.MkdirAll(name)
}

func (f *Faulty) SyncDir(name string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultyFile struct {
	vfs.File
	fs *Faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	err := f.fs.next()
	if err == nil {
		return f.File.Write(p)
	}
	if !f.fs.Short {
		return 0, err
	}
	n, shortErr := f.File.Write(p[:len(p)/2])
	if shortErr != nil {
		return n, shortErr
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	if err := f.fs.next(); err != nil {
		return err
	}
	return f.File.Sync()
}
