package telemetry

import (
	"slices"
	"time"
)

// This file estimates what observation costs the actors. How often they do something for it is
// counted, and only while somebody observes. How long one such thing takes is measured once, by
// doing it outside the actors.

// Effort is how often actors did something for observers, since the start.
type Effort struct {
	Messages uint64 // messages handled by watched actors
	Sights   uint64 // the same, counted once for each watch
	Hops     uint64 // hops of requests that are followed by count, not as a share of all
}

// Effort returns what was counted so far. Messages of a watched actor count at the next Take.
func (l Look) Effort() Effort {
	e := Effort{Hops: l.of.followers.hops.Load()}
	if r := l.of.roll; r != nil {
		e.Messages, e.Sights = r.messages.Load(), r.sights.Load()
	}
	return e
}

// EffortTimes is roughly how long one of each takes.
type EffortTimes struct{ Message, Sight, Hop time.Duration }

// Took is roughly the time that an effort took.
func (t EffortTimes) Took(e Effort) time.Duration {
	return time.Duration(e.Messages)*t.Message + time.Duration(e.Sights)*t.Sight + time.Duration(e.Hops)*t.Hop //nolint:gosec // small
}

// How much is done to measure it: enough to use more memory than the nearest cache holds.
const (
	effortRuns     = 7
	effortActors   = 16
	effortMessages = 100 // for each of them
	effortWatches  = 8   // of each
	effortRequests = 50
	effortHops     = 16 // of each
)

// MeasureEffort does, for some milliseconds, just what actors do for observers. It returns the
// median of a few runs, since some of them may be disturbed.
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

// watchedMessage measures what one message costs its actor's entry: it comes, is taken, and is
// handled.
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

// nothing is a message for the measurement.
type nothing struct{}

// followedHop measures the time of one hop, including its share of the beginning and the end of
// the request.
func followedHop() time.Duration {
	var fs followers
	who, hop := &follower{Filter: Filter{Count: effortRequests}}, func(Hop) {}
	who.hop.Store(&hop)
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
