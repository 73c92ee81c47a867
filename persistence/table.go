package persistence

import "time"

// loc is where one event lies in the journal.
type loc struct {
	segment uint32
	size    uint32 // of the line, with its newline
	offset  int64
}

// stream is what is known in memory of one stream. Streams are in memory only if they have
// an owner, or events in the journal that no snapshot covers, or files that must be removed.
type stream struct {
	name  Stream
	start string // the beginning of all its record bodies; "" until there is one

	epoch   uint64 // of its owner; 0 if it has none
	ref     uint64 // of the Recover by which the owner became that
	refused uint64 // the last epoch that was answered Rejected; each is answered once
	next    uint64 // sequence of the owner's next event; 0 until the owner has recovered
	durable uint64 // sequence of the last durable event
	covered uint64 // sequence of the last event in a verified snapshot
	locs    []loc  // places of the durable events after covered
	lastIn  uint32 // newest segment that may have an event of it

	pending int    // batches with events of it that are not on disk yet
	batch   *batch // the newest of them
	ackAt   int    // index of its ack in batch

	known   bool      // durable and covered were checked against the snapshot files
	gone    bool      // the snapshot is a tombstone
	unsure  bool      // the newest snapshot file is damaged, not known to be durable, or does not count
	broken  bool      // the journal contradicts itself about it
	inTombs bool      // it is in core.tombs
	undone  []removal // removals that failed

	busy  bool      // a worker uses its files
	queue []request // requests that wait for the files

	dirtyAt int    // index in core.dirty; -1 if it is not there
	sweep   uint32 // core.sweeps when it was last used
}

// request is work on the files of one stream. For each stream there is one at a time.
type request struct {
	recover *Recover
	epoch   uint64 // of the Recover
	save    *SaveSnapshot
	remove  *removal
}

// removal is the removal of files of a stream: all files of a dropped stream, a tombstone
// that the journal does not know any more, or an older snapshot.
type removal struct {
	segment uint32 // for a drop: the segment with the event, which stays until the removal is done
	tomb    bool
	old     bool // only the older snapshot, which is of no use without the journal that followed it
}

// entry finds or makes a stream's entry in the table.
func (c *core) entry(name Stream) (*stream, error) {
	if e := c.table[name]; e != nil {
		e.sweep = c.sweeps
		return e, nil
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	e := &stream{name: name, dirtyAt: -1, sweep: c.sweeps}
	e.lastIn = c.live().number // it may have been here before, and was forgotten
	c.table[name] = e
	return e, nil
}

// forgetIfIdle removes a stream from memory if nothing needs it there.
func (c *core) forgetIfIdle(e *stream) {
	idle := e.epoch == 0 && e.pending == 0 && !e.busy && len(e.queue) == 0
	if idle && len(e.locs) == 0 && !e.gone && !e.broken && len(e.undone) == 0 {
		delete(c.table, e.name)
		c.saved(e)
	}
}

// note adds the place of a durable event.
func (c *core) note(e *stream, at loc) {
	e.locs = append(e.locs, at)
	e.durable++
	e.lastIn = at.segment
	in := c.segment(at.segment)
	in.needed++
	in.events++
	if e.dirtyAt < 0 {
		e.dirtyAt = len(c.dirty)
		c.dirty = append(c.dirty, e)
	}
}

// first is the sequence of the event that locs[0] points to.
func (e *stream) first() uint64 { return e.durable - uint64(len(e.locs)) + 1 }

// cover forgets the places of events up to seq: a snapshot has them.
func (c *core) cover(e *stream, seq uint64) {
	n := 0
	if seq >= e.first() {
		n = int(min(seq-e.first()+1, uint64(len(e.locs))))
	}
	for _, at := range e.locs[:n] {
		c.segment(at.segment).needed--
	}
	if e.locs = e.locs[n:]; len(e.locs) > 0 {
		return
	}
	e.locs = nil
	if e.dirtyAt >= 0 {
		last := c.dirty[len(c.dirty)-1]
		c.dirty[e.dirtyAt], last.dirtyAt = last, e.dirtyAt
		c.dirty[len(c.dirty)-1] = nil
		c.dirty = c.dirty[:len(c.dirty)-1]
		e.dirtyAt = -1
	}
}

// segment is what is known of one journal file.
type segment struct {
	number uint32
	bytes  int64 // durable length
	needed int   // events that no snapshot covers, and drops that are not done
	events int   // events that were ever put into it
}

// segment finds a segment by its number. It begins with the newest, which is wanted most.
func (c *core) segment(number uint32) *segment {
	for i := len(c.segments) - 1; i >= 0; i-- {
		if c.segments[i].number == number {
			return c.segments[i]
		}
	}
	panic("journal segment is not in the table")
}

func (c *core) live() *segment { return c.segments[len(c.segments)-1] }

// sweepIdle forgets idle streams that were not used for long.
func (c *core) sweepIdle() {
	c.sweeps++
	for _, e := range c.table {
		if c.sweeps-e.sweep > idleSweeps {
			c.forgetIfIdle(e)
		}
	}
}

const (
	sweepEvery = 10 * time.Minute
	idleSweeps = 6
)
