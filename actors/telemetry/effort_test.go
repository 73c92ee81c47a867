package telemetry

import (
	"testing"
	"time"
)

// TestTheEffortForFollowersIsCounted hop by hop, once for all who follow, and not for those
// who see a share of all requests anyway.
func TestTheEffortForFollowersIsCounted(t *testing.T) {
	r, p := recording(t)
	follow := func() {
		trace := r.followers.choose(1, "")
		at := trace.enter(Hop{Where: "session", Sent: Now()})
		trace.writing(at.hop.Span, &nothing{}, "").Ended()
		at.Leave()
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
