package telemetry

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Inspection is the inspector's message to an actor. It goes through the mailbox as all
// do, and the guard before the actor takes it: it is no use that keeps an actor in
// memory, and it is answered in whatever state the actor is.
type Inspection struct {
	Crash bool       // it is to panic
	shown chan shown // has room for one
}

type shown struct {
	state any // what the actor does not touch any more
	err   error
}

// Show answers an inspection that is no crash: with what the actor does not touch any more, or
// why there is nothing.
func (m *Inspection) Show(state any, err error) {
	select {
	case m.shown <- shown{state, err}:
	default:
	}
}

func (m *Inspection) refuse(err error) { m.Show(nil, err) }

// ErrCrashing says that the actor has not gone on yet since it was to crash.
var ErrCrashing = errors.New("it has not gone on since the last crash")

// ask puts an inspection into an actor's mailbox, unless it would come too late to be
// refused there. Whether it does is known before the actor can end of it.
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

// View is an actor's state as JSON, without secrets and without what people write to each
// other, large lists shortened. It is asked through its mailbox, as everything is: an actor
// that has much to do, or waits for its restart, answers when its turn comes, if ctx waits
// for that.
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

// Crash has an actor panic when its turn comes, so that supervision does what it does
// after any bug: a user, a server or a channel starts anew from the journal (a server's
// channels end with it and start when they are asked), persistence starts anew with what
// the store knows, a session ends and its connection with it, and the root, the
// directories, the router and the passwords go on with the tables they have. None of that
// loses what was acknowledged. It is refused for an ID of which no actor lives; what is
// not an actor (a folder of the tree, a worker) cannot be crashed; and for an actor that has
// not gone on since the last time.
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
