package persistence

import (
	"fmt"
)

// append checks an event and puts it into the batch that is written next.
func (c *core) append(m *Append) {
	e := c.table[m.Stream]
	if e == nil || m.Epoch == 0 {
		c.send(m.ReplyTo, &Rejected{m.Stream, m.Epoch, m.Event.Seq, ErrStale})
		return
	}
	if m.Epoch != e.epoch {
		if m.Epoch != e.refused {
			e.refused = m.Epoch
			c.send(m.ReplyTo, &Rejected{m.Stream, m.Epoch, m.Event.Seq, ErrStale})
		}
		return
	}
	if err := c.admit(e, m); err != nil {
		c.refuse(e, m.Event.Seq, m.ReplyTo, err)
		return
	}
	e.next++
	e.sweep = c.sweeps
	c.follow(e, m)
	c.gather()
}

// gather waits until nobody is about to append any more, and only then hands the batch
// over. On an idle machine that costs microseconds, on a busy one it saves syncs.
func (c *core) gather() {
	if c.gathering || c.writing {
		return
	}
	c.gathering = true
	c.startBeat()
	if c.quiet != nil && c.out != nil {
		c.quiet(c.inbox.gathered)
	} else {
		c.inbox.gathered()
	}
}

// gathering is what the store sends to itself when a batch is collected.
type gathering struct{}

func (c *core) onGathering() {
	c.gathering = false
	c.writeNext()
}

// admit encodes the event into a batch. If it returns an error, the event has left no trace.
func (c *core) admit(e *stream, m *Append) error {
	if e.next == 0 || m.Event.Seq != e.next {
		return fmt.Errorf("%w: event %d where %d should be", ErrStale, m.Event.Seq, e.next)
	}
	if c.failure != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, c.failure)
	}
	data, err := oneLine(c.dataOf(m))
	if err != nil {
		return err
	}
	if len(data) > maxEventBytes {
		return fmt.Errorf("%w: event of %d bytes", ErrInvalid, len(data))
	}
	if c.waitingRecords >= c.cfg.MaxWaitingRecords || c.waitingRecords > 0 && c.waitingBytes+len(data) > c.cfg.MaxWaitingBytes {
		return fmt.Errorf("%w: %d events of %d bytes wait for the disk", ErrBusy, c.waitingRecords, c.waitingBytes)
	}
	drops, err := c.dropEntries(m.Drops)
	if err != nil {
		return err
	}
	event := m.Event
	event.Data = data
	return c.encode(e, &event, m, drops)
}

// dataOf returns an event's data. It is valid until the next call.
func (c *core) dataOf(m *Append) []byte {
	if m.Value == nil {
		return m.Event.Data
	}
	const swollen = 64 << 10
	if cap(c.scratch) > swollen {
		c.scratch = nil
	}
	c.scratch = m.Value.Append(c.scratch[:0])
	return c.scratch
}

// dropEntries finds the streams that an event ends.
func (c *core) dropEntries(names []Stream) ([]*stream, error) {
	var drops []*stream
	for _, name := range names {
		e, err := c.entry(name)
		if err != nil {
			return nil, err
		}
		drops = append(drops, e)
	}
	return drops, nil
}

func (c *core) encode(e *stream, event *Event, m *Append, drops []*stream) error {
	if e.start == "" {
		var err error
		if e.start, err = bodyStart(e.name); err != nil {
			return err
		}
	}
	b := c.filling()
	before := len(b.bodies)
	bodies, err := appendBody(b.bodies, e.start, event, m.Drops)
	if err != nil {
		if b.bodies = bodies[:before]; len(b.recs) == 0 {
			c.waiting = c.waiting[:len(c.waiting)-1] // there is nothing to write
		}
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	b.bodies = bodies
	size := len(bodies) - before
	b.recs = append(b.recs, rec{of: e, body: uint32(size)})
	c.waitingRecords++
	c.waitingBytes += size
	c.owe(b, e, m)
	for _, d := range drops {
		d.pending++
		d.epoch, d.next = 0, 0 // the stream ends: nothing may follow
		b.drops = append(b.drops, dropping{d})
	}
	return nil
}

// owe notes that the owner waits for an answer. There is one for each stream in a batch.
func (c *core) owe(b *batch, e *stream, m *Append) {
	if e.batch == b {
		a := &b.acks[e.ackAt]
		a.last, a.to = m.Event.Seq, m.ReplyTo
		return
	}
	e.batch, e.ackAt = b, len(b.acks)
	e.pending++
	b.acks = append(b.acks, ack{e, e.epoch, m.Event.Seq, m.Event.Seq, m.ReplyTo})
}

// filling returns the batch that events go into: the newest that waits, if it has room.
func (c *core) filling() *batch {
	if n := len(c.waiting); n > 0 && len(c.waiting[n-1].bodies) < batchBytes {
		return c.waiting[n-1]
	}
	var b *batch
	if n := len(c.spare); n > 0 {
		b, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		b = new(batch)
	}
	c.waiting = append(c.waiting, b)
	return b
}

// writeNext gives the writer its next job, if it has none.
func (c *core) writeNext() {
	if c.writing || c.panicked || c.failure != nil {
		return
	}
	if c.rollDue() {
		c.roll()
		return
	}
	if len(c.waiting) == 0 {
		return
	}
	b := c.waiting[0]
	copy(c.waiting, c.waiting[1:])
	c.waiting = c.waiting[:len(c.waiting)-1]
	b.first, b.durable = c.nextSeq, c.nextSeq-1
	c.flying = b
	c.startWriter(writerJob{batch: b})
}

// committed notes that a batch is durable: its lines are in the segment, from offset on.
func (c *core) committed(b *batch, segment uint32, offset int64) {
	for i := range b.recs {
		r := &b.recs[i]
		if r.of != nil {
			c.note(r.of, loc{segment, r.line, offset})
			r.of.gone = false
			c.waitingRecords--
			c.waitingBytes -= int(r.body)
		}
		offset += int64(r.line)
	}
	c.tellFollowing(b)
	for i := range b.acks {
		a := &b.acks[i]
		e := a.of
		c.send(a.to, &Committed{e.name, a.epoch, a.last})
		a.of = nil
		c.landed(e, b)
	}
	for i := range b.drops {
		e := b.drops[i].of
		c.dropped(e, segment)
		b.drops[i].of = nil
		c.landed(e, b)
	}
	c.recycle(b)
}

// landed notes that a batch with events of the stream is not on its way any more.
func (c *core) landed(e *stream, b *batch) {
	if e.batch == b {
		e.batch = nil
	}
	e.pending--
	c.pump(e)
	c.forgetIfIdle(e)
}

// dropped forgets a stream that ended and removes its files in the background.
func (c *core) dropped(e *stream, in uint32) {
	c.unlearn(e)
	c.unask(e)
	c.segment(in).needed++
	c.requests++
	e.queue = append([]request{{remove: &removal{segment: in}}}, e.queue...)
}

// unlearn forgets what is known of a stream that has ended.
func (c *core) unlearn(e *stream) {
	c.cover(e, e.durable)
	e.durable, e.covered, e.known, e.gone, e.unsure, e.broken = 0, 0, false, false, false, false
}

func (c *core) recycle(b *batch) {
	if cap(b.bodies) <= 2*batchBytes && len(c.spare) < 4 {
		b.reset()
		c.spare = append(c.spare, b)
	}
}

// refuse rejects this event and all later ones of the owner, with one answer.
func (c *core) refuse(e *stream, seq uint64, to pid, err error) {
	c.send(to, &Rejected{e.name, e.epoch, seq, err})
	e.refused, e.epoch, e.next = e.epoch, 0, 0
}

// refuseWaiting gives up every event that is not on disk.
func (c *core) refuseWaiting(err error) {
	if c.flying != nil {
		c.givenUp = append(c.givenUp, c.flying)
		c.flying = nil
	}
	c.givenUp = append(c.givenUp, c.waiting...)
	c.waiting, c.waitingRecords, c.waitingBytes = nil, 0, 0
	c.refuseBatches(err)
}

// refuseBatches rejects all events of the batches that are given up. Each is noted before it is
// told, so that a panic loses no other.
func (c *core) refuseBatches(err error) {
	for _, b := range c.givenUp {
		b.dropFollowing()
		for _, a := range b.acks {
			first := a.epoch == a.of.epoch || a.epoch != a.of.refused
			if a.epoch == a.of.epoch {
				a.of.epoch, a.of.next = 0, 0
			}
			if first {
				a.of.refused = a.epoch
				c.send(a.to, &Rejected{a.of.name, a.epoch, a.first, err})
			}
		}
	}
	for ; len(c.givenUp) > 0; c.givenUp = c.givenUp[1:] { // after all are refused, since this may start recoveries
		c.landAll(c.givenUp[0])
	}
	c.givenUp = nil
}

// landAll is landed for all streams of a batch that is given up.
func (c *core) landAll(b *batch) {
	for len(b.acks) > 0 {
		e := b.acks[0].of
		b.acks = b.acks[1:]
		c.landed(e, b)
	}
	for len(b.drops) > 0 {
		e := b.drops[0].of
		b.drops = b.drops[1:]
		c.landed(e, b)
	}
}
