package transport

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"elemental/actors"
	"elemental/protocol"
)

func TestSizeLimitRisesWithLogin(t *testing.T) {
	cfg := testConfig()
	cfg.LoginRequestBytes, cfg.RequestBytes = 200, 2000
	s, l := startStation(t, cfg, nil)
	big := `{"call":"ping","name":"` + strings.Repeat("x", 1000) + `"}`

	c := dial(t, l)
	c.send(loginCall + big) // in one piece: the login is still under way
	f := s.session(t, 0)
	f.out.Answer(f.request(t, 0), actors.LoggedIn{Key: "k"})
	c.expect(`{"resp":true,"key":"k"}`)
	f.out.Answer(f.request(t, 1), actors.Done{})
	c.expect(yes)

	c.send(`{"call":"logout"}`)
	f.out.Answer(f.request(t, 2), actors.Done{})
	c.expect(yes)
	c.send(big)
	c.expect(tooLarge)
	c.expectEnd()

	stranger := dial(t, l)
	stranger.send(big)
	stranger.expect(tooLarge)
	stranger.expectEnd()
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

func TestTimes(t *testing.T) {
	for name, tt := range map[string]struct {
		set    func(cfg *Config, limit time.Duration)
		send   string
		answer string // before the time is over; "" for none
	}{
		"request begun": {func(cfg *Config, limit time.Duration) { cfg.RequestTime = limit }, `{"call":`, ""},
		"login":         {func(cfg *Config, limit time.Duration) { cfg.LoginTime = limit }, `{"call":"ping"}`, yes},
		"idle":          {func(cfg *Config, limit time.Duration) { cfg.IdleTime = limit }, loginCall, loggedIn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withEnoughTime(t, func(limit time.Duration) (enough bool) {
				cfg := testConfig()
				tt.set(&cfg, limit)
				_, l := startStation(t, cfg, agreeable)
				c := dial(t, l)
				c.send(tt.send)
				if tt.answer != "" && !c.inTime(tt.answer) {
					return false
				}
				c.expect(timedOut)
				c.expectEnd()
				return true
			})
		})
	}
}

// TestARequestUnderWayIsNotIdle: the idle time begins with the last answer, and not while a
// request is only half there, or waits for its turn.
func TestARequestUnderWayIsNotIdle(t *testing.T) {
	l := &Listener{cfg: testConfig()}
	l.cfg.IdleTime, l.cfg.RequestTime = 10*time.Second, time.Minute
	l.commons = l.newCommons()
	c := &conn{shared: l, opened: 1}
	c.greeted.Store(true)
	at := func(seconds int64, idle bool) {
		t.Helper()
		l.now.Store(seconds * int64(time.Second))
		if l.beyond(c) != idle {
			t.Errorf("idle %t after %d s", !idle, seconds)
		}
	}
	at(9, false)
	c.noteActive()
	c.admitted(light, 0)
	at(30, false)
	c.answered(light, 0)
	at(39, false)
	c.begun.Store(l.now.Load())
	at(45, false)
	c.begun.Store(0) // as if it had not come
	at(45, true)
	waits := func(int) bool {
		at(l.now.Load()/int64(time.Second)+100, false)
		return true
	}
	l.commons.large.open, l.commons.heavy.open = waits, waits
	c.begun.Store(l.now.Load())
	c.untimed(c.beginLarge)
	at(150, false)
	c.begun.Store(0) // it is complete
	at(154, false)
	c.admit(heavy, 0)
	at(270, false)
	c.answered(heavy, 0)
	at(281, true)
}

// TestALoginUnderWayIsInTime: the time to the first login does not end a connection whose login is under
// way; a password may have to wait for others.
func TestALoginUnderWayIsInTime(t *testing.T) {
	l := &Listener{cfg: testConfig()}
	l.commons = l.newCommons()
	c := &conn{shared: l, opened: 1}
	c.admitted(light, 0)
	l.now.Store(int64(2 * l.cfg.LoginTime))
	if l.beyond(c) {
		t.Error("cut off while its login is under way")
	}
	c.answered(light, 0)
	if !l.beyond(c) {
		t.Error("it has as much time as it likes")
	}
}

// TestARequestBehindALargeAnswerIsNotIdle: a client reads a large answer for longer than the idle
// time, and its next request waits for room.
func TestARequestBehindALargeAnswerIsNotIdle(t *testing.T) { synctest.Test(t, requestWithoutRoom) }

func requestWithoutRoom(t *testing.T) {
	l, c := newCrowd()
	l.cfg.IdleTime = 10 * time.Second
	c.greeted.Store(true)
	c.noteActive()
	c.out.waiting = l.cfg.OutboxBytes + 1
	go c.admit(light, 0)
	synctest.Wait()
	l.now.Add(int64(time.Minute))
	if l.beyond(c) {
		t.Error("idle, while its request waits")
	}
	c.fill(answered, func() { c.out.waiting = 0 })
	synctest.Wait()
	c.answered(light, 0)
	if l.beyond(c) {
		t.Error("idle, when it has the answer")
	}
	l.now.Add(int64(time.Minute))
	if !l.beyond(c) {
		t.Error("never idle again")
	}
}

// TestReadingAnAnswerIsNotIdle: the idle time begins when an answer is written, which may take long
// if its client reads slowly.
func TestReadingAnAnswerIsNotIdle(t *testing.T) { synctest.Test(t, slowlyRead) }

func slowlyRead(t *testing.T) {
	l, c := newCrowd()
	var err error
	if l.codec, err = protocol.FindCodec(protocol.DefaultEncoding); err != nil {
		t.Fatal(err)
	}
	l.cfg.IdleTime, l.writers = 10*time.Second, newWriters()
	defer l.writers.stop()
	ours, theirs := net.Pipe()
	c.socket = ours
	c.greeted.Store(true)
	c.noteActive()
	c.admitted(light, 0)
	c.Answer(&actors.Request{Command: actors.Ping{}}, actors.Done{})
	synctest.Wait()
	l.now.Add(int64(time.Minute))
	if l.beyond(c) {
		t.Error("idle, while it reads its answer")
	}
	if _, err = io.CopyN(io.Discard, theirs, int64(len(yes)+1)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if l.beyond(c) {
		t.Error("idle, when it has read its answer")
	}
	l.now.Add(int64(time.Minute))
	if !l.beyond(c) {
		t.Error("never idle again")
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

// withEnoughTime tries a limit that is short, and longer ones as long as it was over before
// anything was done: nobody knows how much a busy machine needs.
func withEnoughTime(t *testing.T, try func(limit time.Duration) (enough bool)) {
	t.Helper()
	for limit := time.Second / 2; !try(limit); limit *= 3 {
		if limit > patienceOfTests {
			t.Fatalf("%v are not enough", limit)
		}
	}
}

// inTime wants an answer, and reports whether it came before the time was over.
func (c *client) inTime(want string) bool {
	c.t.Helper()
	got := c.line()
	if got != want && got != timedOut {
		c.t.Fatalf("got  %s\nwant %s", got, want)
	}
	return got == want
}

func TestLoginEndsTheLoginTime(t *testing.T) {
	withEnoughTime(t, func(limit time.Duration) (enough bool) {
		cfg := testConfig()
		cfg.LoginTime = limit
		_, l := startStation(t, cfg, agreeable)
		stranger, c := dial(t, l), dial(t, l)
		c.send(loginCall)
		if !c.inTime(loggedIn) {
			return false
		}
		stranger.expect(timedOut) // by now the other's time is over, too
		c.send(`{"call":"ping"}`)
		c.expect(yes)
		return true
	})
}

func TestConnectionLimits(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"in all":      func(cfg *Config) { cfg.Connections = 1 },
		"per address": func(cfg *Config) { cfg.PerAddress = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			set(&cfg)
			s, l := startStation(t, cfg, agreeable)
			first := dial(t, l)
			f := s.session(t, 0)
			second := dial(t, l)
			second.send(`{"call":"ping"}`)
			second.expect(`{"resp":false,"reason":"too many connections","code":"too_many_connections"}`)
			second.expectEnd()
			if err := first.conn.Close(); err != nil {
				t.Fatal(err)
			}
			s.until(t, "the first session's end", func() bool { return f.closed })
			if got := l.Counters(); got.Refused != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestOrigin tells which addresses count as one client's.
func TestOrigin(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "::ffff:192.0.2.7": "192.0.2.7", "::1": "::",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::9": "2001:db8:1:2::", "2001:db8:1:3::9": "2001:db8:1:3::",
		"fe80::1%eth0": "fe80::",
	} {
		if got := origin(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}
