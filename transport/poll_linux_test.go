package transport

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"elemental/actors"
	"elemental/protocol"
)

// TestWhatThePollerIsToldOnlyOnce comes in while the poller is busy, so the system tells of all of it
// at once: the poller reads on without being told again.
func TestWhatThePollerIsToldOnlyOnce(t *testing.T) {
	const ping = `{"call":"ping"}`
	t.Run("more than it reads at a time", func(t *testing.T) {
		behindABusyPoller(t, func(c *client) { c.send(strings.Repeat(" ", protocol.ResumeBytes) + ping) }).expect(yes)
	})
	t.Run("a request and the end", func(t *testing.T) {
		c := behindABusyPoller(t, func(c *client) {
			c.send(ping)
			c.closeWrite()
		})
		c.expect(yes)
		c.expectEnd()
	})
}

// behindABusyPoller has a client do something while the poller, which reads it, does not look.
func behindABusyPoller(t *testing.T, do func(*client)) *client {
	at, goOn := make(chan struct{}), make(chan struct{})
	cfg := testConfig()
	cfg.Processors = 1
	s, l := startStation(t, cfg, func(r *actors.Request) any {
		if _, is := r.Command.(actors.ProviderName); is {
			at <- struct{}{}
			<-goOn
		}
		return agreeable(r)
	})
	clients := [2]*client{}
	for i := range clients {
		clients[i] = dial(t, l)
		clients[i].send(`{"call":"ping"}`)
		clients[i].expect(yes)
		c := s.session(t, i).out.(*conn)
		for start := time.Now(); c.ready.state.Load() != idle; time.Sleep(time.Millisecond) { // a pace for looking
			if time.Since(start) > patienceOfTests {
				t.Fatal("no poller reads it")
			}
		}
	}
	clients[0].send(`{"call":"getprovidername"}`)
	<-at
	do(clients[1])
	close(goOn)
	return clients[1]
}

// TestAnEventIsForNobodyElse: a connection ends and another gets its slot, between the system's
// word of the first and the poller's look at it. The other one is not taken for ended: the poller
// would read it again and again for as long as it lives.
func TestAnEventIsForNobodyElse(t *testing.T) {
	p := newPoller()
	if p == nil {
		t.Skip("no poller")
	}
	defer p.set.release()
	old, hisPeer := polledPair(t)
	if !p.set.add(old) || !p.set.wait(true) || !p.round() {
		t.Fatal("room to write is not told first")
	}
	if err := hisPeer.Close(); err != nil {
		t.Fatal(err)
	}
	if !p.set.wait(true) {
		t.Fatal("the set is closed")
	}
	p.set.remove(old)
	other, _ := polledPair(t)
	if !p.set.add(other) || other.ready.slot != old.ready.slot {
		t.Fatal("the slot is not used again")
	}
	other.ready.state.Store(idle)
	p.round()
	if other.ready.over || len(p.again) > 0 {
		t.Errorf("taken for ended: %v; to be read again: %d", other.ready.over, len(p.again))
	}
	if !p.set.wait(true) || !p.set.each(func(c *conn, _, out, over bool) {
		if c != other || !out || over {
			t.Errorf("an event of its own: out %v, over %v", out, over)
		}
	}) {
		t.Error("it hears nothing of its own")
	}
}

// polledPair is a connection as a poller has it, held by nobody's goroutine, and its client.
func polledPair(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{}
	socket, err := newPolled(plain.(*net.TCPConn), &c.ready)
	if err != nil {
		t.Fatal(err)
	}
	c.socket, c.ready.raw = socket, socket.raw
	t.Cleanup(func() {
		for _, each := range []io.Closer{l, plain, peer, socket} {
			_ = each.Close() // perhaps again
		}
	})
	return c, peer
}
