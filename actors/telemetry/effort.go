package telemetry

import (
	"slices"
	"time"
)

// This file is what it costs the actors to be looked at. How often they do something for
// it is counted, and only while somebody looks; what one of it takes is measured once, by
// doing it where nobody waits.

// Effort is how often actors did something for those who look, since the start.
type Effort struct {
	Messages uint64 // handled by actors that are watched
	Sights   uint64 // those messages, for each who watches
	Hops     uint64 // of requests that somebody follows by their number, not by a share of all
}

// Effort may be called at any time. What was observed counts once it is taken.
func (l Look) Effort() Effort {
	e := Effort{Hops: l.of.followers.hops.Load()}
	if r := l.of.roll; r != nil {
		e.Messages, e.Sights = r.messages.Load(), r.sights.Load()
	}
	return e
}

// EffortTimes is about what one of each takes.
type EffortTimes struct{ Message, Sight, Hop time.Duration }

// Took is about the time of an effort.
func (t EffortTimes) Took(e Effort) time.Duration {
	return time.Duration(e.Messages)*t.Message + time.Duration(e.Sights)*t.Sight + time.Duration(e.Hops)*t.Hop //nolint:gosec // small
}

// How much is done to measure it: enough that more than the nearest memory is used.
const (
	effortRuns     = 7
	effortActors   = 16
	effortMessages = 100 // for each of them
	effortWatches  = 8   // of each
	effortRequests = 50
	effortHops     = 16 // of each
)

// MeasureEffort does what actors do when they are looked at, with nothing else in it, for
// some milliseconds. It is the usual one of a few runs: another may have been disturbed.
func MeasureEffort() EffortTimes {
	usual := func(run func() time.Duration) time.Duration {
		var took []time.Duration
		for range effortRuns {
			took = append(took, run())
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	none := usual(func() time.Duration { return watchedMessage(0) })
	one := usual(func() time.Duration { return watchedMessage(1) })
	many := usual(func() time.Duration { return watchedMessage(effortWatches) })
	sight := max((many-one)/(effortWatches-1), 1)
	return EffortTimes{Message: max(one-none-sight, 1), Sight: sight, Hop: max(usual(followedHop), 1)}
}

// watchedMessage is what a message costs the entry of its actor when it comes, is taken and handled.
func watchedMessage(watches int) time.Duration {
	var all [effortActors]entry
	for i := range all {
		e := &all[i]
		for range watches {
			if e.observed == nil {
				e.observed = &observation{epoch: time.Now()}
			}
			e.observed.watches = append(e.observed.watches, &Watch{entry: e, of: e.observed, seen: newSights()})
		}
	}
	var msg any = &nothing{}
	round := func() {
		for i := range all {
			all[i].Came(false)
			if sight := all[i].Took(false); sight != nil {
				sight.Handled(msg)
			}
		}
	}
	round() // the first one makes what the others use
	begun := time.Now()
	for range effortMessages {
		round()
	}
	return time.Since(begun) / (effortMessages * effortActors)
}

// nothing is a message.
type nothing struct{}

// followedHop is the time of a hop: its share of a request's beginning and end too.
func followedHop() time.Duration {
	var fs followers
	who := &follower{Filter: Filter{Count: effortRequests}, hop: func(Hop) {}}
	who.left.Store(effortRequests)
	fs.change(func([]*follower) []*follower { return []*follower{who} })
	var msg any = &nothing{}
	begun := time.Now()
	for range effortRequests {
		t := fs.choose(1, "")
		at := t.root
		for range effortHops - 1 {
			env := envelope(t.id, at, msg)
			s := fs.received(KindSession, env.Header, "conn/1", env.Message)
			at = s.hop.Span
			s.Leave()
		}
		t.writing(at, msg, "").Ended()
	}
	return time.Since(begun) / (effortRequests * effortHops)
}
