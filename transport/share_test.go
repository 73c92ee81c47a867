package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"elemental/actors"
)

// TestUnreadOfAllIsBounded pushes to several clients that do not read. Each is
// within its own bound, but together they have too much: who has more than an
// equal share is cut off, and one that reads goes on.
func TestUnreadOfAllIsBounded(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes, cfg.UnreadBytes, cfg.StallTime = 64<<20, 1<<20, time.Hour
	s, l := startStation(t, cfg, nil)
	const deaf = 4
	for range deaf {
		dial(t, l)
	}
	s.session(t, deaf-1)
	reader := dial(t, l)
	good := s.session(t, deaf)
	event := []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")
	for l.Stats().SlowReaders == 0 {
		for i := range deaf {
			s.session(t, i).out.Push(event)
		}
		good.out.Push(event)
		reader.line()
		if now := l.commons.unread.Load(); now > 2<<20 {
			t.Fatalf("%d bytes wait", now)
		}
	}
	reader.send(`{"call":"ping"}`)
	good.out.Answer(good.request(t, 0), actors.Done{})
	reader.expect(yes)
}

// TestUnreadIsCountedDown wants nothing left of the count when all have gone.
func TestUnreadIsCountedDown(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes = 256 << 10
	s, l := startStation(t, cfg, nil)
	for i := range 3 {
		c := dial(t, l)
		f := s.session(t, i)
		event := []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")
		for l.Stats().SlowReaders == int64(i) {
			f.out.Push(event)
		}
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); l.Stats().Open > 0 || l.commons.unread.Load() != 0; time.Sleep(time.Millisecond) { // a pace for looking
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of %d connections are still counted", l.commons.unread.Load(), l.Stats().Open)
		}
	}
}

// hangUp ends all connections from the sessions' side, whatever is unanswered.
func (s *station) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.sessions {
		f.out.Close()
	}
}

// TestPipeliningIsShared lets several clients send all they can without an
// answer: together they have a bounded number under way, each its share, and one
// that asks for one thing at a time is not held up.
func TestPipeliningIsShared(t *testing.T) {
	cfg := testConfig()
	cfg.Window, cfg.Together = 64, 64
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	first := dial(t, l)
	first.send(strings.Repeat(`{"call":"ping"}`, 100))
	one := s.session(t, 0)
	one.request(t, 63) // alone it has the whole window
	const others = 7
	for range others {
		dial(t, l).send(strings.Repeat(`{"call":"ping"}`, 100))
	}
	for i := range others {
		s.session(t, 1+i).request(t, 3)
	}
	polite := dial(t, l)
	s.session(t, 1+others)
	polite.send(`{"call":"ping"}`)
	f := s.session(t, 1+others)
	f.out.Answer(f.request(t, 0), actors.Done{})
	polite.expect(yes)
	for i := range 50 { // its answers bring the first down to its share
		one.out.Answer(one.request(t, i), actors.Done{})
		first.expect(yes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(one.got) - 50; n > 64/8+6 {
		t.Errorf("the first still has %d under way", n)
	}
	for i := range others {
		if n := len(s.sessions[1+i].got); n > 64 {
			t.Errorf("%d has %d under way", i, n)
		}
	}
	if n := l.commons.pipelining.Load(); n != others+1 {
		t.Errorf("%d are counted", n)
	}
}

// TestLargeAnswersTakeTurns asks for more large answers than are made at a time.
// The others wait, also behind one whose client has gone, and then all come.
func TestLargeAnswersTakeTurns(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	t.Cleanup(s.hangUp)
	clients := make([]*client, heavyAtOnce+3)
	for i := range clients {
		clients[i] = dial(t, l)
		s.session(t, i)
		clients[i].send(`{"call":"getjoinedservers"}`)
	}
	asked := func() (n int) {
		for _, f := range s.sessions {
			n += len(f.got)
		}
		return n
	}
	s.until(t, "those whose turn it is", func() bool { return asked() == heavyAtOnce })
	if err := clients[0].conn.Close(); err != nil { // it may have had its turn, or not yet
		t.Fatal(err)
	}
	answered := map[int]bool{0: true}
	for range len(clients) - 1 {
		next := -1
		s.until(t, "another's turn", func() bool {
			for i, f := range s.sessions {
				if !answered[i] && len(f.got) > 0 {
					next = i
				}
			}
			return next >= 0
		})
		answered[next] = true
		s.sessions[next].out.Answer(s.sessions[next].request(t, 0), actors.Servers{Names: []string{fmt.Sprint(next)}})
		clients[next].expect(fmt.Sprintf(`{"resp":true,"servers":["%d"]}`, next))
	}
}
