package dispatch

import (
	"iter"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// Mailbox holds an actor's messages and asks the scheduler for turns while there are
// any. It implements the engine's Mailbox, with two differences to the engine's own
// ones. An actor that has handled its share of messages leaves the processor to
// others. And messages may come from the moment on at which the actor's name is known,
// for example from a timer of the actor's former life; the engine's mailboxes crash on
// those. A Mailbox must be initialized with Init.
type Mailbox struct {
	scheduler *Scheduler
	invoker   actor.MessageInvoker
	witness   Witness  // nil if nobody wants to know
	next      *Mailbox // in the scheduler's queue
	ended     bool     // the actor has stopped; only its turns use it

	mu        sync.Mutex // held for the time of a push or pop
	shared    bool       // everybody waits for this actor; never changed
	state     mailboxState
	suspended bool // after a panic, until the supervisor has decided
	user      messages
	system    messages // these go first
}

type mailboxState uint8

const (
	unborn mailboxState = iota // the engine has not started it: it keeps what comes
	asleep
	due // in the scheduler's queue, or having its turn
)

var _ actor.Mailbox = (*Mailbox)(nil)

// Witness is told what happens at one mailbox. It may contain the mailbox, to save an
// allocation, and may use the mailbox's lock for its own counts.
type Witness interface {
	// Born is called when the engine has made the actor, before it handles anything.
	Born(ctx actor.Context)
	// Came is called when a message was put into the mailbox, under the mailbox's lock.
	Came(system bool)
	// Took is called when a message is about to be handled, under the lock. The Sight
	// that it returns, unless it is nil, is told when the message was handled.
	Took(system bool) Sight
	// HadTurn is called after each turn, with the number of messages handled in it.
	HadTurn(handled int)
	// WentOn is called when the supervisor lets the actor go on after a panic.
	WentOn()
}

// Sight observes one message that is being handled.
type Sight interface {
	// Handled is called in the actor's turn, even if it has panicked.
	Handled(msg any)
}

// Init initializes a mailbox. A shared mailbox belongs to an actor that everybody waits for:
// its turns are longer, and it never goes to the queue of those that have had a turn. The
// witness may be nil.
func (m *Mailbox) Init(s *Scheduler, shared bool, w Witness) {
	m.scheduler, m.shared, m.witness = s, shared, w
}

// Lock and Unlock are for the witness: in between no message comes or is taken.
func (m *Mailbox) Lock() { m.mu.Lock() }

// Unlock ends Lock.
func (m *Mailbox) Unlock() { m.mu.Unlock() }

// Waiting is how many messages wait. It is called under the lock.
func (m *Mailbox) Waiting() (user, system int) { return m.user.len(), m.system.len() }

// Messages are the user messages that wait. It is called under the lock.
func (m *Mailbox) Messages() iter.Seq[any] { return slices.Values(m.user.all[m.user.head:]) }

// PostUserMessage implements the engine's Mailbox; any goroutine may call it.
func (m *Mailbox) PostUserMessage(msg any) {
	m.mu.Lock()
	wakes := m.Put(msg)
	m.mu.Unlock()
	if wakes {
		m.Wake()
	}
}

// Put is PostUserMessage for a caller who holds the lock. It tells whether the caller has to
// call Wake after Unlock.
func (m *Mailbox) Put(msg any) (wakes bool) {
	m.user.push(msg)
	if m.witness != nil {
		m.witness.Came(false)
	}
	if wakes = m.state == asleep && !m.suspended; wakes {
		m.state = due
	}
	return wakes
}

// Wake asks for a turn, see Put. It is called without the lock.
func (m *Mailbox) Wake() { m.scheduler.wake(m) }

// PostSystemMessage implements the engine's Mailbox; any goroutine may call it.
func (m *Mailbox) PostSystemMessage(msg any) {
	m.mu.Lock()
	if _, first := msg.(*actor.Started); first && m.state == unborn {
		m.system.pushFirst(msg)
	} else {
		m.system.push(msg)
	}
	if m.witness != nil {
		m.witness.Came(true)
	}
	wakes := m.state == asleep
	if wakes {
		m.state = due
	}
	m.mu.Unlock()
	if wakes {
		m.scheduler.wake(m)
	}
}

// RegisterHandlers implements the engine's Mailbox.
func (m *Mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements the engine's Mailbox. It is called once Started is in the mailbox.
func (m *Mailbox) Start() {
	if m.witness != nil {
		m.witness.Born(m.invoker.(actor.Context))
	}
	m.mu.Lock()
	m.state = due
	m.mu.Unlock()
	m.scheduler.wake(m)
}

// UserMessageCount implements the engine's Mailbox: how many messages wait.
func (m *Mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user.len()
}

// turn handles some messages, on the goroutine of a runner or maker. It reports whether
// there may be more; if not, the mailbox sleeps.
func (m *Mailbox) turn(most int) (more bool) {
	var msg any
	var watched Sight
	handled := 0
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(reason, msg)
			more = true
			if watched != nil {
				watched.Handled(msg)
			}
		}
		if m.witness != nil {
			m.witness.HadTurn(handled)
		}
	}()
	for range most {
		var system, some bool
		if msg, system, some, watched = m.pop(); !some {
			return false
		}
		handled++
		switch {
		case system:
			m.invokeSystem(msg)
		case m.ended: // the engine would drop it
			m.scheduler.unheard(msg)
		default:
			m.invoker.InvokeUserMessage(msg)
		}
		if watched != nil {
			watched.Handled(msg)
		}
		if _, last := msg.(EndsTurn); last {
			return true
		}
	}
	return true
}

// invokeSystem handles a message of the engine. A supervisor may decide about a crash when the actor
// has been stopped already. That comes too late: it would start the actor again, beside another one
// that has its name by then.
func (m *Mailbox) invokeSystem(msg any) {
	if _, asks := msg.(*actor.Watch); m.ended && !asks {
		return
	}
	switch msg.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		m.invoker.InvokeSystemMessage(msg)
		m.lookForEnd(msg)
	}
}

// Mortal is an actor that tells when it has handled Stopped.
type Mortal interface{ Ended() bool }

// lookForEnd notes the actor's end, which these messages may have brought about.
func (m *Mailbox) lookForEnd(msg any) {
	switch msg.(type) {
	case *actor.Stop, *actor.Terminated:
		who, known := m.invoker.(actor.Context).Actor().(Mortal)
		if m.ended = known && who.Ended(); m.ended {
			m.mu.Lock()
			m.suspended = false // no supervisor decides any more
			m.mu.Unlock()
		}
	}
}

// EndsTurn is a message that an actor sends to itself in order to go on later, after others
// have had their turns.
type EndsTurn interface{ EndsTurn() }

// pop takes the next message. If there is none, the mailbox sleeps. watched is not nil while
// somebody watches the actor.
func (m *Mailbox) pop() (msg any, system, some bool, watched Sight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.system.len() > 0:
		msg, system = m.system.pop(false), true
	case m.user.len() > 0 && !m.suspended:
		msg = m.user.pop(m.shared)
	default:
		m.state = asleep
		return nil, false, false, nil
	}
	if m.witness != nil {
		watched = m.witness.Took(system)
	}
	return msg, system, true, watched
}

func (m *Mailbox) suspend(suspended bool) {
	m.mu.Lock()
	was := m.suspended
	m.suspended = suspended
	m.mu.Unlock()
	if was && !suspended && m.witness != nil {
		m.witness.WentOn()
	}
}

// messages is a queue that keeps little memory while it is empty: room for a few messages, or
// for as many as it has just had, since a busy actor will get as many again.
type messages struct {
	all  []any
	head int
}

// How many messages an empty queue keeps room for, if it ever had it.
const (
	roomKept = 4
	mostKept = 256 // for actors that are busy, or that everybody asks
)

func (q *messages) len() int { return len(q.all) - q.head }

func (q *messages) push(msg any) {
	if len(q.all) == cap(q.all) && q.head > len(q.all)/2 {
		n := copy(q.all, q.all[q.head:])
		clear(q.all[n:])
		q.all, q.head = q.all[:n], 0
	}
	q.all = append(q.all, msg)
}

func (q *messages) pushFirst(msg any) {
	q.all = append([]any{msg}, q.all[q.head:]...)
	q.head = 0
}

func (q *messages) pop(shared bool) (msg any) {
	msg, q.all[q.head] = q.all[q.head], nil
	if q.head++; q.head == len(q.all) {
		keep := roomKept
		if shared || q.head > cap(q.all)/4 {
			keep = mostKept
		}
		q.all, q.head = q.all[:0], 0
		if cap(q.all) > keep {
			q.all = nil
		}
	}
	return msg
}
