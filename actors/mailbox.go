package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox holds an actor's messages and, when it has any, has the scheduler give
// the actor its turns. It is the engine's Mailbox with two differences: an actor
// that has had its share of messages leaves the processor to others, and messages
// may come from the moment the actor's name is known (a timer or a hash worker
// that is late for the actor's former life; the engine's own crash on them).
type mailbox struct {
	scheduler *scheduler
	invoker   actor.MessageInvoker
	entry     *entry   // in the roll; nil where none is kept
	next      *mailbox // in the scheduler's queue

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

var _ actor.Mailbox = (*mailbox)(nil)

// PostUserMessage is the engine's, on any goroutine.
func (m *mailbox) PostUserMessage(msg any) {
	m.mu.Lock()
	wakes := m.put(msg)
	m.mu.Unlock()
	if wakes {
		m.scheduler.wake(m)
	}
}

// put is PostUserMessage under mu, and tells whether to wake the actor afterwards.
func (m *mailbox) put(msg any) (wakes bool) {
	m.user.push(msg)
	if m.entry != nil && m.entry.observed != nil {
		m.entry.observed.came(false)
	}
	if wakes = m.state == asleep && !m.suspended; wakes {
		m.state = due
	}
	return wakes
}

// PostSystemMessage is the engine's, on any goroutine.
func (m *mailbox) PostSystemMessage(msg any) {
	m.mu.Lock()
	if _, first := msg.(*actor.Started); first && m.state == unborn {
		m.system.pushFirst(msg)
	} else {
		m.system.push(msg)
	}
	if m.entry != nil && m.entry.observed != nil {
		m.entry.observed.came(true)
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

// RegisterHandlers is the engine's.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start is called once Started is in the mailbox.
func (m *mailbox) Start() {
	if m.entry != nil {
		m.entry.enroll(m.invoker.(actor.Context))
	}
	m.mu.Lock()
	m.state = due
	m.mu.Unlock()
	m.scheduler.wake(m)
}

// UserMessageCount is how many messages wait.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user.len()
}

// turn handles some messages, on one of the scheduler's goroutines, and reports
// whether there may be more; otherwise the mailbox sleeps.
func (m *mailbox) turn(most int) (more bool) {
	var msg any
	var watched *observation
	handled := 0
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(reason, msg)
			more = true
			if watched != nil {
				watched.handled(msg)
			}
		}
		if m.entry != nil {
			m.entry.hadTurn(handled)
		}
	}()
	for range most {
		var system, some bool
		if msg, system, some, watched = m.pop(); !some {
			return false
		}
		handled++
		if system {
			m.invokeSystem(msg)
		} else {
			m.invoker.InvokeUserMessage(msg)
		}
		if watched != nil {
			watched.handled(msg)
		}
		if _, last := msg.(endsTurn); last {
			return true
		}
	}
	return true
}

func (m *mailbox) invokeSystem(msg any) {
	switch msg.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		m.invoker.InvokeSystemMessage(msg)
	}
}

// endsTurn is a message that an actor sends itself to go on later: others go first.
type endsTurn interface{ EndsTurn() }

// pop takes the next message; when there is none the mailbox sleeps. Somebody may watch.
func (m *mailbox) pop() (msg any, system, some bool, watched *observation) {
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
	if m.entry != nil {
		watched = m.entry.took(system)
	}
	return msg, system, true, watched
}

func (m *mailbox) suspend(suspended bool) {
	m.mu.Lock()
	was := m.suspended
	m.suspended = suspended
	m.mu.Unlock()
	if was && !suspended && m.entry != nil {
		m.entry.wentOn()
	}
}

// messages is a queue that holds little memory while it is empty: room for a few, or for
// as many as it had just now, since a busy actor will have as many again.
type messages struct {
	all  []any
	head int
}

// How many messages an empty queue keeps room for, if it ever had it.
const (
	roomKept = 4
	mostKept = 256 // of those that are busy, or that everybody asks
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
