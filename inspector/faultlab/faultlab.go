// Package faultlab harms a data folder on purpose, for a while: it makes syncs slow, or
// the disk full. The store above sees what a real disk would show.
package faultlab

import (
	"syscall"
	"time"

	"sync"

	"elemental/persistence/vfs"
)

// Disk is a data folder with faults.
type Disk struct {
	vfs.FS
	lab lab
}

// lab is what is wrong at the moment.
type lab struct {
	mu          sync.Mutex
	delay       time.Duration
	delayUntil  time.Time
	budget      int64
	budgetUntil time.Time
	eased       chan struct{} // closed when a delay is replaced or ended early
}

// On returns files with the faults of this Disk around it.
func (d *Disk) On(files vfs.FS) vfs.FS {
	d.FS = files
	return d
}

// Delay makes each sync take longer by that much, until then or until Delay(0, …).
func (d *Disk) Delay(by time.Duration, until time.Time) {
	l := &d.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.eased != nil {
		close(l.eased)
	}
	l.delay, l.delayUntil, l.eased = by, until, make(chan struct{})
}

// Budget lets only that many more bytes be written until then. A negative number ends the
// limit.
func (d *Disk) Budget(bytes int64, until time.Time) {
	l := &d.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget, l.budgetUntil = bytes, until
	if bytes < 0 {
		l.budgetUntil = time.Time{}
	}
}

// Left is how many bytes may still be written, and whether there is a limit.
func (d *Disk) Left() (bytes int64, bounded bool) {
	l := &d.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.budget, time.Now().Before(l.budgetUntil)
}

// wait waits for as long as a sync is to be delayed.
func (l *lab) wait() {
	l.mu.Lock()
	eased, by := l.eased, min(l.delay, time.Until(l.delayUntil))
	l.mu.Unlock()
	if by <= 0 {
		return
	}
	timer := time.NewTimer(by)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-eased:
	}
}

// take takes room for up to n bytes, and returns how many bytes there was room for.
func (l *lab) take(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !time.Now().Before(l.budgetUntil) {
		return n
	}
	got := int(min(l.budget, int64(n)))
	l.budget -= int64(got)
	return got
}

// Create makes a file whose data counts against the budget.
func (d *Disk) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &file{f, &d.lab}, nil
}

// SyncDir is delayed as a file's Sync is.
func (d *Disk) SyncDir(name string) error {
	d.lab.wait()
	return d.FS.SyncDir(name)
}

type file struct {
	vfs.File
	lab *lab
}

// Write writes as much as there is room for, and then fails like a full disk.
func (f *file) Write(p []byte) (int, error) {
	room := f.lab.take(len(p))
	if room == len(p) {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:room])
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

// Ahead needs room in the budget too.
func (f *file) Ahead(zeros int64) error {
	if left := f.lab.take(int(zeros)); int64(left) < zeros {
		f.lab.give(left)
		return syscall.ENOSPC
	}
	return f.File.Ahead(zeros)
}

func (f *file) Sync() error {
	f.lab.wait()
	return f.File.Sync()
}

// give gives back room that was not used.
func (l *lab) give(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget += int64(n)
}
