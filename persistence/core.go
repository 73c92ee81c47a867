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

// core is everything that the store knows. It is touched only under Store.mu: by the
// actor, and by Close after the actor has stopped.
type core struct {
	cfg      Config
	log      *slog.Logger
	files    *disk
	out      sender            // nil outside of Receive
	quiet    func(tell func()) // see Store.Gather
	trouble  func(err error)   // see Store.Trouble
	followed Followed          // the context of the present message, if that is followed
	inbox    *inbox
	tasks    sync.WaitGroup // writer job and workers that run

	// the streams
	table  map[Stream]*stream
	dirty  []*stream // those with events in the journal
	tombs  []*stream // those that are deleted, as long as the journal knows them
	epochs uint64    // the last epoch that was given
	sweeps uint32

	// the journal
	writer         *writer
	segments       []*segment // oldest first; the last one is live
	nextSeq        uint64     // of the next record to be written
	number         uint32     // of the newest segment file, used or not
	fresh          []string   // files that the start has created
	writing        bool       // the writer has a job
	writeBegun     time.Time  // when it got that job
	hangs          bool       // the log has said that the job takes long
	flying         *batch     // the batch that the writer has; nil if it has none
	gathering      bool       // a batch is being collected
	scratch        []byte     // of dataOf
	waiting        []*batch   // the oldest is written next; only the last has room
	spare          []*batch
	givenUp        []*batch // while their owners are being told
	waitingRecords int      // in waiting and flying
	waitingBytes   int
	failure        error // why nothing can be written; nil when all is well
	marked         bool  // the newest record is a mark
	lastWrite      time.Time
	landing        *batch // on disk, while its owners are being told
	inHand         any    // the message that is being handled; stays set after a panic
	answer         any    // the answer of writer or worker that is being handled; likewise
	panicked       bool   // a handler has panicked; its half-done work is to be given up
	poisoned       bool   // memory and disk may differ; only a new process may write

	// checkpoints
	keeper   pid
	unsaved  map[*stream]bool      // those whose newest snapshot could not be saved
	rolling  bool                  // a new segment is wanted
	wants    []*stream             // still to be asked for a snapshot
	asked    map[*stream]time.Time // asked for one, and when
	olds     map[Stream]uint32     // streams with an older snapshot, and the segment that follows it
	undone   []*stream             // streams with removals that failed
	surplus  []string              // segment files to be removed
	requests int                   // requests that wait for the files of their streams

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

// receive handles a message. It returns false if it does not know it.
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

// newPool makes a pool of workers that send their answers to the actor.
func (c *core) newPool(workers int) *pool {
	return &pool{limit: workers, spawn: c.tasks.Go, run: func(j job) { c.inbox.post(runJob(j, c.files)) }}
}

// onWritten goes on after the writer has done its job.
func (c *core) onWritten(w written) {
	begun, hung := c.writeBegun, c.hangs
	c.writing, c.hangs = false, false
	switch {
	case w.err != nil:
		c.fail(w.err)
	case c.poisoned: // memory may not know what came before
		c.fail(errPoisoned)
	case w.open != nil:
		c.opened(w)
		c.writeNext()
	default:
		live, at := c.live(), c.live().bytes
		live.bytes += int64(len(w.batch.lines))
		c.nextSeq += uint64(len(w.batch.recs))
		c.marked = w.batch.recs[len(w.batch.recs)-1].of == nil
		c.lastWrite = time.Now()
		c.landing, c.flying = w.batch, nil
		c.goOn()
		c.committed(w.batch, live.number, at)
		c.landing = nil
	}
	c.abandonAfterPanic()
	c.startBeat()
	if hung { // last: what became of the write is noted by now, whatever logging does
		c.log.Info("the write has ended", "after", time.Since(begun), "err", w.err)
	}
}

// goOn starts the next batch. It comes before the answers to the last one, so that those who
// are answered may still append to it.
func (c *core) goOn() {
	if len(c.waiting) == 0 || c.rollDue() || c.out == nil {
		c.writeNext()
	} else {
		c.gather()
	}
}

// fail gives up the live file: after a failed write or sync nobody knows what is in it.
// Nothing is written until a new segment is durable.
func (c *core) fail(err error) {
	c.stopWriting(err)
	c.refuseWaiting(unavailable(err))
}

// stopWriting notes a failure, and only then tells of it: if that crashes, nothing may be written
// to the file any more all the same.
func (c *core) stopWriting(err error) {
	first := c.failure == nil
	c.counts.failed()
	c.failure = err
	c.writable.Store(false)
	if first {
		c.log.Error("journal cannot be written; events are refused", "err", err)
		c.tellTrouble(err)
	}
}

// tellTrouble tells the listener of Store.Trouble, if there is one.
func (c *core) tellTrouble(err error) {
	if c.trouble != nil {
		c.trouble(err)
	}
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
