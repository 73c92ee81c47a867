package vfstest

import (
	"errors"
	"io/fs"
	"strings"
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

// Op is a kind of file call; kinds are joined with |.
type Op uint

const (
	OpCreate Op = 1 << iota
	OpWrite
	OpSync
	OpRename
	OpRemove
	OpMkdir
	OpSyncDir
	OpOpen
	OpRead
	OpList
	OpSize
	OpAhead

	Changes = OpCreate | OpWrite | OpAhead | OpSync | OpRename | OpRemove | OpMkdir | OpSyncDir
	Reads   = OpOpen | OpRead | OpList | OpSize
)

// ErrKilled is what every call returns after Kill.
var ErrKilled = errors.New("the process was killed")

// Faulty fails chosen calls. Those of the kinds in Of are counted from 0.
type Faulty struct {
	vfs.FS
	Of     Op                             // 0 for Changes
	Fail   func(call int) error           // says which call fails; set before use, then with Set
	FailAt func(op Op, name string) error // says which call of any kind fails, beside Fail; not counted
	Before func(op Op, name string)       // called before each call of any kind; it may block
	Short  bool                           // a failing write writes half
	Drop   bool                           // a failing sync also loses what was not synced, as Linux does

	mu    sync.Mutex
	calls int
	fired int
	last  Op // of the last counted call
	dead  atomic.Bool
}

// next counts a call and tells whether it fails.
func (f *Faulty) next(op Op, name string) error {
	if f.Before != nil {
		f.Before(op, name)
	}
	if f.dead.Load() {
		return ErrKilled
	}
	if f.FailAt != nil {
		if err := f.FailAt(op, name); err != nil {
			return err
		}
	}
	of := f.Of
	if of == 0 {
		of = Changes
	}
	if op&of == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	call := f.calls
	f.calls++
	f.last = op
	if f.Fail == nil {
		return nil
	}
	err := f.Fail(call)
	if err != nil {
		f.fired++
	}
	return err
}

// do makes a call, or fails it. One that was under way at Kill has no answer
// any more, whatever became of it.
func (f *Faulty) do(op Op, name string, call func() error) error {
	if err := f.next(op, name); err != nil {
		return err
	}
	err := call()
	if f.dead.Load() {
		return ErrKilled
	}
	return err
}

// Kill ends the process that uses the disk: no call succeeds any more. What
// was acknowledged before can be looked for in a PowerCut made after it.
func (f *Faulty) Kill() { f.dead.Store(true) }

// Killed tells whether Kill was called.
func (f *Faulty) Killed() bool { return f.dead.Load() }

// Set changes what fails from now on.
func (f *Faulty) Set(fail func(call int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Fail = fail
}

// Last tells of which kind the last counted call was.
func (f *Faulty) Last() Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// Calls tells how many calls were counted.
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

func (f *Faulty) Create(name string) (file vfs.File, err error) {
	return f.file(OpCreate, name, f.FS.Create)
}

func (f *Faulty) Open(name string) (vfs.File, error) {
	return f.file(OpOpen, name, f.FS.Open)
}

func (f *Faulty) file(op Op, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.do(op, name, func() (err error) {
		file, err = open(name)
		return err
	})
	if err != nil && file != nil { // it was killed meanwhile
		return nil, errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

func (f *Faulty) Rename(from, to string) error {
	return f.do(OpRename, to, func() error { return f.FS.Rename(from, to) })
}

func (f *Faulty) Remove(name string) error {
	return f.do(OpRemove, name, func() error { return f.FS.Remove(name) })
}

func (f *Faulty) RemoveEmpty(name string) error {
	return f.do(OpRemove, name, func() error { return f.FS.RemoveEmpty(name) })
}

func (f *Faulty) MkdirAll(name string) error {
	return f.do(OpMkdir, name, func() error { return f.FS.MkdirAll(name) })
}

func (f *Faulty) SyncDir(name string) error {
	return f.do(OpSyncDir, name, func() error { return f.FS.SyncDir(name) })
}

func (f *Faulty) List(name string) (names []string, err error) {
	err = f.do(OpList, name, func() (err error) {
		names, err = f.FS.List(name)
		return err
	})
	return names, err
}

func (f *Faulty) Size(name string) (size int64, err error) {
	err = f.do(OpSize, name, func() (err error) {
		size, err = f.FS.Size(name)
		return err
	})
	return size, err
}

type faultyFile struct {
	vfs.File
	fs   *Faulty
	name string
}

func (f *faultyFile) Write(p []byte) (n int, err error) {
	err = f.fs.do(OpWrite, f.name, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	if err == nil || n > 0 || !f.fs.Short || errors.Is(err, fs.ErrClosed) {
		return n, err
	}
	n, shortErr := f.File.Write(p[:len(p)/2])
	return n, errors.Join(err, shortErr)
}

func (f *faultyFile) Size() (size int64, err error) {
	err = f.fs.do(OpSize, f.name, func() (err error) {
		size, err = f.File.Size()
		return err
	})
	return size, err
}

// ReadNow may not be held up by Before.
func (f *faultyFile) ReadNow(p []byte, at int64) (ok bool) {
	return f.fs.Before == nil && f.fs.do(OpRead, f.name, func() error {
		ok = f.File.ReadNow(p, at)
		return nil
	}) == nil && ok
}

func (f *faultyFile) Ahead(zeros int64) error {
	return f.fs.do(OpAhead, f.name, func() error { return f.File.Ahead(zeros) })
}

func (f *faultyFile) Sync() error {
	done := false
	err := f.fs.do(OpSync, f.name, func() error {
		done = true
		return f.File.Sync()
	})
	if err != nil && !done && f.fs.Drop && !f.fs.Killed() {
		if disk, ok := f.fs.FS.(interface{ DropUnsynced(name string) error }); ok {
			name, _ := strings.CutSuffix(f.name, ".new") // by now it may have its name
			err = errors.Join(err, disk.DropUnsynced(f.name), disk.DropUnsynced(name))
		}
	}
	return err
}

func (f *faultyFile) Read(p []byte) (n int, err error) {
	err = f.fs.do(OpRead, f.name, func() (err error) {
		n, err = f.File.Read(p)
		return err
	})
	return n, err
}

func (f *faultyFile) ReadAt(p []byte, at int64) (n int, err error) {
	err = f.fs.do(OpRead, f.name, func() (err error) {
		n, err = f.File.ReadAt(p, at)
		return err
	})
	return n, err
}
