package persistence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is every file call of this package. Names are relative to the data
// folder, separated by slashes. Tests put faults and power cuts behind it.
type FS interface {
	// Create makes a new file for writing; it fails with fs.ErrExist on an existing one.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Rename replaces the target.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
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

// File is an open file. Sync makes its data durable.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
}

// folder is the real FS.
type folder struct{ root *os.Root }

// openFolder opens the data folder, making it when it is missing.
func openFolder(dir string) (*folder, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(dir); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{root: root}, nil
}

// makeFolder makes dir durable in its parent: a synced file in a lost folder is lost.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

func (d *folder) Create(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d *folder) Open(name string) (File, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d *folder) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d *folder) Remove(name string) error     { return d.root.Remove(name) }
func (d *folder) MkdirAll(name string) error   { return d.root.MkdirAll(name, 0o700) }

func (d *folder) SyncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *folder) List(name string) ([]string, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func (d *folder) Size(name string) (int64, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Lock locks the folder itself, so that not even a lock file is left behind.
func (d *folder) Lock() (io.Closer, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (d *folder) Close() error { return d.root.Close() }

// diskFile syncs data only: the size is part of it, times are not.
type diskFile struct{ *os.File }

func (f diskFile) Sync() error { return syncData(f.File) }

// readFile reads a whole file.
func readFile(files FS, name string) ([]byte, error) {
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

// writeSynced writes a new file and makes its data durable; its name is not yet.
func writeSynced(files FS, name string, data []byte) error {
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

// exists tells whether a file or folder is there.
func exists(files FS, name string) (bool, error) {
	_, err := files.Size(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
