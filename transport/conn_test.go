package transport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/actors"
)

const loginCall = `{"call":"login","usernm":"alice","passwd":"secret"}`

const (
	yes       = `{"resp":true}`
	loggedIn  = `{"resp":true,"key":"0123456789012345678901234"}`
	malformed = `{"resp":false,"reason":"malformed JSON","code":"malformed_json"}`
	tooLarge  = `{"resp":false,"reason":"request is too large","code":"too_large"}`
	timedOut  = `{"resp":false,"reason":"taking too long","code":"timed_out"}`
)

func TestUndelimitedRequestsAreAnsweredInOrder(t *testing.T) {
	_, l := startStation(t, testConfig(), agreeable)
	c := dial(t, l)
	c.send(loginCall + `{"call":"ping","id":1} {"call":"getprovidername"}` + "\n" + `{"call":"ping","id":"two"}`)
	c.expect(loggedIn)
	c.expect(`{"resp":true,"id":1}`)
	c.expect(`{"resp":true,"name":"LOCALPROVIDER","welcome":"welcome"}`)
	c.expect(`{"resp":true,"id":"two"}`)
}

func TestRequestInSingleBytes(t *testing.T) {
	_, l := startStation(t, testConfig(), agreeable)
	c := dial(t, l)
	for _, b := range []byte(`{"call":"ping","id":"é"}`) {
		c.send(string([]byte{b}))
	}
	c.expect(`{"resp":true,"id":"\u00e9"}`)
}

func TestMalformedIsToldAfterWhatCameBefore(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c := dial(t, l)
	c.send(`{"call":"ping","id":1}{"call":"ping","id":2}nonsense {"call":"ping","id":3}`)
	f := s.session(t, 0)
	second := f.request(t, 1)
	f.out.Answer(f.request(t, 0), actors.Done{})
	f.out.Answer(second, actors.Done{})
	c.expect(`{"resp":true,"id":1}`)
	c.expect(`{"resp":true,"id":2}`)
	c.expect(malformed)
	c.expectEnd()
	s.until(t, "the session's end", func() bool { return f.closed && len(f.got) == 2 })
}

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
	f.out.Push([]byte("{\"call\":\"newmessage\"}\n")) // has room beside the large answer
	if line := c.line(); len(line) < 8<<20 {
		t.Fatalf("answer of %d bytes", len(line))
	}
	c.expect(`{"call":"newmessage"}`)
	f.out.Answer(f.request(t, 1), actors.Messages{})
	c.expect(`{"resp":true,"messages":[]}`)
}

func TestHalfClosedClientGetsItsAnswers(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c := dial(t, l)
	c.send(`{"call":"ping"}`)
	c.closeWrite()
	f := s.session(t, 0)
	f.out.Answer(f.request(t, 0), actors.Done{})
	c.expect(yes)
	c.expectEnd()
}

func TestEndInsideRequest(t *testing.T) {
	_, l := startStation(t, testConfig(), agreeable)
	c := dial(t, l)
	c.send(`{"call":"pi`)
	c.closeWrite()
	c.expect(malformed)
	c.expectEnd()
}

func TestResetEndsTheSession(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c := dial(t, l)
	c.send(`{"call":"ping"}`)
	f := s.session(t, 0)
	f.request(t, 0)
	if err := c.conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	s.until(t, "the session's end", func() bool { return f.closed })
	f.out.Answer(f.got[0], actors.Done{}) // too late, and harmless
}

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
	event := []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")
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
	event := []byte(`{"call":"newmessage","message":"` + strings.Repeat("x", 10<<10) + "\"}\n")
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
	f.out.Answer(f.request(t, 0), actors.Messages{List: []actors.Message{{Text: strings.Repeat("x", 64<<20)}}})
	s.until(t, "the session's end", func() bool { return f.closed })
}

func TestTimes(t *testing.T) {
	const short = 100 * time.Millisecond
	for name, tt := range map[string]struct {
		set  func(*Config)
		send string
		want []string
	}{
		"request begun": {func(cfg *Config) { cfg.RequestTime = short }, `{"call":`, []string{timedOut}},
		"login":         {func(cfg *Config) { cfg.LoginTime = short }, `{"call":"ping"}`, []string{yes, timedOut}},
		"idle":          {func(cfg *Config) { cfg.IdleTime = short }, loginCall, []string{loggedIn, timedOut}},
	} {
		t.Run(name, func(t *testing.T) {
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
	cfg.LoginTime = 50 * time.Millisecond
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

func TestSessionClosesTheConnection(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c := dial(t, l)
	c.send(`{"call":"ping"}{"call":"ping"}`)
	f := s.session(t, 0)
	r := f.request(t, 1)
	f.out.Answer(f.request(t, 0), actors.Done{})
	f.out.Close()
	f.out.Answer(r, actors.Done{}) // not written any more
	c.expect(yes)
	c.expectEnd()
}

func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	busy, idle := dial(t, l), dial(t, l)
	busy.send(`{"call":"ping"}`)
	s.session(t, 1)
	var f *fakeSession
	s.until(t, "a request", func() bool {
		for _, each := range s.sessions {
			if len(each.got) > 0 {
				f = each
			}
		}
		return f != nil
	})
	done := make(chan error, 1)
	go func() { done <- l.Shutdown(context.Background()) }()
	idle.expectEnd()
	if err := idle.conn.Close(); err != nil {
		t.Fatal(err)
	}
	f.out.Answer(f.request(t, 0), actors.Done{})
	busy.expect(yes)
	busy.expectEnd()
	if err := busy.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := l.Stats(); got.Open != 0 {
		t.Errorf("%+v", got)
	}
}

func TestShutdownCutsOffAtItsEnd(t *testing.T) {
	s, l := startStation(t, testConfig(), nil)
	c := dial(t, l)
	c.send(`{"call":"ping"}`)
	f := s.session(t, 0)
	f.request(t, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Shutdown(ctx); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	s.until(t, "the session's end", func() bool { return f.closed })
}

func TestManyConnectionsAtOnce(t *testing.T) {
	_, l := startStation(t, testConfig(), agreeable)
	var all sync.WaitGroup
	for range 50 {
		c := dial(t, l)
		all.Go(func() {
			for i := range 50 {
				if _, err := fmt.Fprintf(c.conn, `{"call":"ping","id":%d}`, i); err != nil {
					t.Error(err)
					return
				}
				line, err := c.in.ReadString('\n')
				if want := fmt.Sprintf("{\"resp\":true,\"id\":%d}\n", i); err != nil || line != want {
					t.Errorf("got %q, %v", line, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestUTF16BothWays(t *testing.T) {
	cfg := testConfig()
	cfg.Encoding = "utf-16"
	_, l := startStation(t, cfg, agreeable)
	c := dial(t, l)
	wide := func(mark bool, text string) []byte {
		var out []byte
		if mark {
			out = append(out, 0xff, 0xfe)
		}
		for _, r := range text {
			out = append(out, byte(r), byte(r>>8))
		}
		return out
	}
	for i := range 2 {
		c.send(string(wide(true, `{"call":"ping","id":"ж"}`))) // a mark with each, as Python does
		want := wide(i == 0, `{"resp":true,"id":"ж"}`+"\n")
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c.in, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

func TestRequestLogHidesSecrets(t *testing.T) {
	var out bytes.Buffer
	cfg := testConfig()
	cfg.RequestLog = &out
	_, l := startStation(t, cfg, agreeable)
	c := dial(t, l)
	c.send(loginCall)
	c.expect(loggedIn)
	c.send(`{"call":"message","servername":"s","channel":"c","msg":"a\u001bb` + strings.Repeat("x", 5000) + `"}`)
	c.line()
	c.closeWrite()
	c.expectEnd()
	if err := l.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	from := "[" + c.conn.LocalAddr().String() + "] | "
	for i, want := range []string{
		"[SERVER] <== " + from + `{"call":"login","usernm":"alice","passwd":"***"}`,
		"[SERVER] ==> " + from + `{"resp":true,"key":"***"}`,
		"[SERVER] <== " + from + `{"call":"message","servername":"s","channel":"c","msg":"a\u001bbxxx`,
		"[SERVER] ==> " + from + `{"resp":true,"index":7,"timestamp":1586562444.123456}`,
	} {
		if !strings.Contains(lines[i], ") | "+want) || len(lines[i]) > 1200 {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	if strings.Contains(out.String(), "secret") || strings.Contains(out.String(), "0123456789012345678901234") {
		t.Error("a secret in the log")
	}
}
