package main

import (
	"errors"
	"fmt"
	"time"
)

// row is a kind of work that several contestants do in turns.
type row struct {
	name, about string
	unit        string // of the figure
	base        string // name of the contestant with which the others are compared
	by          string // what the ratio compares: the figure, or CPU time if it is byCPU
	targets     []Target
	turns       int  // most turns; 0: as many as are asked for
	cold        bool // no turn is a warm-up
	enter       func(*lab) ([]contestant, error)
}

// contestant is a server, or a case, that takes turns in a row.
type contestant struct {
	name string
	peer bool     // not ours, or only there for comparison: it need not meet the targets
	of   *subject // the server that all its turns load; nil if there is not just one
	turn func() (Turn, error)
}

const byCPU = "processor time"

// measure lets all contestants take their turns.
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

// entrant makes a contestant. It returns errAbsent if the server is not installed here.
type entrant func(l *lab) (*contestant, error)

var errAbsent = errors.New("it is not here")

// together makes all contestants that are here, and leaves out the others.
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
