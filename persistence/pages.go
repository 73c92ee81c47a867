package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"strconv"

	"elemental/persistence/vfs"
)

// maxItemsRead bounds one ReadItems.
const maxItemsRead = 128 * PageItems

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

func pageFile(dir string, first uint64) string {
	return fmt.Sprintf("%s/%s/%012d.jsonl", dir, pagesFolder, first)
}

func encodePage(p *Page) ([]byte, error) {
	if p.First%PageItems != 0 || p.Items == nil || p.Items.Len() != PageItems {
		return nil, fmt.Errorf("%w: page from %d", ErrInvalid, p.First)
	}
	var data, item []byte
	for i := range PageItems {
		item = p.Items.Append(item[:0], i)
		line, err := oneLine(item)
		if err != nil {
			return nil, err
		}
		data = appendItem(data, p.First+uint64(i), line)
	}
	return data, nil
}

// writePages makes pages durable and reads them back.
func (d *disk) writePages(dir string, pages []Page) error {
	if len(pages) == 0 {
		return nil
	}
	folder := path.Join(dir, pagesFolder)
	return d.inDir(folder, func() error {
		for i := range pages {
			if err := d.writePage(dir, &pages[i]); err != nil {
				return err
			}
			runtime.Gosched() // many pages are much work, and nobody waits for them
		}
		return d.SyncDir(folder)
	})
}

func (d *disk) writePage(dir string, p *Page) error {
	data, err := encodePage(p)
	if err != nil {
		return err
	}
	name := pageFile(dir, p.First)
	if err := d.replace(name, data); err != nil {
		return err
	}
	return d.verify(name, data)
}

// itemsJob reads items for a ReadItems.
type itemsJob struct{ msg *ReadItems }

// itemsRead is its answer, on the way through the actor.
type itemsRead struct {
	to     pid
	answer *ItemsRead
}

func (j itemsJob) failed(reason error) any {
	return itemsRead{j.msg.ReplyTo, &ItemsRead{Stream: j.msg.Stream, Ref: j.msg.Ref, Err: reason}}
}

func (j itemsJob) do(d *disk) any {
	items, err := d.readItems(streamDir(j.msg.Stream), j.msg.From, j.msg.To, j.msg.MaxBytes)
	if err != nil {
		return j.failed(fmt.Errorf("items of %s: %w", j.msg.Stream, err))
	}
	return itemsRead{j.msg.ReplyTo, &ItemsRead{Stream: j.msg.Stream, Ref: j.msg.Ref, Items: items}}
}

func (d *disk) readItems(dir string, from, to uint64, maxBytes int) ([][]byte, error) {
	items := make([][]byte, 0, to-from)
	bytes := 0
	for from < to {
		first := from - from%PageItems
		end := min(to, first+PageItems)
		page, err := d.readPage(pageFile(dir, first), first, from, end)
		if err != nil {
			return nil, err
		}
		items = append(items, page...)
		for _, item := range page {
			bytes += len(item)
		}
		if maxBytes > 0 && bytes > maxBytes {
			return nil, ErrTooMuch
		}
		from = end
	}
	return items, nil
}

// readPage reads the items from ≤ index < to of one page.
func (d *disk) readPage(name string, first, from, to uint64) ([][]byte, error) {
	data, err := vfs.ReadFile(d, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoItems, err)
	}
	if err != nil {
		return nil, err
	}
	var items [][]byte
	index, at := first, 0
	for line := range bytes.Lines(data) {
		if index >= to {
			break
		}
		if index >= from {
			item, ok := parseItem(bytes.TrimSuffix(line, []byte{'\n'}), index)
			if !ok {
				return nil, &DamageError{name, int64(at), "bad item"}
			}
			items = append(items, bytes.Clone(item))
		}
		index++
		at += len(line)
	}
	if index < to {
		return nil, &DamageError{name, int64(at), "it ends too early"}
	}
	return items, nil
}
