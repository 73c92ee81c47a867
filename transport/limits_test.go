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
