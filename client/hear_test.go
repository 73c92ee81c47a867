package client

import (
	"strconv"
	"testing"
)

// TestWhatComesEarlyIsBounded: of more messages it is noted how far they go, and of more channels
// only that something is missing.
func TestWhatComesEarlyIsBounded(t *testing.T) {
	e := early{counted: map[string]int{}}
	for i := range int64(3 * maxEarly) {
		e.take(Event{Message: Message{Channel: "a", Index: i}})
	}
	if n := len(e.events); n != maxEarly+1 || e.events[maxEarly].Index != 3*maxEarly-1 || e.missed {
		t.Errorf("%d are kept, the last is %+v, missed: %v", n, e.events[n-1], e.missed)
	}
	for i := range 2 * maxEarly {
		e.take(Event{Message: Message{Channel: strconv.Itoa(i)}})
	}
	if n := len(e.events); n != 2*maxEarly || !e.missed {
		t.Errorf("%d are kept, missed: %v", n, e.missed)
	}
}

// TestWhatCameOnAnotherConnectionIsNotLetIn: the subscription may have missed something there, and
// what it heard may be of a channel that is gone.
func TestWhatCameOnAnotherConnectionIsNotLetIn(t *testing.T) {
	now, before := &Conn{}, &Conn{}
	s := &Subscription{attached: now, early: early{conn: before, missed: true}}
	if s.letIn(now); s.attached != now || s.early.conn != nil {
		t.Errorf("attached %v, early %+v", s.attached == now, s.early)
	}
}
