package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/go-json-experiment/json"
)

// inspection is the inspector's message to an actor. It goes through the mailbox as all
// do, and the guard before the actor takes it: it is no use that keeps an actor in
// memory, and it is answered in whatever state the actor is.
type inspection struct {
	crash bool
	shown chan shown // has room for one
}

type shown struct {
	state any // what the actor does not touch any more
	err   error
}

func (m *inspection) refuse(err error) {
	select {
	case m.shown <- shown{err: err}:
	default:
	}
}

// ErrCrashing says that the actor has not gone on yet since it was to crash.
var ErrCrashing = errors.New("it has not gone on since the last crash")

// crashReason is what the log tells of an actor that Crash has struck.
const crashReason = "crashed by the fault lab"

// inspected does what the inspector wants.
func (g *guard) inspected(ctx actor.Context, m *inspection) {
	if !m.crash {
		m.shown <- g.show()
		return
	}
	if s, is := g.inner.(*session); is && s.out == nil {
		ctx.Send(ctx.Self(), m) // its first message is on its way; without it nobody would close the connection
		return
	}
	panic(crashReason)
}

// show asks the actor for its state. What is wrong with that must not crash the actor.
func (g *guard) show() (s shown) {
	defer func() {
		if reason := recover(); reason != nil {
			s = shown{err: fmt.Errorf("the view of a %s panicked: %s", g.kind, PlainReason(reason))}
		}
	}()
	switch v := g.inner.(type) {
	case interface{ view() any }:
		return shown{state: v.view()}
	case interface{ View() any }: // of another package
		return shown{state: v.View()}
	}
	return shown{err: errors.New("it has nothing to show")}
}

// ask puts an inspection into an actor's mailbox, unless it would come too late to be
// refused there. Whether it does is known before the actor can end of it.
func (e *entry) ask(m *inspection) error {
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
func (p *Provider) View(ctx context.Context, id string) ([]byte, error) {
	e := p.node.roll.find(id)
	if e == nil {
		return nil, ErrNoActor
	}
	m := &inspection{shown: make(chan shown, 1)}
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
func (p *Provider) Crash(id string) error {
	e := p.node.roll.find(id)
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
	return e.ask(&inspection{crash: true, shown: make(chan shown, 1)})
}

// few is a list of which the beginning is shown.
type few[T any] struct {
	Count int `json:"count"`
	First []T `json:"first"`
}

// shownMost is how many of a list are shown.
const shownMost = 50

// fewOf shows the beginning of a list.
func fewOf[T, V any](list []T, show func(T) V) few[V] {
	f := few[V]{Count: len(list), First: make([]V, 0, min(len(list), shownMost))}
	for _, each := range list[:min(len(list), shownMost)] {
		f.First = append(f.First, show(each))
	}
	return f
}

// someOf shows the first entries of a table, in order: each time the same. It keeps no
// more keys than it shows.
func someOf[K cmp.Ordered, V, S any](table map[K]V, show func(K, V) S) few[S] {
	keys := make([]K, 0, min(len(table), shownMost))
	for key := range table {
		switch n := len(keys); {
		case n < shownMost:
		case cmp.Less(key, keys[n-1]):
			keys = keys[:n-1]
		default:
			continue
		}
		at, _ := slices.BinarySearch(keys, key)
		keys = slices.Insert(keys, at, key)
	}
	f := few[S]{Count: len(table), First: make([]S, 0, len(keys))}
	for _, key := range keys {
		f.First = append(f.First, show(key, table[key]))
	}
	return f
}

// millis is a time for people's eyes.
func millis(d time.Duration) int64 { return d.Milliseconds() }
