package inspector

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"elemental/actors/telemetry"
	"elemental/transport/housetest"
)

// The cost of counted steps is told as their number times what one takes, beside the
// measured cost. Both are in the total.
func TestTheCostHasTwoParts(t *testing.T) {
	s := &Server{provider: housetest.New(t, housetest.Settings{Inspect: true}).Provider}
	s.hub = newHub(s)
	s.cost.once.Do(func() { s.cost.hear = time.Millisecond })
	f := s.following(telemetry.Filter{Count: 1})
	if s.counted() != 0 {
		t.Errorf("%v before anything", s.counted())
	}
	for range 2 * hopQueue { // a lost hop was heard too
		f.hear(telemetry.Hop{Where: "session"})
	}
	if s.counted() != 2*hopQueue*time.Millisecond {
		t.Errorf("%v", s.counted())
	}
	var at costAt
	at.look(3*time.Second, time.Minute)
	at.at = time.Now().Add(-10 * time.Second)
	at.look(4*time.Second, time.Minute+2*time.Second)
	if m, c := at.measuredShare, at.countedShare; m > 0.1 || m < 0.05 || c > 0.2 || c < 2*m-1e-9 || c > 2*m+1e-9 {
		t.Errorf("in 10 s: %v measured, %v counted", m, c)
	}
	s.hub.costs.at = time.Now().Add(-time.Second - costEvery)
	if now := s.hub.cost(); now.Counted <= 0 || now.CPU != now.Measured+now.Counted {
		t.Errorf("%+v", now)
	}
}

// lazyPage is a page that takes its time to read.
type lazyPage struct {
	*httptest.ResponseRecorder
	takes time.Duration
}

func (p lazyPage) SetWriteDeadline(time.Time) error { return nil }

func (p lazyPage) Write(event []byte) (int, error) {
	time.Sleep(p.takes)
	return p.ResponseRecorder.Write(event)
}

// Writing an event counts as work, waiting for a slow client does not.
func TestWritesAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for takes, counts := range map[time.Duration]time.Duration{50 * time.Microsecond: 50 * time.Microsecond, time.Hour: longestWrite} {
			var c cost
			out := newStreamWriter(lazyPage{httptest.NewRecorder(), takes}, slowClient, &c)
			if !out.write([]byte("x")) {
				t.Error("not written")
			}
			if got := time.Duration(c.busy.Load()); got != counts {
				t.Errorf("a write of %v counts for %v", takes, got)
			}
		}
	})
}
