package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-json-experiment/json"

	"elemental/persistence/vfs"
)

const (
	journalFolder  = "journal"
	segmentSuffix  = ".jsonl"
	tornSuffix     = ".torn"
	journalFormat  = "elemental-journal"
	journalVersion = 1

	batchBytes     = 4 << 20  // with so many bytes a batch takes no more events
	maxEventBytes  = 64 << 20 // most bytes of one event's data
	maxStreamBytes = 4096     // most bytes of a stream's name
)

// header is the body of a segment's first line. The n of that line is that of the first
// record after it.
type header struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Segment  uint32    `json:"segment"`
	Oldest   uint32    `json:"oldest"`   // the oldest segment that is still needed: the end of the chain
	Previous link      `json:"previous"` // where the segment before ends
	Created  time.Time `json:"created"`
}

// link says which part of the previous segment is durable. It is all zero in the first one.
type link struct {
	Segment uint32 `json:"segment"`
	Seq     uint64 `json:"seq"`   // of the last durable record in it
	Bytes   int64  `json:"bytes"` // length of the durable part
}

// markBody is the body of a mark: it only proves that what came before is durable.
const markBody = `{"mark":true}`

func segmentFile(number uint32) string {
	return fmt.Sprintf("%s/%08d%s", journalFolder, number, segmentSuffix)
}

// batch is what one write and one sync make durable. The actor fills it, then it belongs to
// the writer, then to the actor again.
type batch struct {
	bodies []byte
	recs   []rec
	acks   []ack
	drops  []dropping

	first, durable uint64 // sequence of the first record; highest sequence that is durable
	lines          []byte // made by the writer

	following []following
	as        Batch // when it was written, noted for those in following
}

// rec is one record of a batch.
type rec struct {
	of   *stream // nil for a mark
	body uint32  // its length in bodies
	line uint32  // its length in lines, with the newline
}

// ack is the answer that is owed to the owner of one stream.
type ack struct {
	of          *stream // nil once it was given
	epoch       uint64
	first, last uint64
	to          *actor.PID
}

// dropping is a stream that ends once the batch is durable.
type dropping struct{ of *stream } // nil once that is noted

func (b *batch) reset() {
	clear(b.recs)
	clear(b.acks)
	clear(b.drops)
	*b = batch{bodies: b.bodies[:0], lines: b.lines[:0], recs: b.recs[:0], acks: b.acks[:0], drops: b.drops[:0]}
}

// forgetTold leaves only those who are still to be told what became of the batch.
func (b *batch) forgetTold() {
	b.acks = slices.DeleteFunc(b.acks, func(a ack) bool { return a.of == nil })
	b.drops = slices.DeleteFunc(b.drops, func(d dropping) bool { return d.of == nil })
}

// frame makes the lines. The writer does that, outside the actor, because only then the
// highest durable sequence is known.
func (b *batch) frame() {
	at := 0
	for i := range b.recs {
		r := &b.recs[i]
		before := len(b.lines)
		b.lines = appendFrame(b.lines, b.first+uint64(i), b.durable, b.bodies[at:at+int(r.body)])
		r.line = uint32(len(b.lines) - before)
		at += int(r.body)
	}
}

// writerJob is either a new segment or a batch.
type writerJob struct {
	open  *header
	next  uint64 // sequence of the new segment's first record
	batch *batch
}

// written is the writer's answer. After an Err the file is never touched again.
type written struct {
	writerJob
	size int64 // of a new segment's header
	err  error
}

// writer owns the file that is written to. It does one job at a time.
type writer struct {
	files  vfs.FS
	live   vfs.File
	size   int64 // bytes written to it
	room   int64 // zeros that follow
	counts *counts
}

func (w *writer) do(job writerJob) (done written) {
	done.writerJob = job
	defer func() { // even after a panic the actor must get its answer
		if r := recover(); r != nil {
			done.err = fmt.Errorf("journal writer panicked: %v", r)
		}
	}()
	if job.open != nil {
		done.size, done.err = w.begin(job.open, job.next, nil)
	} else {
		begun := w.counts.now()
		done.err = w.write(job.batch)
		w.counts.wrote(job.batch, begun, done.err)
	}
	return done
}

func (w *writer) write(b *batch) error {
	if w.live == nil {
		return errors.New("no segment is open")
	}
	b.frame()
	b.note(&b.as.Begun)
	if err := w.makeRoom(int64(len(b.lines))); err != nil {
		return err
	}
	if _, err := w.live.Write(b.lines); err != nil {
		return err
	}
	b.note(&b.as.Written)
	w.clearWay(int64(len(b.lines)))
	defer b.note(&b.as.Synced)
	return w.live.Sync()
}

// makeRoom puts zeros where a batch will go that does not fit into those that are there. A full
// disk then refuses these, and no part of a batch that is refused stays in the journal.
func (w *writer) makeRoom(bytes int64) error {
	if bytes <= w.room {
		return nil
	}
	if err := w.live.Ahead(bytes); err != nil {
		return err
	}
	w.room = bytes
	return nil
}

// How many zeros are written ahead at a time: as many as there are bytes in the segment, but
// within these bounds.
const (
	leastAhead = 4 << 10
	mostAhead  = 256 << 10
)

// clearWay writes zeros where the next batches will go, after a batch was written. A sync that
// does not have to note a new file size takes half as long. If the disk has no room for the
// zeros, that does no harm: it had room for the batch.
func (w *writer) clearWay(wrote int64) {
	w.size += wrote
	if w.room -= wrote; w.room > 0 {
		return
	}
	w.room = 0
	zeros := min(max(w.size, leastAhead), mostAhead)
	if w.live.Ahead(zeros) == nil {
		w.room = zeros
	}
}

// begin closes the former segment and makes a new one durable, including its name. If lines are
// written again, it gets its name once all of them are on disk: a part must not count.
func (w *writer) begin(h *header, next uint64, again []byte) (int64, error) {
	if err := w.close(); err != nil {
		return 0, err
	}
	line, err := headerLine(h, next)
	if err != nil {
		return 0, err
	}
	name := segmentFile(h.Segment)
	made := name
	if len(again) > 0 {
		line, made = append(line, again...), name+newSuffix
		if err := ignoreMissing(w.files.Remove(made)); err != nil {
			return 0, err
		}
	}
	f, err := w.files.Create(made)
	if err != nil {
		return 0, err
	}
	if err = writeHeader(w.files, f, line, made, name); err != nil {
		return 0, errors.Join(err, f.Close(), ignoreMissing(w.files.Remove(made)), ignoreMissing(w.files.Remove(name)))
	}
	w.live, w.size, w.room = f, int64(len(line)), 0
	return int64(len(line)), nil
}

func writeHeader(files vfs.FS, f vfs.File, line []byte, made, name string) error {
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if made != name {
		if err := files.Rename(made, name); err != nil {
			return err
		}
	}
	return files.SyncDir(journalFolder)
}

func headerLine(h *header, next uint64) ([]byte, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("journal header: %w", err)
	}
	return appendFrame(nil, next, h.Previous.Seq, body), nil
}

// close closes the live file. Everything in it was synced, or its sync has failed.
func (w *writer) close() error {
	if w.live == nil {
		return nil
	}
	live := w.live
	w.live = nil
	return live.Close()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
