package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// earlyMailbox takes messages from its actor's first moment on. The engine
// makes an actor known by its name before the mailbox can schedule anything,
// and whoever posts in between crashes: a timer or a hash worker that is late
// for the actor's former life would end the process. Such messages wait here.
type earlyMailbox struct {
	actor.Mailbox
	started atomic.Bool
	mu      sync.Mutex
	early   []func()
}

func early(inner actor.MailboxProducer) actor.MailboxProducer {
	return func() actor.Mailbox { return &earlyMailbox{Mailbox: inner()} }
}

func (m *earlyMailbox) PostUserMessage(msg any) {
	if m.started.Load() || !m.hold(func() { m.Mailbox.PostUserMessage(msg) }) {
		m.Mailbox.PostUserMessage(msg)
	}
}

func (m *earlyMailbox) PostSystemMessage(msg any) {
	_, first := msg.(*actor.Started) // comes between RegisterHandlers and Start
	if first || m.started.Load() || !m.hold(func() { m.Mailbox.PostSystemMessage(msg) }) {
		m.Mailbox.PostSystemMessage(msg)
	}
}

// hold keeps a post for Start, unless that has been.
func (m *earlyMailbox) hold(post func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started.Load() {
		return false
	}
	m.early = append(m.early, post)
	return true
}

// Start is called once Started is in the mailbox.
func (m *earlyMailbox) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Mailbox.Start()
	for _, post := range m.early {
		post()
	}
	m.early = nil
	m.started.Store(true)
}
