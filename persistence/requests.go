package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// maxRequests limits how many requests wait for files.
const maxRequests = 1 << 16

// recover makes the sender the stream's owner. The stream is read once none of its events is
// on its way to the disk.
func (c *core) recover(m *Recover) {
	e, err := c.entry(m.Stream)
	if err == nil && c.requests >= maxRequests {
		err = fmt.Errorf("%w: too many recoveries", ErrBusy)
	}
	if err != nil {
		c.send(m.ReplyTo, m.answer(err))
		if e != nil {
			c.forgetIfIdle(e)
		}
		return
	}
	c.epochs++
	e.epoch, e.ref, e.next = c.epochs, m.Ref, 0
	c.retryRemovalsOf(e)
	c.enqueue(e, request{recover: m, epoch: e.epoch})
	if e.busy {
		c.writes.hurry(e)
	}
}

// release forgets a stream's owner, and also the stream if nothing else needs it.
func (c *core) release(m *Release) {
	if e := c.table[m.Stream]; e != nil && (e.epoch == m.Epoch || m.Ref != 0 && e.ref == m.Ref) {
		e.epoch, e.next, e.start = 0, 0, ""
		c.forgetIfIdle(e)
	}
}

func (c *core) save(m *SaveSnapshot) {
	e := c.table[m.Stream]
	switch {
	case e == nil || m.Epoch == 0 || m.Epoch != e.epoch:
		c.answerSave(m, errNotOwner)
	case c.requests >= maxRequests:
		c.answerSave(m, fmt.Errorf("%w: too many snapshots", ErrBusy))
	default:
		c.enqueue(e, request{save: m})
	}
}

var errNotOwner = fmt.Errorf("%w: snapshot of a former owner", ErrStale)

func (c *core) answerSave(m *SaveSnapshot, err error) {
	c.send(m.ReplyTo, &SnapshotSaved{Stream: m.Stream, Seq: m.Seq, Err: err})
}

func (c *core) readItems(m *ReadItems) {
	job := itemsJob{msg: m}
	refuse := func(err error) { c.send(m.ReplyTo, job.failed(err).(itemsRead).answer) }
	switch {
	case m.To < m.From || m.To-m.From > maxItemsRead:
		refuse(fmt.Errorf("%w: items %d to %d", ErrInvalid, m.From, m.To))
	case c.reads.waiting() >= maxRequests:
		refuse(fmt.Errorf("%w: too many reads", ErrBusy))
	default:
		if items, read := c.files.readItemsNow(m.Stream, m.From, m.To, m.MaxBytes); read {
			c.send(m.ReplyTo, &ItemsRead{Stream: m.Stream, Ref: m.Ref, Items: items})
			return
		}
		if c.followed != nil {
			job.later = c.followed.Later()
		}
		c.reads.add(job)
	}
}

func (c *core) enqueue(e *stream, r request) {
	c.requests++
	e.queue = append(e.queue, r)
	c.pump(e)
}

// pump starts the next request for a stream's files, unless it has to wait.
func (c *core) pump(e *stream) {
	for !e.busy && len(e.queue) > 0 {
		r := e.queue[0]
		if r.recover != nil && e.pending > 0 {
			return
		}
		if e.queue = e.queue[1:]; len(e.queue) == 0 {
			e.queue = nil
		}
		c.requests--
		c.begin(e, r)
	}
}

func (c *core) begin(e *stream, r request) {
	switch {
	case r.recover != nil && e.leftOver():
		c.send(r.recover.ReplyTo, r.recover.answer(unavailable(errLeftOver)))
	case r.recover != nil:
		e.busy = true
		c.reads.add(c.recoverJob(e, r))
	case r.save != nil:
		c.beginSave(e, r.save)
	case r.remove.old && c.needsOld(e):
	case r.remove.tomb && !e.gone: // the stream has been used again
	case r.remove.tomb && (e.next != 0 || e.pending > 0 || c.failure != nil):
		c.noteTomb(e) // it may be used again at any time, or an event that was refused may be on disk: the next checkpoint looks again
	default:
		if r.remove.tomb { // the next owner has to recover, which waits until the files are gone
			e.known = false
		}
		c.write(e, removeJob{e, *r.remove})
	}
}

// write begins a job that changes a stream's files. A recovery of the stream waits for its end, so
// if there is one, the job does not wait behind all others.
func (c *core) write(e *stream, j job) {
	e.busy = true
	c.writes.add(j)
	if slices.ContainsFunc(e.queue, func(r request) bool { return r.recover != nil }) {
		c.writes.hurry(e)
	}
}

// needsOld tells whether the older snapshot has to stay after all. It may be the only good one.
// Or it is another one than that whose removal was decided, because a snapshot was on its way
// then.
func (c *core) needsOld(e *stream) bool {
	_, another := c.olds[e.name]
	return another || e.unsure
}

func (c *core) recoverJob(e *stream, r request) recoverJob {
	j := recoverJob{of: e, request: r, locs: e.locs, durable: e.durable, broken: e.broken}
	for _, s := range c.segments {
		j.kept = append(j.kept, part{s.number, s.bytes})
	}
	return j
}

// onRecovery answers a Recover.
func (c *core) onRecovery(r recovery) {
	e := r.of
	e.busy = false
	if r.kept[0].segment != c.segments[0].number && (r.err != nil || r.fallback) {
		e.queue = append([]request{r.request}, e.queue...) // read again: a segment was removed meanwhile, covered by a snapshot
		c.requests++
		c.pump(e)
		return
	}
	answer := r.recover.answer(r.err)
	if r.err == nil {
		c.learn(e, &r)
		answer.Epoch, answer.Seq, answer.Events = r.epoch, e.durable, r.events
		if r.snapshot != nil {
			answer.Snapshot = r.snapshot.State
		}
	}
	if r.epoch == e.epoch {
		e.next = e.durable + 1
		if r.err != nil {
			e.epoch, e.next = 0, 0
		}
	}
	c.send(r.recover.ReplyTo, answer)
	if !c.holdsSealed(e) {
		c.unask(e)
	}
	c.settled(e)
}

// learn notes what a recovery has found on disk.
func (c *core) learn(e *stream, r *recovery) {
	seq := uint64(0)
	if r.snapshot != nil {
		seq = r.snapshot.Seq
	}
	switch {
	case r.unsecured != nil && seq <= e.durable: // the journal keeps its share until the next snapshot
		c.log.Warn("snapshot cannot be synced", "stream", string(e.name), "err", r.unsecured)
	case r.fallback:
		problem := r.problem
		if problem == nil {
			problem = errors.New("it is missing")
		}
		c.log.Warn("snapshot is damaged or missing, the journal had it all", "stream", string(e.name), "err", problem)
		c.cover(e, e.durable)
		e.durable = seq
		for _, at := range r.found {
			c.note(e, at)
		}
	default:
		c.cover(e, seq)
		e.durable = max(e.durable, seq)
		if len(e.locs) == 0 { // what a failed save has left is sure to be on disk now
			c.saved(e)
		}
	}
	e.unsure = r.fallback || r.unsecured != nil || r.ignored
	e.covered, e.known = seq, true
	e.gone = r.snapshot != nil && r.snapshot.Gone && seq == e.durable
	c.noteTomb(e)
}

func (c *core) beginSave(e *stream, m *SaveSnapshot) {
	switch {
	case m.Epoch != e.epoch: // the stream got another owner while this waited for the files
		c.answerSave(m, errNotOwner)
	case !e.known || m.Seq > e.durable || m.Seq < e.covered:
		c.answerSave(m, fmt.Errorf("%w: snapshot at %d, durable %d, saved %d", ErrStale, m.Seq, e.durable, e.covered))
	case m.Seq == e.covered && m.Seq > 0 && len(m.Pages) == 0 && m.Gone == e.gone && !e.unsure:
		c.answerSave(m, nil) // it is on disk already, and has been read from there
	default:
		c.write(e, saveJob{of: e, msg: m, rotate: m.Seq > e.covered && !e.unsure})
		return
	}
	c.unask(e)
}

// onSaved answers a SaveSnapshot. Only now are the events that it covers not needed any more.
func (c *core) onSaved(s saved) {
	e := s.of
	e.busy = false
	if s.err == nil {
		if s.rotate && len(e.locs) > 0 {
			c.olds[e.name] = e.locs[0].segment
		}
		c.cover(e, s.msg.Seq)
		e.covered, e.unsure = s.msg.Seq, false
		e.gone = s.msg.Gone && e.covered == e.durable
		c.noteTomb(e)
		c.saved(e)
	} else {
		e.unsure = true // the file may have been renamed to the older one and be the only one left
		c.notSaved(e, s.err)
		if !errors.Is(s.err, ErrInvalid) {
			s.err = unavailable(s.err)
		}
	}
	c.answerSave(s.msg, s.err)
	c.unask(e)
	c.settled(e)
}

// notSaved notes that a snapshot could not be saved. When the disk is in trouble, many fail at
// each checkpoint; only the first one is logged.
func (c *core) notSaved(e *stream, err error) {
	if errors.Is(err, ErrInvalid) {
		c.log.Error("snapshot not saved", "stream", string(e.name), "err", err)
		return
	}
	first := len(c.unsaved) == 0
	c.unsaved[e] = true
	if first {
		c.log.Error("snapshots cannot be saved; the journal keeps what is in them", "stream", string(e.name), "err", err)
	}
}

// saved notes that a stream's snapshot is saved, or not wanted any more. On a nearly full disk
// small snapshots are saved while large ones fail: it is over when none is left that failed.
func (c *core) saved(e *stream) {
	if c.unsaved[e] {
		delete(c.unsaved, e)
		if len(c.unsaved) == 0 {
			c.log.Info("snapshots can be saved again")
		}
	}
}

// settled continues with a stream after a worker has done something with its files.
func (c *core) settled(e *stream) {
	c.pump(e)
	c.forgetIfIdle(e)
}

// removeJob removes files of a stream.
type removeJob struct {
	of *stream
	removal
}

// removed answers it.
type removed struct {
	removeJob
	err error
}

func (j removeJob) failed(reason error) any { return removed{j, reason} }

func (j removeJob) do(d *disk) any {
	if j.old {
		return removed{j, ignoreMissing(d.Remove(streamDir(j.of.name) + "/" + oldStateFile))}
	}
	return removed{j, d.removeStream(j.of.name)}
}

func (c *core) onRemoved(r removed) {
	e := r.of
	e.busy = false
	failed := r.err != nil && !errors.Is(r.err, fs.ErrNotExist)
	if failed {
		if !slices.Contains(c.undone, e) {
			c.undone = append(c.undone, e)
		}
		e.undone = append(e.undone, r.removal)
	}
	switch {
	case r.tomb: // even if it was half done: only the files tell what is left
		e.durable, e.covered, e.gone = 0, 0, failed
	case r.segment > 0 && !failed:
		c.unlearn(e) // it may have been read while it was dropped
		c.segment(r.segment).needed--
	}
	if failed { // after that is noted, whatever logging does
		c.log.Warn("files of an ended stream not removed", "stream", string(e.name), "err", r.err)
	}
	c.settled(e)
}

// retryRemovals repeats the removals that failed.
func (c *core) retryRemovals() {
	undone := c.undone
	c.undone = nil
	for _, e := range undone {
		c.retryRemovalsOf(e)
	}
}

func (c *core) retryRemovalsOf(e *stream) {
	removals := e.undone
	e.undone = nil
	for i := range removals {
		c.enqueue(e, request{remove: &removals[i]})
	}
	if len(removals) > 0 { // otherwise it may be forgotten already, and be another one under its name
		c.forgetIfIdle(e)
	}
}

var errLeftOver = errors.New("files of a dropped stream are still there")

// leftOver tells whether there are files of a stream that was dropped. They belong to nobody,
// and are in the way if the name is used again.
func (e *stream) leftOver() bool {
	return slices.ContainsFunc(e.undone, func(r removal) bool { return r.segment > 0 })
}
