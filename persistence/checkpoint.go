package persistence

import (
	"fmt"
	"time"
)

const (
	beatEvery   = 250 * time.Millisecond
	markAfter   = time.Second      // without appends, until marks are written
	askedAtOnce = 32               // streams that are asked for a snapshot at the same time
	askedLong   = 10 * time.Second // after that a stream that was asked loses its place
	writesLong  = 2 * time.Second  // after that the log says that a write does not end
)

// Messages of the store's own timers.
type (
	beat          struct{}
	checkpointDue struct{}
	sweepDue      struct{}
)

// timers are the timers that run. Each sends the actor a message.
type timers struct{ beat, checkpoint, sweep *time.Timer }

func (c *core) startTimers() {
	c.stopTimers()
	c.startBeat()
	c.startSweeper()
	c.startCheckpointTimer()
}

func (c *core) stopTimers() {
	for _, t := range []*time.Timer{c.timers.beat, c.timers.checkpoint, c.timers.sweep} {
		stopTimer(t)
	}
	c.timers = timers{}
}

func stopTimer(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// startSweeper stops the one that may run: after a crash, the message of the one before may still come.
func (c *core) startSweeper() {
	stopTimer(c.timers.sweep)
	c.timers.sweep = time.AfterFunc(sweepEvery, func() { c.inbox.tell(&sweepDue{}) })
}

// startCheckpointTimer is like startSweeper.
func (c *core) startCheckpointTimer() {
	stopTimer(c.timers.checkpoint)
	if c.cfg.SnapshotInterval > 0 {
		c.timers.checkpoint = time.AfterFunc(c.cfg.SnapshotInterval, func() { c.inbox.tell(&checkpointDue{}) })
	}
}

// startBeat starts the short timer if something will be due: a retry, marks after the last
// batch, a look for answers that did not come, a look at the writer. An idle store has none.
func (c *core) startBeat() {
	due := c.writing || c.failure != nil && !c.poisoned || c.failure == nil && !c.marked || len(c.asked) > 0 || len(c.waiting) > 0
	if due && c.timers.beat == nil {
		c.timers.beat = time.AfterFunc(beatEvery, func() { c.inbox.tell(&beat{}) })
	}
}

func (c *core) beat() {
	c.timers.beat = nil
	now := time.Now()
	switch {
	case c.writing:
		c.lookAtWriter(now)
	case c.poisoned:
	case c.failure == nil && len(c.waiting) > 0: // the message that would have started the write was lost
		c.gathering = false
		c.writeNext()
	case c.failure != nil:
		c.roll()
	case !c.marked && now.Sub(c.lastWrite) >= markAfter:
		b := c.filling()
		c.mark(b)
		c.writeNext()
	}
	for e, asked := range c.asked {
		if now.Sub(asked) >= askedLong {
			delete(c.asked, e)
		}
	}
	c.ask()
	c.startBeat()
}

// lookAtWriter logs, once, that a write takes too long: everything that has to be stored waits
// for it, and nothing else would show that. A write that has ended, but whose answer is still in
// the inbox, is not the disk's fault; and after a failure nothing waits.
func (c *core) lookAtWriter(now time.Time) {
	if took := now.Sub(c.writeBegun); took >= writesLong && !c.hangs && c.failure == nil && !c.inbox.has.Load() {
		c.hangs = true
		c.log.Warn("the disk does not finish a write; what is to be kept waits for it", "for", took)
	}
}

// mark makes a batch that only proves that everything before it was durable. It has two marks,
// so that damage to one leaves the other.
func (c *core) mark(b *batch) {
	for range 2 {
		b.bodies = append(b.bodies, markBody...)
		b.recs = append(b.recs, rec{body: uint32(len(markBody))})
	}
}

// timedCheckpoint begins a checkpoint if there is something to do in it.
func (c *core) timedCheckpoint() {
	c.startCheckpointTimer()
	c.removeTombs(c.segments[0].number) // those saved after the journal forgot them
	if c.live().events > 0 || c.oldestNeeded() > c.segments[0].number && c.deletable() {
		c.rolling = true
		c.writeNext()
		return
	}
	c.wantSnapshots()
	c.startBeat()
}

// deletable tells whether a segment with events is not needed any more. Empty segments are
// deleted only together with such a one.
func (c *core) deletable() bool {
	oldest := c.oldestNeeded()
	for _, s := range c.segments {
		if s.number < oldest && s.events > 0 {
			return true
		}
	}
	return false
}

func (c *core) rollDue() bool {
	return c.rolling || c.live().bytes >= c.cfg.SegmentBytes && c.live().events > 0
}

// oldestNeeded is the segment that a new header names as the oldest. A segment is given up at
// the earliest with the second new segment after it: until then the older snapshots have the
// journal that follows them.
func (c *core) oldestNeeded() uint32 {
	for _, s := range c.segments[:len(c.segments)-1] {
		if s.needed > 0 {
			return s.number
		}
	}
	return c.live().number
}

// roll makes the writer begin a new segment. Every try gets a new number.
func (c *core) roll() {
	c.number++
	live := c.live()
	c.startWriter(writerJob{next: c.nextSeq, open: &header{
		Format: journalFormat, Version: journalVersion,
		Segment: c.number, Oldest: c.oldestNeeded(),
		Previous: link{live.number, c.nextSeq - 1, live.bytes},
		Created:  time.Now().UTC(),
	}})
}

// opened goes on when a new segment is durable. Segments that its header does not name any more
// are deleted; for the others snapshots are asked for.
func (c *core) opened(w written) {
	if c.failure != nil {
		c.log.Info("journal can be written again", "segment", w.open.Segment)
		c.tellTrouble(nil)
	}
	c.segments = append(c.segments, &segment{number: w.open.Segment, bytes: w.size})
	oldest := min(w.open.Oldest, c.oldestNeeded())
	// A recovery may have found out since that an older one is needed. The next header names it then,
	// and is written at once.
	c.failure, c.rolling, c.marked = nil, oldest < w.open.Oldest, true
	c.writable.Store(true)
	c.letGo(oldest)
	c.retryRemovals()
	c.wantSnapshots()
}

// letGo gives up the segments before oldest, and the older snapshots and tombstones that are of
// no use without them.
func (c *core) letGo(oldest uint32) {
	n := 0
	for c.segments[n].number < oldest {
		c.surplus = append(c.surplus, segmentFile(c.segments[n].number))
		n++
	}
	c.segments = append([]*segment(nil), c.segments[n:]...)
	c.removeSurplus()
	for name, in := range c.olds {
		if in < oldest {
			delete(c.olds, name)
			c.removeFiles(name, removal{old: true})
		}
	}
	c.removeTombs(oldest)
}

// removeTombs removes the tombstones of streams that have no event in the segments from oldest
// on.
func (c *core) removeTombs(oldest uint32) {
	tombs := c.tombs
	c.tombs = nil
	for _, e := range tombs {
		e.inTombs = e.gone && e.lastIn >= oldest
		switch {
		case e.inTombs:
			c.tombs = append(c.tombs, e)
		case e.gone:
			c.removeFiles(e.name, removal{tomb: true})
		}
	}
}

func (c *core) removeFiles(name Stream, what removal) {
	e, err := c.entry(name)
	if err != nil {
		panic(fmt.Errorf("a stored stream has a bad name: %w", err))
	}
	c.enqueue(e, request{remove: &what})
	c.forgetIfIdle(e)
}

func (c *core) noteTomb(e *stream) {
	if e.gone && !e.inTombs {
		e.inTombs = true
		c.tombs = append(c.tombs, e)
	}
}

// wantSnapshots asks for snapshots of the streams that keep closed segments from being deleted.
func (c *core) wantSnapshots() {
	c.wants = nil
	for _, e := range c.dirty {
		if _, asked := c.asked[e]; !asked && c.holdsSealed(e) {
			c.wants = append(c.wants, e)
		}
	}
	c.ask()
}

func (c *core) holdsSealed(e *stream) bool {
	return len(e.locs) > 0 && e.locs[0].segment < c.live().number
}

// ask asks the keeper for the next snapshots, at most askedAtOnce at a time.
func (c *core) ask() {
	for len(c.wants) > 0 && len(c.asked) < askedAtOnce && c.keeper != nil {
		e := c.wants[len(c.wants)-1]
		c.wants[len(c.wants)-1] = nil
		c.wants = c.wants[:len(c.wants)-1]
		if !c.holdsSealed(e) {
			continue
		}
		c.asked[e] = time.Now()
		c.send(c.keeper, &SnapshotWanted{Stream: e.name})
	}
}

// unask notes that a stream has answered, or that no snapshot of it is needed any more.
func (c *core) unask(e *stream) {
	if _, asked := c.asked[e]; asked {
		delete(c.asked, e)
		c.ask()
	}
}

// surplusJob removes segment files that no header needs.
type surplusJob struct{ names []string }

// segmentsRemoved answers it.
type segmentsRemoved struct {
	names []string // those that are still there
	err   error
}

func (j surplusJob) failed(reason error) any { return segmentsRemoved{j.names, reason} }

func (j surplusJob) do(d *disk) any {
	for i, name := range j.names {
		if err := ignoreMissing(d.Remove(name)); err != nil {
			return segmentsRemoved{j.names[i:], err}
		}
	}
	return segmentsRemoved{nil, d.SyncDir(journalFolder)}
}

func (c *core) removeSurplus() {
	if len(c.surplus) > 0 {
		c.writes.add(surplusJob{c.surplus})
		c.surplus = nil
	}
}

func (c *core) onSegmentsRemoved(r segmentsRemoved) {
	if r.err != nil {
		c.surplus = append(c.surplus, r.names...)
		c.log.Warn("journal segments not removed", "err", r.err)
	}
}
