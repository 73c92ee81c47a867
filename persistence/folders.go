package persistence

import (
	"errors"
	"io/fs"
	"path"
	"sync"

	"elemental/persistence/vfs"
)

// disk is the file system with what the workers must know in common: which
// folders are durable, which page files are open.
type disk struct {
	vfs.FS
	indent int
	pages  pageFiles
	mu     sync.Mutex // held while folders are made or removed
	made   map[string]struct{}
	counts *counts
}

const rememberedFolders = 10_000

// makeDir makes a folder and its parents, each durable in its parent.
func (d *disk) makeDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.made) > rememberedFolders {
		clear(d.made)
	}
	return d.makeDirLocked(name)
}

func (d *disk) makeDirLocked(name string) error {
	if _, ok := d.made[name]; ok || name == "." {
		return nil
	}
	parent := path.Dir(name)
	if err := d.makeDirLocked(parent); err != nil {
		return err
	}
	if err := d.MkdirAll(name); err != nil {
		return err
	}
	if err := d.SyncDir(parent); err != nil {
		return err
	}
	d.made[name] = struct{}{}
	return nil
}

// inDir runs write in a folder. The folder may be taken away, empty, by the
// removal of a stream below it; then it is made again.
func (d *disk) inDir(name string, write func() error) error {
	for range 3 {
		if err := d.makeDir(name); err != nil {
			return err
		}
		err := write()
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		d.forgetDir(name)
	}
	return write()
}

func (d *disk) forgetDir(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; name != "."; name = path.Dir(name) {
		delete(d.made, name)
	}
}

// removeEmpty removes a folder and the parents it leaves empty. It does not look what is in them:
// there may be ten thousands of others.
func (d *disk) removeEmpty(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := dir; name != "."; name = path.Dir(name) {
		delete(d.made, name)
		switch err := d.RemoveEmpty(name); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, fs.ErrExist) || err != nil && name != dir: // or a disk is mounted there
			return nil
		case err != nil:
			return err
		}
		if err := d.SyncDir(path.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// removeStream removes all files of a stream: pages first, the newest state
// last and only when the rest is durably gone, so that a half-done removal is
// still seen as the same stream, whatever a power cut brings back.
func (d *disk) removeStream(s Stream) error {
	defer d.pages.forget(s) // who uses the name again has other items
	dir := streamDir(s)
	pages := path.Join(dir, pagesFolder)
	if err := d.removeFiles(pages); err != nil {
		return err
	}
	d.forgetDir(pages)
	if err := ignoreMissing(d.Remove(pages)); err != nil {
		return err
	}
	for _, names := range [][]string{{newStateFile, oldStateFile}, {stateFile}} {
		for _, name := range names {
			if err := ignoreMissing(d.Remove(path.Join(dir, name))); err != nil {
				return err
			}
		}
		if err := ignoreMissing(d.SyncDir(dir)); err != nil {
			return err
		}
	}
	return d.removeEmpty(dir)
}

func (d *disk) removeFiles(dir string) error {
	names, err := d.List(dir)
	if err = ignoreMissing(err); err != nil {
		return err
	}
	for _, name := range names {
		if err := d.Remove(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

const newSuffix = ".new" // of a file that is to replace another

// replace writes a file under its name in one step: whoever looks finds the
// old one or the new one, whole. The name is durable after a SyncDir.
func (d *disk) replace(name string, data []byte) error {
	fresh := name + newSuffix
	if err := d.fresh(fresh, data); err != nil {
		return err
	}
	return d.Rename(fresh, name)
}

// fresh writes and syncs a new file in the place of a left-over one.
func (d *disk) fresh(name string, data []byte) error {
	if err := ignoreMissing(d.Remove(name)); err != nil {
		return err
	}
	err := vfs.WriteSynced(d.FS, name, data)
	if err != nil {
		d.giveBack(name)
	}
	return err
}

// giveBack removes a file that could not be written, for the space that it takes: a full
// disk has to have room for the journal first. What stays is removed by the next try.
func (d *disk) giveBack(name string) {
	_ = d.Remove(name) // the trouble that was before is the one to tell
}
