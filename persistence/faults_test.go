package persistence

import (
	"sync"
	"sync/atomic"
)

// countingFS counts what is synced.
type countingFS struct {
	FS
	syncs atomic.Int64
}

func (c *countingFS) Create(name string) (File, error) {
	f, err := c.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &countingFile{f, c}, nil
}

type countingFile struct {
	File
	fs *countingFS
}

func (f *countingFile) Sync() error {
	f.fs.syncs.Add(1)
	return f.File.Sync()
}

// faultyFS fails chosen calls that change the disk. They are counted from 0.
type faultyFS struct {
	FS
	mu    sync.Mutex
	calls int
	fired int
	last  string               // what failed last
	fail  func(call int) error // nil error: the call succeeds
	short bool                 // a failing write writes half
}

func (f *faultyFS) next(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := f.calls
	f.calls++
	if f.fail == nil {
		return nil
	}
	err := f.fail(call)
	if err != nil {
		f.fired++
		f.last = what
	}
	return err
}

func (f *faultyFS) set(fail func(call int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faultyFS) hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

func (f *faultyFS) Create(name string) (File, error) {
	if err := f.next("create " + name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.next("rename " + to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *faultyFS) Remove(name string) error {
	if err := f.next("remove " + name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faultyFS) MkdirAll(name string) error {
	if err := f.next("mkdir " + name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name)
}

func (f *faultyFS) SyncDir(name string) error {
	if err := f.next("syncdir " + name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultyFile struct {
	File
	fs   *faultyFS
	name string
}

func (f *faultyFile) Write(p []byte) (int, error) {
	err := f.fs.next("write " + f.name)
	if err == nil {
		return f.File.Write(p)
	}
	if !f.fs.short {
		return 0, err
	}
	n, shortErr := f.File.Write(p[:len(p)/2])
	if shortErr != nil {
		return n, shortErr
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	if err := f.fs.next("sync " + f.name); err != nil {
		return err
	}
	return f.File.Sync()
}
