package transport

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"elemental/actors"
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
	for l.Stats().SlowReaders == 0 {
		f.out.Push(event) // as much as the sockets take, and then the bound
	}
	s.until(t, "the slow session's end", func() bool { return f.closed })
	g.out.Answer(g.request(t, 0), actors.Done{})
	other.expect(yes)
}

func TestSlowReaderIsToldIfItReadsAfterAll(t *testing.T) {
	cfg := testConfig()
	cfg.OutboxBytes = 64 << 10
	s, l := startStation(t, cfg, nil)
	c := dial(t, l)
	f := s.session(t, 0)
	event := &actors.Event{Bytes: []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")}
	for l.Stats().SlowReaders == 0 {
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
	const short, enough = 100 * time.Millisecond, 3 * time.Second // to ask for something before it is over
	for name, tt := range map[string]struct {
		set  func(*Config)
		send string
		want []string
	}{
		"request begun": {func(cfg *Config) { cfg.RequestTime = short }, `{"call":`, []string{timedOut}},
		"login":         {func(cfg *Config) { cfg.LoginTime = enough }, `{"call":"ping"}`, []string{yes, timedOut}},
		"idle":          {func(cfg *Config) { cfg.IdleTime = enough }, loginCall, []string{loggedIn, timedOut}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			tt.set(&cfg)
			_, l := startStation(t, cfg, agreeable)
			c := dial(t, l)
			c.send(tt.send)
			for _, want := range tt.want {
				c.expect(want)
			}
			c.expectEnd()
		})
	}
}

func TestLoginEndsTheLoginTime(t *testing.T) {
	cfg := testConfig()
	cfg.LoginTime = 3 * time.Second // enough to log in
	_, l := startStation(t, cfg, agreeable)
	stranger, c := dial(t, l), dial(t, l)
	c.send(loginCall)
	c.expect(loggedIn)
	stranger.expect(timedOut) // by now the other's time is over, too
	c.send(`{"call":"ping"}`)
	c.expect(yes)
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
			if got := l.Stats(); got.Refused != 1 {
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
