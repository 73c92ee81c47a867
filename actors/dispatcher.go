package actors

// dispatcher runs mailboxes on goroutines that are kept. The engine's own
// starts a new goroutine for each wake of an idle actor, and most of that cost
// is growing the new stack; one that is kept has grown. A mailbox that stays
// busy keeps its goroutine and nobody else's, so none can starve another.
type dispatcher struct {
	ready chan func() // unbuffered: handed over only to one that waits
	spare chan struct{}
	quit  chan struct{}
}

// What the dispatcher keeps, and how many messages an actor handles before it
// yields the processor.
const (
	spareWorkers = 256
	throughput   = 300
)

func newDispatcher() *dispatcher {
	return &dispatcher{ready: make(chan func()), spare: make(chan struct{}, spareWorkers), quit: make(chan struct{})}
}

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
	for {
		mailbox()
		select {
		case d.spare <- struct{}{}:
		default:
			return // enough wait already
		}
		select {
		case mailbox = <-d.ready:
			<-d.spare
		case <-d.quit:
			return
		}
	}
}

// stop ends the goroutines that wait. Called once, after the actors stopped.
func (d *dispatcher) stop() { close(d.quit) }
