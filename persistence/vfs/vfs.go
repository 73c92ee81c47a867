// Package vfs is every file call of the store: one small interface, the real
// folder behind it, and what a few calls together make. Tests put faults and
// power cuts behind the same interface (vfstest). It knows nothing of journals
// and snapshots.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FS is a data folder. Names are relative to it, separated by slashes.
type FS interface {
	// Create makes a new file for writing; it fails with fs.ErrExist on an existing one.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Rename replaces the target.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// RemoveEmpty removes an empty folder; it fails with fs.ErrExist on one that is not empty, and
	// on a link that somebody has put in its place.
	RemoveEmpty(name string) error
	// MkdirAll makes a folder and its parents.
	MkdirAll(name string) error
	// SyncDir makes the entries of a folder durable.
	SyncDir(name string) error
	// List names what a folder holds, in any order.
	List(name string) ([]string, error)
	// Size tells a file's size; fs.ErrNotExist without one.
	Size(name string) (int64, error)
	// Lock takes the folder for this process, or fails with ErrLocked. It leaves no trace.
	Lock() (io.Closer, error)
}

// ErrLocked is what Lock returns when another process has the folder.
var ErrLocked = errors.New("locked")

// File is an open file. Sync makes its data durable.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Size() (int64, error)
	// ReadNow is ReadAt without waiting for the disk: it reports false when it would
	// have to, or cannot do so. It needs no goroutine of its own.
	ReadNow(p []byte, at int64) bool
	Sync() error
	// Ahead puts so many zeros behind what is written. The next Writes go over them,
	// and a sync after those has no new size to note.
	Ahead(zeros int64) error
}

// Folder is the real FS, a folder that no name leads out of.
type Folder struct {
	root *os.Root
	made []string // it and its parents as far as they were missing, the innermost last
}

// OpenFolder opens the data folder, making it when it is missing.
func OpenFolder(dir string) (*Folder, error) {
	d := &Folder{}
	err := d.make(dir)
	if err == nil {
		d.root, err = os.OpenRoot(dir)
	}
	if err != nil {
		d.Unmake()
		return nil, err
	}
	return d, nil
}

// make makes dir durable in its parent, and that in its own: a synced file in a lost folder is lost.
func (d *Folder) make(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() { // to open a pipe would be to wait
		return &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if !errors.Is(err, fs.ErrNotExist) || parent == dir {
		return err
	}
	if err := d.make(parent); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil:
		d.made = append(d.made, dir)
	case !errors.Is(err, fs.ErrExist):
		return err
	default: // made by another process just now; or what it is to lead to is missing, a disk perhaps
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("a link leads nowhere: %w", err)
		}
	}
	return syncFolder(parent)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *Folder) Create(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d *Folder) Open(name string) (File, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d *Folder) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d *Folder) Remove(name string) error     { return d.root.Remove(name) }
func (d *Folder) MkdirAll(name string) error   { return d.root.MkdirAll(name, 0o700) }

func (d *Folder) RemoveEmpty(name string) error {
	info, err := d.root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "remove", Path: name, Err: fs.ErrExist}
	}
	if err != nil {
		return err
	}
	return d.root.Remove(name)
}

func (d *Folder) SyncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *Folder) List(name string) ([]string, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func (d *Folder) Size(name string) (int64, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Lock locks the folder itself, so that not even a lock file is left behind.
func (d *Folder) Lock() (io.Closer, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close lets the folder go.
func (d *Folder) Close() error { return d.root.Close() }

// Unmake removes what OpenFolder has made, as far as it is empty. Called after Close.
func (d *Folder) Unmake() {
	for _, dir := range slices.Backward(d.made) {
		_ = os.Remove(dir)
	}
}

// diskFile syncs data only: the size is part of it, times are not.
type diskFile struct{ *os.File }

func (f diskFile) Sync() error { return syncData(f.File) }

func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f diskFile) ReadNow(p []byte, at int64) bool { return readNow(f.File, p, at) }

var nothing [64 << 10]byte

func (f diskFile) Ahead(zeros int64) error {
	at, err := f.Seek(0, io.SeekCurrent)
	for err == nil && zeros > 0 {
		var n int
		n, err = f.WriteAt(nothing[:min(zeros, int64(len(nothing)))], at)
		at += int64(n)
		zeros -= int64(n)
	}
	return err
}

// ReadFile reads a whole file.
func ReadFile(files FS, name string) ([]byte, error) {
	size, err := files.Size(name)
	if err != nil {
		return nil, err
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err = io.ReadFull(f, data)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// WriteSynced writes a new file and makes its data durable; its name is not yet.
func WriteSynced(files FS, name string, data []byte) error {
	f, err := files.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Exists tells whether a file or folder is there.
func Exists(files FS, name string) (bool, error) {
	_, err := files.Size(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
