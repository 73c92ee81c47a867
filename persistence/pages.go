package persistence

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"runtime"
	"strconv"
)

// A line of a page is {"c":"<crc>","i":<index>,"v":<item>}, with the crc as in
// the journal.
func appendItem(dst []byte, index uint64, item []byte) []byte {
	start := len(dst)
	dst = append(dst, `{"c":"00000000","i":`...)
	dst = strconv.AppendUint(dst, index, 10)
	dst = append(dst, `,"v":`...)
	dst = append(dst, item...)
	dst = append(dst, '}')
	putCRC(dst[start:])
	return append(dst, '\n')
}

func parseItem(line []byte, index uint64) ([]byte, bool) {
	if !checkCRC(line) {
		return nil, false
	}
	c := cursor{rest: line[frameStart:]}
	c.literal(`"i":`)
	same := c.number() == index
	c.literal(`,"v":`)
	item := c.upTo('}')
	return item, same && !c.bad
}

// A page file holds PageItems·2^k items and begins at a multiple of them.
func pageFile(of Stream, first, count uint64) string {
	size := ""
	if count > PageItems {
		size = fmt.Sprintf("-%d", count)
	}
	return fmt.Sprintf("%s/%s/%012d%s.jsonl", streamDir(of), pagesFolder, first, size)
}

// pageCount is how many items go into the file that begins with first: as many as
// its place allows before end.
func pageCount(first, end uint64) uint64 {
	count := uint64(MaxPageItems)
	for count > PageItems && (first%count != 0 || first+count > end) {
		count /= 2
	}
	return count
}

// writePages makes pages durable and reads them back.
func (d *disk) writePages(of Stream, pages []Page) error {
	if len(pages) == 0 {
		return nil
	}
	folder := path.Join(streamDir(of), pagesFolder)
	return d.inDir(folder, func() error {
		for i := range pages {
			if err := d.writePage(of, &pages[i]); err != nil {
				return err
			}
		}
		return d.SyncDir(folder)
	})
}

func (d *disk) writePage(of Stream, p *Page) error {
	if p.First%PageItems != 0 || p.Items == nil || p.Items.Len() == 0 || p.Items.Len()%PageItems != 0 {
		return fmt.Errorf("%w: page from %d", ErrInvalid, p.First)
	}
	end := p.First + uint64(p.Items.Len()) //nolint:gosec // a length
	for first := p.First; first < end; {
		count := pageCount(first, end)
		name := pageFile(of, first, count)
		fresh := name + newSuffix
		sum, err := d.writeItems(fresh, p, first, count)
		if err != nil {
			return err
		}
		if err = d.verifySum(fresh, sum); err == nil { // before it replaces one that may be sound
			err = d.Rename(fresh, name)
		}
		if err != nil {
			d.giveBack(fresh)
			return err
		}
		d.pages.forgetFile(pageKey{of, first, count})
		first += count
	}
	return nil
}

// pageChunk is how much of a page is in memory at a time.
const pageChunk = 64 << 10

var pageSeed = maphash.MakeSeed()

// writeItems writes a new file with some of a page's items, synced, and tells its sum.
func (d *disk) writeItems(name string, p *Page, first, count uint64) (sum uint64, err error) {
	if err := ignoreMissing(d.Remove(name)); err != nil {
		return 0, err
	}
	f, err := d.Create(name)
	if err != nil {
		return 0, err
	}
	var hash maphash.Hash
	hash.SetSeed(pageSeed)
	var written length
	err = encodeItems(io.MultiWriter(f, &hash, &written), p, first, count)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		d.counts.page(written)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		d.giveBack(name)
	}
	return hash.Sum64(), err
}

func encodeItems(to io.Writer, p *Page, first, count uint64) error {
	var data, item []byte
	for index := first; index < first+count; index++ {
		item = p.Items.Append(item[:0], int(index-p.First)) //nolint:gosec // below Len
		line, err := oneLine(item)
		if err != nil {
			return err
		}
		data = appendItem(data, index, line)
		if len(data) < pageChunk && index+1 < first+count {
			continue
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
		data = data[:0]
		runtime.Gosched() // it is much work, and nobody waits for it
	}
	return nil
}

// verifySum reads back what was written.
func (d *disk) verifySum(name string, want uint64) error {
	f, err := d.Open(name)
	if err != nil {
		return err
	}
	var hash maphash.Hash
	hash.SetSeed(pageSeed)
	_, err = io.CopyBuffer(&hash, struct{ io.Reader }{f}, make([]byte, pageChunk))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if hash.Sum64() != want {
		return &DamageError{name, 0, "not what was written"}
	}
	return nil
}
