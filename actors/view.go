package actors

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// This file is what the views of all actors have in common. Each actor's file ends with its
// own view.

// crashReason is the reason in the log when Crash has made an actor panic.
const crashReason = "crashed by the fault lab"

// inspected handles a message of the inspector: show the state, or crash.
func (g *guard) inspected(ctx actor.Context, m *telemetry.Inspection) {
	if !m.Crash {
		m.Show(g.show())
		return
	}
	if s, is := g.inner.(*session); is && s.out == nil {
		ctx.Send(ctx.Self(), m) // its first message is on its way; without it nobody would close the connection
		return
	}
	panic(crashReason)
}

// show asks the actor for its state. A panic in that must not crash the actor.
func (g *guard) show() (state any, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			state, err = nil, fmt.Errorf("the view of a %s panicked: %s", g.kind, PlainReason(reason))
		}
	}()
	switch v := g.inner.(type) {
	case interface{ view() any }:
		return v.view(), nil
	case interface{ View() any }: // an actor of another package
		return v.View(), nil
	}
	return nil, errors.New("it has nothing to show")
}

// few is a list of which only the beginning is shown.
type few[T any] struct {
	Count int `json:"count"`
	First []T `json:"first"`
}

// shownMost is how many entries of a list are shown at most.
const shownMost = 50

// fewOf shows the beginning of a list.
func fewOf[T, V any](list []T, show func(T) V) few[V] {
	f := few[V]{Count: len(list), First: make([]V, 0, min(len(list), shownMost))}
	for _, each := range list[:min(len(list), shownMost)] {
		f.First = append(f.First, show(each))
	}
	return f
}

// someOf shows the first entries of a table, in the order of their keys, so that they are the
// same each time. It never keeps more keys than it shows.
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
