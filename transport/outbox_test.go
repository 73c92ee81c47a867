package transport

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"elemental/actors"
)

// TestUnreadTakesLittleMoreThanItsBytes has a client that reads nothing for a while. What
// waits for it is counted in bytes, and bounded so: it must not take much more in memory.
func TestUnreadTakesLittleMoreThanItsBytes(t *testing.T) {
	const n = 40
	image := strings.Repeat("i", worthShare+100)
	for name, tell := range map[string]func(c *conn, i int, req *actors.Request) (said []string){
		"middling answers after large ones": func(c *conn, _ int, req *actors.Request) []string {
			buffers.Put(&buffer{b: make([]byte, 0, 60<<10)})
			c.Answer(req, actors.Image{Image: image})
			return []string{`{"resp":true,"img":"` + image + `"}`}
		},
		"an answer and a push in turn": func(c *conn, i int, req *actors.Request) []string {
			event := fmt.Sprintf(`{"call":"newmessage","index":%d}`, i)
			c.Push(&actors.Event{Bytes: []byte(event + "\n")})
			c.Answer(req, actors.Done{})
			return []string{event, yes}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := startStation(t, testConfig(), nil)
			client := dial(t, l)
			client.send(strings.Repeat(`{"call":"ping"}`, n+1))
			f := s.session(t, 0)
			c := f.out.(*conn)
			c.Answer(f.request(t, 0), actors.Done{})
			client.expect(yes)
			read := c.stall()
			var want []string
			for i := range n {
				want = append(want, tell(c, i, f.request(t, i+1))...)
			}
			if held, unread := c.heldMemory(); held > 2*unread+1<<10 {
				t.Errorf("%d bytes hold %d bytes of memory", unread, held)
			}
			read()
			for _, line := range want {
				client.expect(line)
			}
		})
	}
}

// TestAReaderGoesOnWhenThereIsRoom though pushes keep coming, so that all is never written.
func TestAReaderGoesOnWhenThereIsRoom(t *testing.T) { synctest.Test(t, readerGoesOn) }

func readerGoesOn(t *testing.T) {
	l := &Listener{cfg: testConfig()}
	l.commons = l.newCommons()
	c := &conn{shared: l}
	c.out.changed.L = &c.out.mu
	c.out.marked, c.out.writing = true, true
	c.put(&buffer{b: make([]byte, l.cfg.OutboxBytes+1)}) // an answer
	begun := false
	go func() {
		begun = c.admit(l.weightOf(actors.Ping{}), 0)
	}()
	c.out.slack = l.cfg.OutboxBytes
	for _, room := range []bool{false, true} {
		c.takeDue()
		synctest.Wait()
		if begun != room {
			t.Errorf("begun %t, there is room %t", begun, room)
		}
		c.Push(&actors.Event{Bytes: []byte("a push\n")})
	}
	c.giveBack()
}

// stall has nothing written until read is called, as if the client did not read.
func (c *conn) stall() (read func()) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for c.out.writing {
		c.out.changed.Wait()
	}
	c.out.writing = true
	return func() {
		c.out.mu.Lock()
		c.out.writing = false
		how := c.begin(answered)
		c.out.mu.Unlock()
		c.hand(how)
	}
}

// heldMemory is what the pieces that are due take, and how many bytes are in them.
func (c *conn) heldMemory() (held, unread int) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	const header, pointer = 64, 8
	for b := c.out.due; b != nil; b = b.next {
		held += header + pointer*cap(b.events)
		if !b.shared {
			held += cap(b.b)
		}
	}
	return held, c.unread()
}

// TestPushesWaitForTheAnswerToASubscribe however many they are. Where another subscribe waits
// for that one, they do not wait for it.
func TestPushesWaitForTheAnswerToASubscribe(t *testing.T) {
	const n = 1000
	s, l := startStation(t, testConfig(), nil)
	client := dial(t, l)
	client.send(strings.Repeat(`{"call":"subscribe","servername":"s","channel":"c"}`, 2))
	f := s.session(t, 0)
	for i := range 2 {
		req := f.request(t, i)
		f.out.Hold()
		for event := range n {
			f.out.Push(&actors.Event{Bytes: fmt.Appendf(nil, "event %d.%d\n", i, event)})
		}
		f.out.Answer(req, actors.Subscribed{Amount: int64(i), HasChannel: true})
	}
	for i := range 2 {
		client.expect(fmt.Sprintf(`{"resp":true,"amount":%d}`, i))
		for event := range n {
			client.expect(fmt.Sprintf("event %d.%d", i, event))
		}
	}
}

// TestPushesDoNotWaitForALaterSubscribe: what is pushed before a logout comes before the logout's
// answer, even if the client has sent a subscribe behind it. What is pushed while the router does
// not know of a subscription comes before the answer to that subscribe.
func TestPushesDoNotWaitForALaterSubscribe(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	client := dial(t, l)
	client.send(`{"call":"logout"}{"call":"ping"}{"call":"subscribe","servername":"s"}{"call":"ping"}`)
	f := s.session(t, 0)
	logout, ping := f.request(t, 0), f.request(t, 1)
	f.out.Push(&actors.Event{Bytes: []byte("of the former user\n")})
	f.out.Answer(logout, actors.Done{})
	f.out.Answer(ping, actors.Done{})
	client.expect("of the former user")
	client.expect(`{"resp":true}`)
	client.expect(`{"resp":true}`)
	subscribe := f.request(t, 2)
	f.request(t, 3) // what is behind a subscribe does not wait in the connection
	f.out.Push(&actors.Event{Bytes: []byte("of an earlier subscription\n")})
	f.out.Hold()
	f.out.Push(&actors.Event{Bytes: []byte("of the subscription\n")})
	f.out.Answer(subscribe, actors.Subscribed{})
	client.expect("of an earlier subscription")
	client.expect(`{"resp":true}`)
	client.expect("of the subscription")
}

// TestPushesThatWaitAreBounded ends the connection where they are more than an outbox may hold.
func TestPushesThatWaitAreBounded(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes = 10 << 10
	s, l := startStation(t, cfg, nil)
	client := dial(t, l)
	client.send(`{"call":"subscribe","servername":"s","channel":"c"}`)
	f := s.session(t, 0)
	f.request(t, 0)
	f.out.Hold()
	event := &actors.Event{Bytes: []byte(strings.Repeat("e", 99) + "\n")}
	for range cfg.OutboxBytes/len(event.Bytes) + 1 {
		f.out.Push(event)
	}
	if line := client.line(); !strings.Contains(line, "disconnected") {
		t.Errorf("told %s", line)
	}
	client.expectEnd()
}

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
