package transport

import (
	"net"
	"strings"
	"testing"

	"elemental/actors"
)

// crashes runs something that has to panic, as the session's actor would.
func crashes(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

// TestAFaultInTheOutboxEndsOneConnection breaks the encoding under the outbox's
// mutex. The session then closes the connection, which needs it.
func TestAFaultInTheOutboxEndsOneConnection(t *testing.T) {
	for name, fault := range map[string]func(*conn){
		"answer": func(c *conn) { c.Answer(nil, actors.LoggedIn{}) },
		"push":   func(c *conn) { c.Push(&actors.Event{Bytes: []byte(strings.Repeat("x", 1<<10))}) }, // too much, and no words for it
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.OutboxBytes = 100
			s, l := startStation(t, cfg, nil)
			c := dial(t, l)
			out := s.session(t, 0).out.(*conn)
			l.codec = nil
			crashes(t, func() { fault(out) })
			out.Close()
			c.expectEnd()
		})
	}
}

// brokenPipe is a socket whose writing panics.
type brokenPipe struct{ net.Conn }

func (brokenPipe) Write([]byte) (int, error) { panic("injected") }

// TestAFaultInAWriterEndsOneConnection lets a goroutine crash that writes for
// everybody.
func TestAFaultInAWriterEndsOneConnection(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	other := dial(t, l)
	g := s.session(t, 0)
	ours, theirs := net.Pipe()
	client := newClient(t, theirs)
	l.start(brokenPipe{ours})
	f := s.session(t, 1)
	f.out.Push(&actors.Event{Bytes: []byte("x")})
	client.expectEnd()
	s.until(t, "the session's end", func() bool { return f.closed })
	other.send(`{"call":"ping"}`)
	g.out.Answer(g.request(t, 0), actors.Done{})
	other.expect(yes)
}
