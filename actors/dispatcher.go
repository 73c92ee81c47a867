package actors

import (
	"runtime"
	"sync/atomic"
)

// dispatcher runs mailboxes on goroutines that are kept. The engine's own
// starts a new goroutine for each wake of an idle actor, and most of that cost
// is growing the new stack; one that is kept has grown. A mailbox that stays
// busy keeps its goroutine and nobody else's, so none can starve another.
type dispatcher struct {
	ready   chan func() // unbuffered: handed over only to one that waits; nil ends it
	spare   atomic.Int32
	stopped atomic.Bool
}

// What the dispatcher keeps, and how many messages an actor handles before it
// yields the processor.
const (
	spareWorkers = 256
	throughput   = 30
)

func newDispatcher() *dispatcher { return &dispatcher{ready: make(chan func())} }

// Schedule runs a mailbox; it never waits.
func (d *dispatcher) Schedule(mailbox func()) {
	select {
	case d.ready <- mailbox:
	default:
		go d.work(mailbox)
	}
}

// Throughput is the engine's question.
func (d *dispatcher) Throughput() int { return throughput }

func (d *dispatcher) work(mailbox func()) {
	for mailbox != nil {
		mailbox()
		if d.spare.Add(1) > spareWorkers || d.stopped.Load() {
			d.spare.Add(-1)
			return
		}
		mailbox = <-d.ready
		d.spare.Add(-1)
	}
}

// stop ends the goroutines that wait. Called once, after the actors stopped.
func (d *dispatcher) stop() {
	d.stopped.Store(true)
	for d.spare.Load() > 0 {
		select {
		case d.ready <- nil:
		default:
			runtime.Gosched() // it is about to wait, or to see that it need not
		}
	}
}
