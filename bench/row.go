package main

import (
	"errors"
	"fmt"
	"time"
)

// row is one line of work that several contestants do in turn.
type row struct {
	name, about string
	unit        string // of the figure
	base        string // the contestant that the others are held against
	by          string // what their ratio is of: the figure, unless it is byCPU
	targets     []Target
	turns       int  // at most; 0 means as many as are asked for
	cold        bool // there is no turn that warms up
	enter       func(*lab) ([]contestant, error)
}

// contestant is who has a turn in a row.
type contestant struct {
	name string
	peer bool     // not ours, or only there to compare with: no target is for it
	of   *subject // whom all its turns load, when there is one
	turn func() (Turn, error)
}

const byCPU = "processor time"

// measure has all contestants take their turns.
func (r row) measure(l *lab) (Row, error) {
	defer l.clear()
	found := Row{Name: r.name, About: r.about, Unit: r.unit, Base: r.base, By: r.by, Targets: r.targets}
	begun := time.Now()
	l.tell("%s: %s", r.name, r.about)
	all, err := r.enter(l)
	if err != nil {
		return found, err
	}
	l.tell("%s: prepared in %.0f s", r.name, time.Since(begun).Seconds())
	for _, c := range all {
		found.Contestants = append(found.Contestants, Contestant{Name: c.name, Peer: c.peer || c.name == r.base})
	}
	turns := l.options.Turns
	if r.turns > 0 {
		turns = min(turns, r.turns)
	}
	for i := range turns {
		for k, c := range all {
			t, err := c.turn()
			if err != nil {
				return found, fmt.Errorf("%s: %w", c.name, err)
			}
			t.Warmup = i == 0 && turns > 1 && !r.cold
			found.Contestants[k].Turns = append(found.Contestants[k].Turns, t)
			l.tell("%s: turn %d of %d, %s: %s", r.name, i+1, turns, c.name, amount(t.Figure, r.unit))
		}
	}
	return found, nil
}

// entrant gives a contestant, or none when there is no such server here.
type entrant func(l *lab) (*contestant, error)

var errAbsent = errors.New("it is not here")

// together enters all that are here.
func together(entrants ...entrant) func(*lab) ([]contestant, error) {
	return func(l *lab) ([]contestant, error) {
		var all []contestant
		for _, enter := range entrants {
			c, err := enter(l)
			if errors.Is(err, errAbsent) {
				continue
			}
			if err != nil {
				return nil, err
			}
			all = append(all, *c)
		}
		return all, nil
	}
}
