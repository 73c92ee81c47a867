package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"elemental/actors"
)

func TestWindowHoldsTheReader(t *testing.T) {
	cfg := testConfig()
	cfg.Window = 3
	s, l := startStation(t, cfg, nil)
	c := dial(t, l)
	for i := range 10 {
		c.send(fmt.Sprintf(`{"call":"ping","id":%d}`, i))
	}
	f := s.session(t, 0)
	for i := range 10 {
		r := f.request(t, i)
		s.until(t, "the window", func() bool { return len(f.got) >= min(10, i+1) })
		s.mu.Lock()
		if len(f.got) > i+3 {
			t.Errorf("%d requests under way", len(f.got)-i)
		}
		s.mu.Unlock()
		f.out.Answer(r, actors.Done{})
		c.expect(fmt.Sprintf(`{"resp":true,"id":%d}`, i))
	}
}

const largeBegun = `{"call":"ping","more":"xxxxxxxx`

// loginAlone logs in where the test answers; it is the n-th to connect.
func loginAlone(t *testing.T, s *station, l *Listener, n int) (*client, *fakeSession) {
	t.Helper()
	c := dial(t, l)
	c.send(loginCall)
	f := s.session(t, n)
	f.out.Answer(f.request(t, 0), actors.LoggedIn{Key: "k"})
	c.expect(`{"resp":true,"key":"k"}`)
	return c, f
}

// TestTheWindowHasBytes: many requests that are not large may not collect either.
func TestTheWindowHasBytes(t *testing.T) {
	const requests, size = 12, 15 << 10
	s, l := startStation(t, testConfig(), nil)
	sized := largeBegun + strings.Repeat("x", size) + `"}`
	c, f := loginAlone(t, s, l, 0)
	c.send(strings.Repeat(sized, requests))
	f.request(t, windowBytes/len(sized)) // as many as there is room for, besides the login
	other, g := loginAlone(t, s, l, 1)
	for n := 1; n <= requests; n++ { // the others would have come in by then
		other.send(sized)
		g.out.Answer(g.request(t, n), actors.Done{})
		other.expect(yes)
	}
	o := &f.out.(*conn).out
	for n := 1; n <= requests; n++ {
		r := f.request(t, n)
		o.mu.Lock()
		if o.asked > windowBytes || o.asked < size {
			t.Errorf("%d bytes are under way", o.asked)
		}
		o.mu.Unlock()
		f.out.Answer(r, actors.Done{})
		c.expect(yes)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asked != 0 || o.pending != 0 {
		t.Errorf("%d bytes, %d requests are left", o.asked, o.pending)
	}
}

func TestLargeAnswersGoOneAtATime(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c := dial(t, l)
	get := `{"call":"getmessages","servername":"s","channel":"c","begin":0,"end":1}`
	c.send(get + get)
	f := s.session(t, 0)
	big := actors.Messages{List: []actors.Message{{Text: strings.Repeat("x", 8<<20), Author: "a"}}}
	first := f.request(t, 0)
	s.mu.Lock()
	if len(f.got) != 1 {
		t.Error("two large answers under way")
	}
	s.mu.Unlock()
	f.out.Answer(first, big)
	f.out.Push(&actors.Event{Bytes: []byte("{\"call\":\"newmessage\"}\n")}) // has room beside the large answer
	if line := c.line(); len(line) < 8<<20 {
		t.Fatalf("answer of %d bytes", len(line))
	}
	c.expect(`{"call":"newmessage"}`)
	f.out.Answer(f.request(t, 1), actors.Messages{})
	c.expect(`{"resp":true,"messages":[]}`)
}

// TestABrokenLargeRequestGivesItsTurnBack at once: its connection has not ended until the client
// has read everything and closes, or its time to do so is over.
func TestABrokenLargeRequestGivesItsTurnBack(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c, _ := loginAlone(t, s, l, 0)
	c.send(largeBegun + strings.Repeat("x", 20<<10) + "\x00")
	c.expect(malformed)
	large := &l.commons.large
	large.mu.Lock()
	defer large.mu.Unlock()
	if large.under != 0 {
		t.Error("the turn is not given back")
	}
}

// TestALargeRequestWaitsForTheAnswersBefore: the provider admits a request when it begins, so large
// ones may not collect behind one that takes its time.
func TestALargeRequestWaitsForTheAnswersBefore(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	large := largeBegun + strings.Repeat("x", 20<<10) + `"}`
	c, f := loginAlone(t, s, l, 0)
	c.send(`{"call":"ping"}` + large + large)
	before := f.request(t, 1)
	other, g := loginAlone(t, s, l, 1)
	other.send(large) // takes as long to come in
	g.out.Answer(g.request(t, 1), actors.Done{})
	other.expect(yes)
	for n := 1; n <= 3; n++ {
		s.mu.Lock()
		if len(f.got) != n+1 {
			t.Errorf("%d requests are under way", len(f.got)-n)
		}
		s.mu.Unlock()
		f.out.Answer(before, actors.Done{})
		c.expect(yes)
		if n < 3 {
			before = f.request(t, n+1)
		}
	}
}

// TestWhoDoesNotReadHoldsNoLargeTurn: clients that leave their answers unread, each with a large
// request behind them, as many as there are turns, keep nobody else from sending one.
func TestWhoDoesNotReadHoldsNoLargeTurn(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes, cfg.StallTime, cfg.RequestTime = 64<<10, time.Hour, time.Hour
	icon := strings.Repeat("aaaa", 256<<10) // more than the system takes for the client
	_, l := startStation(t, cfg, func(r *actors.Request) any {
		if _, is := r.Command.(actors.ProviderName); is {
			return actors.ProviderInfo{Icon: icon}
		}
		return agreeable(r)
	})
	large := largeBegun + strings.Repeat("x", 20<<10) + `"}`
	deaf := make([]*client, largeAtOnce)
	for i := range deaf {
		deaf[i] = dial(t, l)
		deaf[i].send(loginCall + `{"call":"getprovidername"}` + large)
	}
	stuck := func() (all int) {
		l.each(func(c *conn) {
			if c.begun.Load() == unhurried {
				all++
			}
		})
		return all
	}
	for deadline := time.Now().Add(patienceOfTests); stuck() < largeAtOnce; time.Sleep(time.Millisecond) { // a pace for looking
		if time.Now().After(deadline) {
			t.Fatalf("%d clients wait", stuck())
		}
	}
	other := dial(t, l)
	other.send(loginCall + large)
	other.line()
	other.expect(yes)
	deaf[0].line() // its login
	deaf[0].line() // the icon
	deaf[0].expect(yes)
}
