package actors

import (
	"testing"
	"time"

	"elemental/persistence"
)

// TestTheEffortForWatchesIsCounted message by message, once for each watch, and no more
// when nobody watches.
func TestTheEffortForWatchesIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		say := func(n int) {
			for range n {
				s.tell(slow, "x")
			}
			time.Sleep(time.Minute)
		}
		expect := func(when string, messages, sights uint64) {
			t.Helper()
			if got := p.Effort(); got != (Effort{Messages: messages, Sights: sights}) {
				t.Errorf("%s: %+v", when, got)
			}
		}
		say(3)
		expect("unwatched", 0, 0)
		a, err := p.Watch(slow.Id)
		b, other := p.Watch(slow.Id)
		if err != nil || other != nil {
			t.Fatal(err, other)
		}
		say(5)
		a.Take()
		b.Take()
		expect("watched by two", 5, 10)
		a.Stop()
		say(2)
		b.Stop()
		expect("watched by one", 7, 12)
		say(4)
		expect("unwatched again", 7, 12)
	})
}

// TestTheEffortForFollowersIsCounted hop by hop, once for all who follow, and not for those
// who see a share of all requests anyway.
func TestTheEffortForFollowersIsCounted(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	follow := func() {
		trace := p.node.followers.choose(1, &Request{})
		at := trace.enter(Hop{Where: "session", Sent: now()})
		trace.writing(at.hop.Span, Done{}).Ended()
		at.leave()
	}
	stop := p.Follow(Filter{Share: 1}, func(Hop) {})
	follow()
	if e := p.Effort(); e != (Effort{}) {
		t.Errorf("for a share: %+v", e)
	}
	defer p.Follow(Filter{Count: 2}, func(Hop) {})()
	defer p.Follow(Filter{Count: 2}, func(Hop) {})()
	follow()
	stop()
	follow()
	if e := p.Effort(); e != (Effort{Hops: 4}) {
		t.Errorf("of two requests: %+v", e)
	}
}

// TestAnEffortsTimeIsMeasured where it is done: it takes some time, and not much.
func TestAnEffortsTimeIsMeasured(t *testing.T) {
	begun := time.Now()
	each := MeasureEffort()
	t.Logf("%+v, measured in %v", each, time.Since(begun))
	for _, took := range []time.Duration{each.Message, each.Sight, each.Hop} {
		if took <= 0 || took > 10*time.Millisecond {
			t.Errorf("%+v", each)
		}
	}
	if took := (EffortTimes{Message: 2, Sight: 3, Hop: 5}).Took(Effort{Messages: 100, Sights: 1000, Hops: 10000}); took != 53200 {
		t.Errorf("added up to %v", took)
	}
}
