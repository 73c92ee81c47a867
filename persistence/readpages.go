package persistence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxItemsRead bounds one ReadItems.
const maxItemsRead = 128 * PageItems

// itemsJob reads items for a ReadItems.
type itemsJob struct {
	msg   *ReadItems
	later Later // nil where it is not followed
}

// itemsRead is its answer, on the way through the actor.
type itemsRead struct {
	to     pid
	answer *ItemsRead
	later  Later
}

func (j itemsJob) failed(reason error) any {
	return itemsRead{j.msg.ReplyTo, &ItemsRead{Stream: j.msg.Stream, Ref: j.msg.Ref, Err: reason}, j.later}
}

func (j itemsJob) do(d *disk) any {
	items, err := d.readItems(j.msg.Stream, j.msg.From, j.msg.To, j.msg.MaxBytes)
	if err != nil {
		return j.failed(fmt.Errorf("items of %s: %w", j.msg.Stream, err))
	}
	return itemsRead{j.msg.ReplyTo, &ItemsRead{Stream: j.msg.Stream, Ref: j.msg.Ref, Items: items}, j.later}
}

func (d *disk) readItems(of Stream, from, to uint64, maxBytes int) ([][]byte, error) {
	r := pageReader{items: make([][]byte, 0, to-from), most: maxBytes}
	for from < to {
		p, err := d.openPage(of, from)
		if err != nil {
			return nil, err
		}
		end := min(to, p.first+p.count)
		r.openPage, r.data = p, nil
		err = r.read(from, end)
		d.pages.giveBack(p, err != nil)
		if err != nil {
			return nil, err
		}
		from = end
	}
	return r.items, nil
}

// What the actor reads itself is bounded.
const (
	nowItems = 64
	nowLoads = 4
)

// readItemsNow reads a few items if that takes no waiting: they are in the system's
// memory, and their files open. To tell a worker costs several times as much as to
// read them. Whatever is not as it should be is left to the worker.
func (d *disk) readItemsNow(of Stream, from, to uint64, maxBytes int) ([][]byte, bool) {
	if to-from > nowItems {
		return nil, false
	}
	r := pageReader{items: make([][]byte, 0, to-from), most: maxBytes, now: true}
	for from < to {
		p, _, _ := d.pages.find(of, from)
		if p == nil {
			return nil, false
		}
		end := min(to, p.first+p.count)
		r.openPage, r.data = p, nil
		found, err := r.direct(from, end)
		d.pages.giveBack(p, false)
		if err != nil || !found {
			return nil, false
		}
		from = end
	}
	return r.items, true
}

// pageReader reads items of one page file after the other.
type pageReader struct {
	*openPage
	now   bool // without waiting
	loads int
	data  []byte // a part of the file, and where it begins; items are parts of it
	at    int64
	items [][]byte
	bytes int // of the items
	most  int // of bytes, 0 for no bound
}

// read reads the items from ≤ index < to. They are found by what the lines on the way say of
// themselves or, when that does not lead to sound lines, by counting from the file's beginning.
// What is served is checked in any case.
func (r *pageReader) read(from, to uint64) error {
	items, bytes := r.items, r.bytes
	if found, err := r.direct(from, to); found || err != nil {
		return err
	}
	r.items, r.bytes = items, bytes
	at, err := r.walk(from)
	if err != nil {
		return err
	}
	return r.run(at, from, to)
}

// direct reads items that the search finds.
func (r *pageReader) direct(from, to uint64) (found bool, err error) {
	at, found, err := r.search(from, to-from)
	if err != nil || !found {
		return false, err
	}
	if err = r.run(at, from, to); errors.As(err, new(*DamageError)) {
		return false, nil
	}
	return true, err
}

var errNotNow = errors.New("it takes a wait")

// load reads a part of the file.
func (r *pageReader) load(at, size int64) error {
	size = min(size, r.size-at)
	if r.loads++; r.now && (size > mostWindow || r.loads > nowLoads) {
		return errNotNow
	}
	r.data, r.at = make([]byte, size), at
	if r.now {
		if !r.file.ReadNow(r.data, at) {
			return errNotNow
		}
		return nil
	}
	_, err := r.file.ReadAt(r.data, at)
	if err != nil && !(errors.Is(err, io.EOF) && at+int64(len(r.data)) == r.size) {
		return fmt.Errorf("read %s at %d: %w", r.name, at, err)
	}
	return nil
}

const (
	pageWindow  = 4 << 10  // is read around the place where an item is expected
	mostWindow  = 64 << 10 // is read at a time, but for longer lines
	longestHead = 64       // of a line, up to its item
	searchSteps = 48
)

// spot is where the line of an item begins.
type spot struct {
	index uint64
	at    int64
}

// search finds the line of an item, expecting lines of about the same length, and
// has read it with about as many as are wanted. It does not find it where lines
// are not what they should be.
func (r *pageReader) search(index, wanted uint64) (at int64, found bool, err error) {
	low, high := spot{r.first, 0}, spot{r.first + r.count, r.size}
	window := int64(pageWindow)
	for step := range searchSteps {
		if high.at <= low.at || index < low.index || index >= high.index {
			return 0, false, nil
		}
		line := (high.at - low.at) / int64(high.index-low.index)
		at := low.at + line*int64(index-low.index) - pageWindow/2
		if step%2 == 1 && step > 2 { // they are not
			at = low.at + (high.at-low.at)/2
		}
		if at-low.at < window/2 {
			at = low.at
		}
		if err := r.load(at, min(window+line*int64(min(wanted, PageItems)), max(window, mostWindow))); err != nil {
			return 0, false, err
		}
		seen, is := r.firstLine(low, at)
		switch {
		case is == damaged:
			return 0, false, nil
		case is == sound && seen.index > index && seen.at < high.at:
			high = seen
			continue
		case is == sound && seen.index <= index:
			last := r.skip(seen, index)
			if last.index == index {
				return last.at, true, nil
			}
			if last.at > low.at {
				low = last
				continue
			}
		case r.at+int64(len(r.data)) >= high.at: // none begins from there on
			high.at = at
			continue
		}
		window *= 4 // a line is longer than that
	}
	return 0, false, nil
}

// sight is what is to be seen of a line.
type sight int

const (
	tooLittle sight = iota
	sound
	damaged
)

// firstLine tells which item the first line that begins in data says to be.
func (r *pageReader) firstLine(low spot, at int64) (spot, sight) {
	if at == low.at {
		return low, sound
	}
	n := bytes.IndexByte(r.data, '\n') + 1
	if end := at+int64(len(r.data)) == r.size; n == 0 || n == len(r.data) || len(r.data) < n+longestHead && !end {
		return spot{}, tooLittle
	}
	head := r.data[n:min(n+longestHead, len(r.data))]
	c := cursor{rest: head[min(frameStart, len(head)):]}
	c.literal(`"i":`)
	s := spot{c.number(), at + int64(n)}
	if c.literal(`,"v":`); c.bad {
		return spot{}, damaged
	}
	return s, sound
}

// skip goes on to the line of an item, or to the last line that begins in data.
func (r *pageReader) skip(s spot, index uint64) spot {
	rest := r.data[s.at-r.at:]
	for s.index < index {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			break
		}
		rest = rest[n:]
		s.index++
		s.at += int64(n)
	}
	return s
}

// walk finds the line of an item by counting those before it.
func (r *pageReader) walk(index uint64) (int64, error) {
	s := spot{r.first, 0}
	for s.at < r.size {
		if err := r.load(s.at, mostWindow); err != nil {
			return 0, err
		}
		for again := int64(2); ; again *= 2 {
			next := r.skip(s, index)
			if next.index == index {
				return next.at, nil
			}
			if next.at > s.at {
				s = next
				break
			}
			if s.at+int64(len(r.data)) >= r.size {
				s.at = r.size
				break
			}
			if err := r.load(s.at, again*mostWindow); err != nil {
				return 0, err
			}
		}
	}
	return 0, &DamageError{r.name, r.size, "it ends too early"}
}

// run reads items from the line of the first one on.
func (r *pageReader) run(at int64, from, to uint64) error {
	for index := from; index < to; {
		line, err := r.line(at)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return &DamageError{r.name, at, "it ends too early"}
		}
		item, ok := parseItem(bytes.TrimSuffix(line, []byte{'\n'}), index)
		if !ok {
			return &DamageError{r.name, at, "bad item"}
		}
		r.items = append(r.items, item)
		if r.bytes += len(item); r.most > 0 && r.bytes > r.most {
			return ErrTooMuch
		}
		index++
		at += int64(len(line))
	}
	return nil
}

// line is the line that begins at a place, with its newline if it has one.
func (r *pageReader) line(at int64) ([]byte, error) {
	for size := int64(mostWindow / 4); ; size *= 4 {
		if at >= r.at && at <= r.at+int64(len(r.data)) {
			rest := r.data[at-r.at:]
			if n := bytes.IndexByte(rest, '\n') + 1; n > 0 {
				return rest[:n:n], nil
			}
			if at+int64(len(rest)) >= r.size {
				return rest, nil
			}
		}
		if err := r.load(at, size); err != nil {
			return nil, err
		}
	}
}
