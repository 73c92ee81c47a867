package telemetry

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Inspection is the inspector's message to an actor: show your state, or crash. It goes through
// the mailbox like all messages. The guard in front of the actor handles it, so it does not
// count as use, which would keep the actor in memory, and it works in every phase of the actor.
type Inspection struct {
	Crash bool       // panic instead of showing the state
	shown chan shown // has room for one
}

type shown struct {
	state any // a copy that the actor does not touch any more
	err   error
}

// Show answers an Inspection without Crash: with a copy of the state, or with the reason why
// there is none.
func (m *Inspection) Show(state any, err error) {
	select {
	case m.shown <- shown{state, err}:
	default:
	}
}

// ErrCrashing means that the actor has not gone on yet since the last Crash.
var ErrCrashing = errors.New("it has not gone on since the last crash")

// ask puts an inspection into an actor's mailbox. It refuses that if the actor has ended, since
// nobody would answer then.
func (e *entry) ask(m *Inspection) error {
	e.Lock()
	gone, wakes := e.gone, false
	if !gone {
		wakes = e.Put(m)
	}
	e.Unlock()
	switch {
	case gone:
		return ErrNoActor
	case wakes:
		e.Wake()
	}
	return nil
}

// View returns an actor's state as JSON. It contains no secrets and nothing that people wrote
// to each other, and long lists are shortened. The question goes through the actor's mailbox,
// so an actor that has much to do, or that waits for its restart, answers only when its turn
// comes. View waits for that until ctx ends.
func (l Look) View(ctx context.Context, id string) ([]byte, error) {
	e := l.of.roll.find(id)
	if e == nil {
		return nil, ErrNoActor
	}
	m := &Inspection{shown: make(chan shown, 1)}
	if err := e.ask(m); err != nil {
		return nil, err
	}
	select {
	case s := <-m.shown:
		if s.err != nil {
			return nil, s.err
		}
		data, err := json.Marshal(s.state, json.Deterministic(true))
		if err != nil {
			return nil, fmt.Errorf("view of %s: %w", id, err)
		}
		return data, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s has not answered: %w", id, ctx.Err())
	}
}

// Crash makes an actor panic when its turn comes. Supervision then does what it does after any
// bug, and nothing that was acknowledged is lost:
//
//   - A user, server or channel restarts from the journal. A server's channels end with it and
//     start again when somebody needs them.
//   - Persistence restarts with what the store knows.
//   - A session ends, and its connection with it.
//   - The root, the directories, the router and passwords go on with the state they have.
//
// The error is ErrNoActor if no actor with that ID lives, and ErrCrashing if the actor has not
// gone on since the last Crash.
func (l Look) Crash(id string) error {
	e := l.of.roll.find(id)
	if e == nil {
		return ErrNoActor
	}
	e.Lock()
	before := e.crashing
	e.crashing = true
	e.Unlock()
	if before {
		return ErrCrashing
	}
	return e.ask(&Inspection{Crash: true, shown: make(chan shown, 1)})
}
