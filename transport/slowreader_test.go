package transport

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"elemental/actors"
)

func TestSlowReaderIsCutOff(t *testing.T) {
	cfg := testConfig()
	cfg.StallTime, cfg.OutboxBytes = 200*time.Millisecond, 64<<10
	s, l := startStation(t, cfg, nil)
	slow, other := dial(t, l), dial(t, l)
	slow.send(`{"call":"ping"}`)
	other.send(`{"call":"ping"}`)
	var f, g *fakeSession
	if f, g = s.session(t, 0), s.session(t, 1); f.out.(*conn).socket.RemoteAddr().String() != slow.conn.LocalAddr().String() {
		f, g = g, f
	}
	event := &actors.Event{Bytes: []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")}
	for l.Counters().SlowReaders == 0 {
		f.out.Push(event) // as much as the sockets take, and then the bound
	}
	s.until(t, "the slow session's end", func() bool { return f.closed })
	g.out.Answer(g.request(t, 0), actors.Done{})
	other.expect(yes)
}

// TestSlowReaderIsCountedOnce lets the time for writing run out after a client was told that it
// reads too slowly.
func TestSlowReaderIsCountedOnce(t *testing.T) {
	cfg := testConfig()
	cfg.StallTime, cfg.OutboxBytes = time.Hour, 64<<10
	s, l := startStation(t, cfg, nil)
	dial(t, l)
	f := s.session(t, 0)
	event := &actors.Event{Bytes: []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")}
	for l.Counters().SlowReaders == 0 {
		f.out.Push(event)
	}
	c := f.out.(*conn)
	c.out.wrote.Store(l.now.Load() - 2*int64(cfg.StallTime))
	l.check(c)
	if n := l.Counters().SlowReaders; n != 1 {
		t.Errorf("it was counted %d times", n)
	}
}

func TestSlowReaderIsToldIfItReadsAfterAll(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes = 64 << 10
	s, l := startStation(t, cfg, nil)
	c := dial(t, l)
	f := s.session(t, 0)
	event := &actors.Event{Bytes: []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")}
	for l.Counters().SlowReaders == 0 {
		f.out.Push(event)
	}
	last := ""
	for !strings.Contains(last, "disconnected") {
		last = c.line()
	}
	if last != `{"call":"disconnected","reason":"reading too slowly","code":"slow_reader"}` {
		t.Error(last)
	}
	c.expectEnd()
}

func TestStalledReaderOfItsOwnAnswers(t *testing.T) {
	cfg := testConfig()
	cfg.StallTime = 200 * time.Millisecond
	s, l := startStation(t, cfg, nil)
	c := dial(t, l)
	c.send(`{"call":"getmessages","servername":"s","channel":"c","begin":0,"end":1}`)
	f := s.session(t, 0)
	f.out.Answer(f.request(t, 0), actors.Messages{List: []actors.Message{{Text: strings.Repeat("x", 24<<20)}}})
	s.until(t, "the session's end", func() bool { return f.closed })
}

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
	event := &actors.Event{Bytes: []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")}
	for l.Counters().SlowReaders == 0 {
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

// TestWhoHasMuchUnreadStaysWhileThereIsRoom: more than a client's share matters only when there is too
// much of all.
func TestWhoHasMuchUnreadStaysWhileThereIsRoom(t *testing.T) {
	s := &commons{unreadMost: 1000}
	s.connections.Store(100)
	for _, tt := range []struct {
		all  int64
		own  int
		much bool
	}{{1000, 1000, false}, {1001, 11, true}, {1001, 10, false}} {
		s.unread.Store(tt.all)
		if s.crowded(tt.own) != tt.much {
			t.Errorf("%d bytes of %d are too much: %v", tt.own, tt.all, !tt.much)
		}
	}
}

// TestUnreadIsCountedDown wants nothing left of the count when all have gone.
func TestUnreadIsCountedDown(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes = 256 << 10
	s, l := startStation(t, cfg, nil)
	for i := range 3 {
		c := dial(t, l)
		f := s.session(t, i)
		event := &actors.Event{Bytes: []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")}
		for l.Counters().SlowReaders == int64(i) {
			f.out.Push(event)
		}
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patienceOfTests); l.Counters().Open > 0 || l.commons.unread.Load() != 0; time.Sleep(time.Millisecond) { // a pace for looking
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of %d connections are still counted", l.commons.unread.Load(), l.Counters().Open)
		}
	}
}

// TestWhoReadsSlowlyIsNoticed: where too much is unread, a client with more than its share of it
// may read a little at a time, but not for as long as it likes. When it has read all, it has as
// much time for the next.
func TestWhoReadsSlowlyIsNoticed(t *testing.T) {
	t.Run("polled", func(t *testing.T) {
		l, c := newCrowd()
		read := func(n int) {
			c.stuck()
			c.sent(n)
		}
		for range 2 {
			c.backlog()
			c.out.left, c.out.from = c.takeDue(), 0
			judgeSlowReader(t, l, c, read)
			c.takeDue()
		}
	})
	t.Run("with a goroutine that writes", func(t *testing.T) { synctest.Test(t, slowReaderOfAWriter) })
}

func slowReaderOfAWriter(t *testing.T) {
	l, c := newCrowd()
	ours, theirs := net.Pipe()
	c.socket = ours
	read := func(n int) {
		if _, err := io.CopyN(io.Discard, theirs, int64(n)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	}
	for range 2 {
		c.backlog()
		go c.flush()
		synctest.Wait()
		judgeSlowReader(t, l, c, read)
	}
}

// newCrowd is a connection that is alone, and may have very little unread.
func newCrowd() (*Listener, *conn) {
	l := &Listener{cfg: testConfig()}
	l.cfg.UnreadBytes = 1
	l.commons = l.newCommons()
	l.commons.connections.Store(1)
	l.now.Store(1)
	c := &conn{shared: l}
	c.out.changed.L = &c.out.mu
	c.out.marked = true
	return l, c
}

const slowPieces = 10

// backlog has much written to a connection.
func (c *conn) backlog() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.put(&buffer{b: make([]byte, 2*slowPieces*piece)})
	c.begin(answered)
}

// judgeSlowReader reads a half in all the time that a slow reader has, and then the rest.
func judgeSlowReader(t *testing.T, l *Listener, c *conn, read func(n int)) {
	for range slowPieces {
		read(piece)
		l.now.Add(int64(tooSlow / slowPieces))
		if l.hogs(c) {
			t.Error("one that reads is taken for one that does not")
		}
	}
	l.now.Add(1)
	if !l.hogs(c) {
		t.Error("one that reads too slowly is not noticed")
	}
	read(slowPieces * piece)
}

// TestWhoHasHalfClosedMayTakeItsTime: it gets all of a large answer if it goes on reading, and the
// answer after it. Only then its time to close is over.
func TestWhoHasHalfClosedMayTakeItsTime(t *testing.T) { synctest.Test(t, halfClosedReader) }

func halfClosedReader(t *testing.T) {
	l, c := newCrowd()
	l.commons.unreadMost = 1 << 30
	ours, theirs := net.Pipe()
	c.socket = ours
	c.closing.Store(l.now.Load())
	c.backlog()
	go c.flush()
	synctest.Wait()
	for range 2 * slowPieces {
		l.now.Add(int64(l.cfg.StallTime))
		if l.check(c) {
			t.Fatal("cut off while it reads")
		}
		if _, err := io.CopyN(io.Discard, theirs, piece); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	c.admitted(light, 0)
	if l.check(c) {
		t.Error("cut off while it waits for an answer")
	}
	c.answered(light, 0)
	if !l.check(c) {
		t.Error("it has as much time as it likes")
	}
}

// TestWhoWasTooSlowMayNotTakeItsTime: a client that was told so may read the rest, but not a little at a time
// for as long as it likes.
func TestWhoWasTooSlowMayNotTakeItsTime(t *testing.T) {
	l, c := newCrowd()
	c.socket, _ = net.Pipe()
	c.end.Store(endSlow)
	c.closing.Store(l.now.Load())
	l.now.Add(int64(min(lingerTime, l.cfg.StallTime)))
	if l.check(c) {
		t.Error("cut off at once")
	}
	l.now.Add(1)
	if !l.check(c) || !c.out.dead {
		t.Error("it is still there")
	}
}

// TestAReaderThatDoesNotHear: with TLS a client can make the reader write, and leave it no room.
func TestAReaderThatDoesNotHear(t *testing.T) {
	l, c := newCrowd()
	ours, theirs := net.Pipe()
	c.socket = ours
	c.cut(endTime)
	l.now.Add(int64(lingerTime))
	if l.check(c) {
		t.Error("closed before it had time to hear")
	}
	l.now.Add(1)
	c.begun.Store(unhurried)
	if l.check(c) {
		t.Error("closed while it waits for others")
	}
	c.begun.Store(0)
	if !l.check(c) {
		t.Fatal("it has as much time as it likes")
	}
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("its socket is not closed: %v", err)
	}
}
