package persistence

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

type pid = *actor.PID

// sender is the part of actor.Context that answers go through.
type sender interface {
	Send(to *actor.PID, msg any)
}

// core is all that the store knows. It is touched under Store.mu only: by the
// actor, or by Close after it.
type core struct {
	cfg      Config
	log      *slog.Logger
	files    *disk
	out      sender            // nil outside of Receive
	quiet    func(tell func()) // see Store.Gather
	trouble  func(err error)   // see Store.Trouble
	followed Followed          // the context in hand, when its message is followed
	inbox    *inbox
	tasks    sync.WaitGroup // writer job and workers that run

	// the streams
	table  map[Stream]*stream
	dirty  []*stream // those with locs
	tombs  []*stream // those that are gone, until the journal forgets them
	epochs uint64    // the last one given
	sweeps uint32

	// the journal
	writer         *writer
	segments       []*segment // oldest first; the last one is live
	nextSeq        uint64     // of the next record to be written
	number         uint32     // of the newest segment file, used or not
	fresh          []string   // files that the start made
	writing        bool       // the writer has a job
	writeBegun     time.Time  // since then
	hangs          bool       // and the log says that it takes long
	flying         *batch     // which is this one
	gathering      bool       // a batch is being gathered
	scratch        []byte     // of dataOf
	waiting        []*batch   // the oldest is next; only the last has room
	spare          []*batch
	waitingRecords int // in waiting and flying
	waitingBytes   int
	failure        error // why nothing can be written; nil when all is well
	marked         bool  // the newest record is a mark
	lastWrite      time.Time
	lastTry        time.Time // to open a segment after a failure
	landing        *batch    // on disk, and just being noted
	inHand         any       // the message being handled; left over after a panic
	answer         any       // likewise, of the inbox
	panicked       bool      // a handler did; its half-done work is to be given up
	poisoned       bool      // memory and disk may differ; only a new process may write

	// checkpoints
	keeper   pid
	unsaved  bool // the newest snapshot could not be saved
	rolling  bool // a new segment is wanted
	wants    []*stream
	asked    map[*stream]time.Time // and since when
	olds     map[Stream]uint32     // who has an older snapshot, and the segment behind it
	undone   []*stream             // removals that failed
	surplus  []string              // segment files to be removed
	requests int                   // that wait for their stream's files

	reads, writes *pool
	timers        timers
	writable      atomic.Bool
	counts        *counts
}

func (c *core) send(to pid, msg any) {
	if to != nil && c.out != nil {
		c.out.Send(to, msg)
	}
}

// receive handles what is asked.
func (c *core) receive(msg any) bool {
	switch m := msg.(type) {
	case *Append:
		c.append(m)
	case *Recover:
		c.recover(m)
	case *SaveSnapshot:
		c.save(m)
	case *ReadItems:
		c.readItems(m)
	case *Attach:
		c.keeper = m.Keeper
		c.wantSnapshots() // of what the journal holds from before
		c.startBeat()
	case *Release:
		c.release(m)
	case *gathering:
		c.onGathering()
	case *wake:
		c.drain()
	case *beat:
		c.beat()
	case *checkpointDue:
		c.timedCheckpoint()
	case *sweepDue:
		c.sweepIdle()
		c.startSweeper()
	default:
		return false
	}
	return true
}

// drain handles the answers of writer and workers.
func (c *core) drain() {
	for c.answer = c.inbox.take(); c.answer != nil; c.answer = c.inbox.take() {
		c.onAnswer()
	}
}

func (c *core) onAnswer() {
	switch a := c.answer.(type) {
	case written:
		c.onWritten(a)
	case recovery:
		c.onRecovery(a)
	case itemsRead:
		c.tellItems(a)
	case saved:
		c.onSaved(a)
	case removed:
		c.onRemoved(a)
	case segmentsRemoved:
		c.onSegmentsRemoved(a)
	}
}

// startWriter gives the writer its job.
func (c *core) startWriter(job writerJob) {
	c.writing, c.writeBegun = true, time.Now()
	c.startBeat()
	c.tasks.Go(func() { c.inbox.post(c.writer.do(job)) })
}

// newPool makes a pool of so many workers, of which the actor hears the answers.
func (c *core) newPool(workers int) *pool {
	return &pool{limit: workers, spawn: c.tasks.Go, run: func(j job) { c.inbox.post(runJob(j, c.files)) }}
}

// onWritten goes on after the writer.
func (c *core) onWritten(w written) {
	c.writing = false
	if c.hangs {
		c.hangs = false
		c.log.Info("the write has ended", "after", time.Since(c.writeBegun), "err", w.err)
	}
	switch {
	case w.err != nil:
		c.fail(w.err)
	case w.open != nil:
		c.opened(w)
		c.writeNext()
	default:
		live, at := c.live(), c.live().bytes
		live.bytes += int64(len(w.batch.lines))
		c.nextSeq += uint64(len(w.batch.recs))
		c.marked = w.batch.recs[len(w.batch.recs)-1].of == nil
		c.lastWrite = time.Now()
		c.landing = w.batch
		c.goOn()
		c.committed(w.batch, live.number, at)
		c.landing = nil
	}
	c.abandonAfterPanic()
	c.startBeat()
}

// goOn sees to the next batch: who is answered now may append to it.
func (c *core) goOn() {
	if len(c.waiting) == 0 || c.rollDue() || c.out == nil {
		c.writeNext()
	} else {
		c.gather()
	}
}

// fail gives up the live file: after a failed write or sync nobody knows what
// is in it. Nothing is written until a fresh segment is durable.
func (c *core) fail(err error) {
	if c.failure == nil {
		c.log.Error("journal cannot be written; events are refused", "err", err)
		c.tellTrouble(err)
	}
	c.counts.failed()
	c.failure = err
	c.writable.Store(false)
	c.lastTry = time.Now()
	c.refuseWaiting(unavailable(err))
}

// tellTrouble tells who wants to hear it whether the journal can be written.
func (c *core) tellTrouble(err error) {
	if c.trouble != nil {
		c.trouble(err)
	}
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
