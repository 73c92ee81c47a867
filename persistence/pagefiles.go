package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"elemental/persistence/vfs"
)

// pageFiles are the page files read lately, still open: to find a file by its name
// costs several times what it costs to read a few items. Workers share them.
type pageFiles struct {
	most     int // of those that are open and not in use
	mu       sync.Mutex
	open     map[pageKey]*openPage
	now      uint64 // uses so far
	removals uint64 // so far
	hit      uint64 // items of the file that was opened last
}

const maxOpenPages = 128

type pageKey struct {
	of           Stream
	first, count uint64
}

// openPage is a page file that somebody reads, or may read soon.
type openPage struct {
	pageKey
	name  string
	file  vfs.File
	size  int64
	users int
	used  uint64 // now of the last use
	kept  bool   // it is among the open ones
}

// openPage finds the file that has an item, whichever size it is of: after a
// crash the same items may be in several. The caller gives it back.
func (d *disk) openPage(of Stream, index uint64) (*openPage, error) {
	p, hit, removals := d.pages.find(of, index)
	if p != nil {
		return p, nil
	}
	p, err := d.openPageOf(of, index, hit)
	for count := uint64(MaxPageItems); errors.Is(err, fs.ErrNotExist) && count >= PageItems; count /= 2 {
		if count != hit {
			p, err = d.openPageOf(of, index, count)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoItems, err)
	}
	if err != nil {
		return nil, err
	}
	d.pages.keep(p, removals)
	return p, nil
}

func (d *disk) openPageOf(of Stream, index, count uint64) (*openPage, error) {
	p := &openPage{pageKey: pageKey{of, index - index%count, count}, users: 1}
	p.name = pageFile(of, p.first, count)
	var err error
	if p.file, err = d.Open(p.name); err != nil {
		return nil, err
	}
	if p.size, err = p.file.Size(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

// find takes an open file that has the item. Without one it tells which size to try
// first, and what keep has to know.
func (f *pageFiles) find(of Stream, index uint64) (p *openPage, hit, removals uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hit == 0 {
		f.hit = MaxPageItems
	}
	f.now++
	p = f.open[pageKey{of, index - index%f.hit, f.hit}]
	for count := uint64(MaxPageItems); p == nil && count >= PageItems; count /= 2 {
		p = f.open[pageKey{of, index - index%count, count}]
	}
	if p != nil {
		p.users++
		p.used = f.now
	}
	return p, f.hit, f.removals
}

// keep leaves a file open, unless one was removed since find: it may have been this
// one, and the name may be another's soon.
func (f *pageFiles) keep(p *openPage, removals uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hit = p.count
	if f.removals != removals || f.open[p.pageKey] != nil {
		return
	}
	if len(f.open) >= f.most {
		oldest := p
		oldest.used = f.now + 1
		for _, other := range f.open {
			if other.used < oldest.used {
				oldest = other
			}
		}
		f.drop(oldest)
	}
	if f.open == nil {
		f.open = map[pageKey]*openPage{}
	}
	f.open[p.pageKey], p.kept, p.used = p, true, f.now
}

// drop forgets a file; who reads it still may go on.
func (f *pageFiles) drop(p *openPage) {
	if !p.kept {
		return
	}
	p.kept = false
	delete(f.open, p.pageKey)
	p.closeUnused()
}

// closeUnused closes a file that nobody needs any more. Nothing was written to it, so it does not
// matter whether that fails.
func (p *openPage) closeUnused() {
	if p.users == 0 && !p.kept {
		_ = p.file.Close()
	}
}

// giveBack ends a use. A file that could not be read is not kept.
func (f *pageFiles) giveBack(p *openPage, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.users--
	if p.kept && failed {
		f.drop(p)
		return
	}
	p.closeUnused()
}

// forgetFile is called when a file was replaced.
func (f *pageFiles) forgetFile(key pageKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removals++
	if p := f.open[key]; p != nil {
		f.drop(p)
	}
}

// forget is called when the files of a stream were removed.
func (f *pageFiles) forget(of Stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removals++
	for key, p := range f.open {
		if key.of == of {
			f.drop(p)
		}
	}
}

// close closes all.
func (f *pageFiles) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.open {
		f.drop(p)
	}
}
