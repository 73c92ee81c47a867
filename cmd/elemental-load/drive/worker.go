package drive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/wire"
)

// Worker is one process's share of a run. Its steps are called one after another.
type Worker struct {
	world      *World
	number, of int
	dialer     *wire.Dialer
	book       *check.Book
	rec        *measure.Recorder
	parts      []*part
	watch      watch
	slots      chan struct{} // one token for each action under way
	strays     atomic.Int64  // pushes of channels that the client is not subscribed to

	start atomic.Pointer[time.Time] // when the load begins, nil before Load
	life  context.Context           // ends when no client is to connect again
	leave context.CancelFunc
	tasks sync.WaitGroup // clients that are connecting again, and the beat
}

// NewWorker makes worker number of as many as of says, counted from 0. The book is a new
// one, or, if one process does everything, the one that the world was made with.
func NewWorker(world *World, number, of int, book *check.Book) (*Worker, error) {
	w := &Worker{
		world: world, number: number, of: of, book: book,
		rec:   measure.NewRecorder(),
		watch: watch{open: map[*link]*wire.Conn{}},
		slots: make(chan struct{}, max(world.Reach.Outstanding, 1)),
	}
	mine, all := 0, 0
	for i := range world.Plan.Mix {
		mine += world.Plan.ClientsOf(i)/of + 1
		all += world.Plan.ClientsOf(i) + 1
	}
	if err := wire.CheckFiles(mine); err != nil {
		return nil, err
	}
	var err error
	if w.dialer, err = world.Reach.Dialer(all); err != nil { // the processes share the local ports
		return nil, err
	}
	w.dialer.Original = world.Original
	for i := range world.Plan.Mix {
		w.parts = append(w.parts, newPart(w, i))
	}
	w.life, w.leave = context.WithCancel(context.Background())
	return w, nil
}

// began is when the load begins, zero before Load is called.
func (w *Worker) began() time.Time {
	if start := w.start.Load(); start != nil {
		return *start
	}
	return time.Time{}
}

// connecting is how many clients connect at once.
const connecting = 64

// Connect connects all clients and returns what was measured meanwhile. If the provider takes no
// more connections, they wait for a place: those of the preparation may still count.
func (w *Worker) Connect(ctx context.Context, tell Tell) (*measure.Interval, error) {
	var all []*client
	for _, p := range w.parts {
		if !p.scenario.absent {
			all = append(all, p.clients...)
		}
	}
	count := func(done int64) { tell("connections", "connections", done, int64(len(all))) }
	err := w.world.inParallel(ctx, len(all), connecting, count, func(ctx context.Context, i int) error {
		connect := func() error { return all[i].connect(ctx) }
		if err := patiently(ctx, w.world.Reach.Timeout, isFull, connect); err != nil {
			return fmt.Errorf("connecting client %d of %d: %w", i+1, len(all), err)
		}
		return nil
	})
	taken := w.rec.Take()
	taken.Connections = w.watch.count()
	return taken, err
}

// Load makes the load, beginning at start. After each second it calls took with what was
// measured in it, until every action that was begun is over. With a slow provider that is
// later than the plan says. The load ends early when the context does.
func (w *Worker) Load(ctx context.Context, start time.Time, took func(second int, taken *measure.Interval)) {
	w.start.Store(&start)
	w.rec.Take() // measurements from before are not part of the load
	over := make(chan struct{})
	beating, still := context.WithCancel(ctx)
	defer still()
	w.tasks.Go(func() { w.beat(beating, start) })
	go func() {
		defer close(over)
		var parts sync.WaitGroup
		for _, p := range w.parts {
			parts.Go(func() { p.load(ctx, start) })
		}
		parts.Wait()
	}()
	usage := measure.Self()
	second := 0
	for running := true; running; second++ {
		next := time.NewTimer(time.Until(start.Add(time.Duration(second+1) * time.Second)))
		select {
		case <-next.C:
			w.watch.endSilent(w.world.Reach.Timeout)
		case <-over:
			running = false
		}
		next.Stop()
		took(second, w.take(usage))
	}
}

// beat measures a hundred times a second how late this process wakes. A process that is
// short of CPU reads answers late as well, and then measures its own delay.
func (w *Worker) beat(ctx context.Context, start time.Time) {
	c := newClock()
	defer c.Close()
	const pause = 10 * time.Millisecond
	for due := start; c.Until(ctx, due) == nil; due = due.Add(pause) {
		w.rec.Beat(c.Now().Sub(due))
	}
}

// take is what was measured since the last call.
func (w *Worker) take(usage *measure.Process) *measure.Interval {
	taken := w.rec.Take()
	taken.Connections = w.watch.count()
	taken.CPU, taken.Memory = usage.Sample()
	return taken
}

// Outcome is what the checks of one process have found.
type Outcome struct {
	Counts  check.Counts      `json:"counts"`
	Reports []check.Report    `json:"reports"`
	Slow    SlowReaders       `json:"slow"`
	Strays  int64             `json:"strays"` // pushes of channels that the client had not subscribed to
	Notes   []string          `json:"notes"`
	Late    *measure.Interval `json:"late"` // what was measured after the load
}

// Check waits for a while until the subscribers have got every push that is due to them.
// Then it closes all connections, reads the whole history back and compares. With history
// false only the subscriptions are judged.
func (w *Worker) Check(ctx context.Context, history bool, tell Tell) (*Outcome, error) {
	w.wakeSlow()
	o := &Outcome{}
	totals, err := w.world.count(ctx, w.book, w.total)
	switch {
	case err != nil:
	case w.awaitPushes(ctx, totals):
		for c, total := range totals {
			c.Settle(total)
		}
	default:
		o.Notes = append(o.Notes, fmt.Sprintf("Pushes were still coming %v after the load; whether the last ones come was not waited for.", longest))
	}
	w.Close()
	if err == nil {
		err = w.world.verify(ctx, w.dialer, w.book, totals, history, tell)
	}
	o.Counts, o.Reports, o.Late = w.book.Counts(), w.book.Reports(), w.rec.Take()
	for _, p := range w.parts {
		o.Slow.Add(p.slowReaders())
	}
	o.Strays = w.strays.Load()
	return o, err
}

// Close closes all connections and ends all reconnecting.
func (w *Worker) Close() {
	w.leave()
	w.closeAll() // so that a client that is connecting again does not wait for an answer
	w.tasks.Wait()
	w.closeAll()
}

func (w *Worker) closeAll() {
	for _, c := range w.watch.all() {
		c.Close()
	}
}

// wakeSlow makes the slow readers read again.
func (w *Worker) wakeSlow() {
	for _, p := range w.parts {
		for _, c := range p.clients {
			if l := c.online(); c.slow && l != nil {
				l.conn.Resume()
			}
		}
	}
}

// How long Check waits for pushes: until nothing new has come for looks checks in a row,
// look apart, while the provider answers, and never for more than longest.
const (
	look    = 20 * time.Millisecond
	looks   = 250
	asking  = 50 // after every so many checks without anything new, the provider has to show that it still answers
	longest = 30 * time.Second
)

// awaitPushes waits until every subscriber has all it is due, or nothing comes any more.
// It returns false if pushes were still coming. While the provider does not answer, the
// count of checks without anything new begins anew: what a halted provider has not sent
// yet is not lost.
func (w *Worker) awaitPushes(ctx context.Context, totals map[*check.Channel]int64) bool {
	begun := time.Now()
	last, same := int64(-1), 0
	for ctx.Err() == nil && time.Since(begun) < longest {
		behind := int64(0)
		for c, total := range totals {
			behind += c.Behind(total)
		}
		if same++; behind != last {
			last, same = behind, 0
		}
		if behind == 0 || same >= looks {
			return true
		}
		_ = sleep(ctx, look) // an ended context is seen by the loop
		if same%asking == asking-1 && StillThere(ctx, w.world) != nil {
			same = 0
		}
	}
	return false
}

func isLastWord(cause error) bool {
	return errors.As(cause, new(*wire.Ended))
}

// used lists the channels in which the book has something to judge.
func used(b *check.Book) []*check.Channel {
	return slices.DeleteFunc(b.Channels(), func(c *check.Channel) bool { return !c.Used() })
}
