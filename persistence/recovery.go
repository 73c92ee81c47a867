package persistence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"elemental/persistence/vfs"
)

// scan is what recovery learns of the journal without changing anything.
type scan struct {
	begun    bool    // there is a journal
	segments []found // the chain, oldest first
	previous link    // to its end
	again    []byte  // lines after that, which are sound, but may be there only in memory
	torn     []tail  // what is cut off, to be kept aside
	surplus  []string
	next     uint64 // sequence of the first record in again, or of the next one
	highest  uint32 // number of the highest segment file, used or not
}

// found is one segment of the chain.
type found struct {
	header header
	bytes  int64 // durable length
}

// tail is the torn end of a segment, which nothing proves durable.
type tail struct {
	segment uint32
	data    []byte
}

// scanJournal reads the journal tail and tells a torn end from damage.
func scanJournal(files vfs.FS) (*scan, error) {
	numbers, err := listSegments(files)
	if err != nil {
		return nil, err
	}
	s := &scan{next: 1}
	if len(numbers) > 0 {
		s.highest = numbers[len(numbers)-1]
	}
	head, err := s.findHead(files, numbers)
	if err != nil || head == nil {
		return s, err
	}
	if err := s.walk(files, head); err != nil {
		return s, err
	}
	s.noteSurplus(numbers)
	s.begun = true
	return s, nil
}

func listSegments(files vfs.FS) ([]uint32, error) {
	names, err := files.List(journalFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var numbers []uint32
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, segmentSuffix)
		number, err := strconv.ParseUint(digits, 10, 32)
		if ok && err == nil && segmentFile(uint32(number)) == journalFolder+"/"+name {
			numbers = append(numbers, uint32(number))
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// findHead finds the newest segment with a sound header and cuts its torn end.
// Newer ones without are beginnings that were never built on.
func (s *scan) findHead(files vfs.FS, numbers []uint32) (*found, error) {
	for _, number := range slices.Backward(numbers) {
		data, err := vfs.ReadFile(files, segmentFile(number))
		if err != nil {
			return nil, err
		}
		data = trim(data)
		h, first, err := parseHeader(number, data)
		if err == nil {
			return s.cutHead(h, first, data)
		}
		if wasBegun(data) { // by a newer program, perhaps
			return nil, err
		}
		if len(data) > 0 {
			s.torn = append(s.torn, tail{number, data})
		}
	}
	return nil, nil
}

// trim is a segment without the zeros at its end, over which nothing was written.
func trim(data []byte) []byte { return bytes.TrimRight(data, "\x00") }

// cutHead keeps the newest segment up to its first bad line. What follows the part that is proven
// durable is to be written again.
func (s *scan) cutHead(h header, first uint64, data []byte) (*found, error) {
	end, next, problem := soundPrefix(data, first)
	if problem != "" {
		if provesMore(data[end:], next) {
			return nil, &DamageError{segmentFile(h.Segment), int64(end), problem}
		}
		s.torn = append(s.torn, tail{h.Segment, data[end:]})
	}
	sure, next := provenPart(data[:end], first)
	s.next, s.again = next, data[sure:end]
	s.previous = link{h.Segment, next - 1, int64(sure)}
	return &found{h, int64(sure)}, nil
}

// provenPart is how far the lines of a segment are durable, as the last of them says, and the
// sequence of the record after that.
func provenPart(data []byte, first uint64) (end int, next uint64) {
	end, next = bytes.IndexByte(data, '\n')+1, first
	last, _ := parseFrame(data[bytes.LastIndexByte(data[:len(data)-1], '\n')+1 : len(data)-1])
	for ; next <= last.d; next++ {
		end += bytes.IndexByte(data[end:], '\n') + 1
	}
	return end, next
}

// walk follows the links from the head down to the oldest segment needed.
func (s *scan) walk(files vfs.FS, head *found) error {
	s.segments = []found{*head}
	for h := head.header; h.Segment > head.header.Oldest; {
		previous, err := readLinked(files, h.Previous)
		if err != nil {
			return err
		}
		s.segments = append(s.segments, *previous)
		if previous.header.Segment >= h.Segment {
			return &DamageError{segmentFile(h.Segment), 0, "it links forward"}
		}
		h = previous.header
	}
	slices.Reverse(s.segments)
	if s.segments[0].header.Segment != head.header.Oldest {
		return &DamageError{segmentFile(head.header.Oldest), 0, "segment is missing"}
	}
	if s.next == head.header.Previous.Seq+1 { // nothing proves that the head itself is on disk
		s.segments, s.previous = s.segments[:len(s.segments)-1], head.header.Previous
	}
	return nil
}

// readLinked reads a segment that a later one proves durable up to l.
func readLinked(files vfs.FS, l link) (*found, error) {
	name := segmentFile(l.Segment)
	data, err := vfs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &DamageError{name, 0, "segment is missing"}
	}
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < l.Bytes {
		return nil, &DamageError{name, int64(len(data)), "it ends too early"}
	}
	data = data[:l.Bytes]
	h, first, err := parseHeader(l.Segment, data)
	if err != nil {
		return nil, err
	}
	end, next, problem := soundPrefix(data, first)
	if problem == "" && next != l.Seq+1 {
		problem = "its last record is not the expected one"
	}
	if problem != "" {
		return nil, &DamageError{name, int64(end), problem}
	}
	return &found{h, l.Bytes}, nil
}

// noteSurplus lists segment files outside the chain: covered by snapshots and
// to be removed, or beginnings that were never used.
func (s *scan) noteSurplus(numbers []uint32) {
	chain := make(map[uint32]bool)
	for _, f := range s.segments {
		chain[f.header.Segment] = true
	}
	for _, number := range numbers {
		if !chain[number] {
			s.surplus = append(s.surplus, segmentFile(number))
		}
	}
}

// parseHeader checks the first line of a segment and gives the sequence of the
// first record.
func parseHeader(number uint32, data []byte) (header, uint64, error) {
	var h header
	damage := func(problem string) error { return &DamageError{segmentFile(number), 0, problem} }
	line, _, whole := bytes.Cut(data, []byte{'\n'})
	f, ok := parseFrame(line)
	if !whole || !ok {
		return h, 0, damage("bad header")
	}
	if err := json.Unmarshal(f.body, &h); err != nil || h.Format != journalFormat || h.Version < 1 {
		return h, 0, damage("not a journal header")
	}
	if h.Version > journalVersion {
		return h, 0, &VersionError{segmentFile(number), h.Version, journalVersion}
	}
	if h.Segment != number || h.Previous.Seq+1 != f.n {
		return h, 0, damage("header of another segment")
	}
	return h, f.n, nil
}

// soundPrefix tells how far the lines of a segment are as they were written:
// where the first bad one starts, which sequence it should have, what is wrong.
func soundPrefix(data []byte, first uint64) (end int, next uint64, problem string) {
	next = first
	end = bytes.IndexByte(data, '\n') + 1
	for end < len(data) {
		size := bytes.IndexByte(data[end:], '\n')
		if size < 0 {
			return end, next, "record without an end"
		}
		f, ok := parseFrame(data[end : end+size])
		switch {
		case !ok:
			return end, next, "bad record"
		case f.n != next || f.d >= f.n:
			return end, next, fmt.Sprintf("record %d where %d should be", f.n, next)
		}
		end += size + 1
		next++
	}
	return end, next, ""
}

// wasBegun tells whether any line of a segment is as it was written. A header
// that lacks but its newline is torn, as one that lacks more.
func wasBegun(data []byte) bool {
	if !bytes.Contains(data, []byte{'\n'}) {
		return len(data) > 0 && provesMore(data[1:], 0)
	}
	return provesMore(data, 0)
}

// provesMore tells whether any sound line says that the record next is durable,
// also one that a damaged newline hides behind another line.
func provesMore(data []byte, next uint64) bool {
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		for len(line) > 0 {
			if f, ok := parseFrame(line); ok && f.d >= next {
				return true
			}
			at := bytes.Index(line[1:], []byte(lineStart))
			if at < 0 {
				break
			}
			line = line[1+at:]
		}
	}
	return false
}

// eachEvent calls do for every event of a segment's first size bytes, with its place.
// The event's data is valid until do returns.
func eachEvent(files vfs.FS, number uint32, size int64, do func(b body, at loc)) error {
	name := segmentFile(number)
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(io.LimitReader(f, size), segmentChunk)
	for at := int64(0); at < size && err == nil; {
		var line []byte
		if line, err = readLine(lines); err == nil && at > 0 { // the first one is the header
			err = handLine(name, number, line, at, do)
		}
		if at += int64(len(line)); errors.Is(err, io.EOF) {
			err = &DamageError{name, at, "it ends too early"}
		}
	}
	return errors.Join(err, f.Close())
}

// segmentChunk is how much of a segment is in memory, but for longer lines.
const segmentChunk = 256 << 10

// readLine reads a line with its newline, valid until the next.
func readLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	line = bytes.Clone(line)
	rest, err := lines.ReadBytes('\n')
	return append(line, rest...), err
}

func handLine(name string, number uint32, line []byte, at int64, do func(b body, at loc)) error {
	b, isEvent, problem := parseEvent(line)
	if problem != "" {
		return &DamageError{name, at, problem}
	}
	if isEvent {
		do(b, loc{segment: number, size: uint32(len(line)), offset: at})
	}
	return nil
}

// parseEvent reads a line with its newline; a mark is no event.
func parseEvent(line []byte) (b body, isEvent bool, problem string) {
	f, ok := parseFrame(bytes.TrimSuffix(line, []byte{'\n'}))
	if !ok {
		return b, false, "bad record"
	}
	if string(f.body) == markBody {
		return b, false, ""
	}
	if b, ok = parseBody(f.body); !ok {
		return b, false, "unknown kind of record"
	}
	return b, true, ""
}
