package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"elemental/actors"
	"elemental/protocol"
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

// TestWhatIsDueStaysInOrder hands over answers, and events of all sizes, to a client that
// reads only afterwards: they are put together as there is room, and stay in order.
func TestWhatIsDueStaysInOrder(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls %t", encrypted), func(t *testing.T) { whatIsDueStaysInOrder(t, encrypted) })
	}
}

func whatIsDueStaysInOrder(t *testing.T, encrypted bool) {
	const answers, events = 30, 3000
	cfg := testConfig()
	cfg.OutboxBytes = 64 << 20
	if encrypted {
		dir := t.TempDir()
		cfg.CertFile, cfg.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		writeCertificate(t, &cfg, "first")
	}
	s, l := startStation(t, cfg, nil)
	c := dial(t, l)
	if encrypted {
		c = newClient(t, tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true}))
	}
	for i := range answers {
		c.send(fmt.Sprintf(`{"call":"ping","id":%d}`, i))
	}
	f := s.session(t, 0)
	random := rand.New(rand.NewPCG(1, 2))
	var want []string
	for i := range events {
		if i%(events/answers) == 0 {
			n := i / (events / answers)
			f.out.Answer(f.request(t, n), actors.Done{})
			want = append(want, fmt.Sprintf(`{"resp":true,"id":%d}`, n))
		}
		size := random.IntN(200)
		if i%7 == 0 {
			size = random.IntN(2 * pieceBytes)
		}
		event := fmt.Sprintf(`{"call":"newmessage","n":%d,"text":"%s"}`, i, strings.Repeat("x", size))
		f.out.Push(&actors.Event{Bytes: []byte(event + "\n")})
		want = append(want, event)
	}
	for _, w := range want {
		c.expect(w)
	}
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
	c.send(`{"call":"getjoinedservers"}`)
	f := s.session(t, 0)
	f.request(t, 0)
	if err := c.conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	s.until(t, "the session's end", func() bool { return f.closed })
	l.running.Wait()
	l.commons.heavy.mu.Lock()
	under := l.commons.heavy.under // nobody else could have a large answer
	l.commons.heavy.mu.Unlock()
	if under != 0 {
		t.Errorf("%d turns are held", under)
	}
	f.out.Answer(f.got[0], actors.Done{}) // too late, and harmless
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

func TestACrashEndsOneConnection(t *testing.T) {
	var crashed atomic.Bool
	_, l := startStation(t, testConfig(), func(r *actors.Request) any {
		if crashed.CompareAndSwap(false, true) {
			panic("injected")
		}
		return agreeable(r)
	})
	first, second := dial(t, l), dial(t, l)
	first.send(`{"call":"ping"}`)
	first.expectEnd()
	second.send(`{"call":"ping"}`)
	second.expect(yes)
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
	if got := l.Counters(); got.Open != 0 {
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

// In every encoding text is strict: what is no character would otherwise become U+FFFD, and
// names and passwords that differ the same.
func TestWhatIsNoCharacterIsMalformed(t *testing.T) {
	const before, ping, name, end = `{"call":"ping","id":1}`, `{"call":"ping","x":"`, "a\uFFFDb", `"}`
	for encoding, bad := range map[string]string{
		"utf-8": "\xff", "cp1252": "\x81", "shift_jis": "\xff", "gbk": "\xff", "gb18030": "\xff", "big5": "\xff", "euc-kr": "\xff",
		"utf-16": "\x00\xd8", "utf-16-be": "\xdc\x00", "utf-32": "\x00\x00\x11\x00",
	} {
		cfg := testConfig()
		cfg.Encoding = encoding
		_, l := startStation(t, cfg, agreeable)
		c := dial(t, l)
		wire := func(text string) string {
			codec, err := protocol.FindCodec(encoding)
			if err != nil {
				t.Fatal(err)
			}
			return string(codec.Finish([]byte(text), 0))
		}
		answer := wire(`{"resp":true,"id":1}` + "\n")
		c.send(wire(before+ping+name+end+before+ping) + bad + wire(end+before))
		c.closeWrite()
		got, err := io.ReadAll(c.in)
		want := answer + wire(yes+"\n") + answer + wire(malformed+"\n")
		if mark := map[string]string{"utf-16": "\xff\xfe", "utf-32": "\xff\xfe\x00\x00"}[encoding]; err != nil || string(got) != mark+want {
			t.Errorf("%s: got %q, %v, want %q", encoding, got, err, want)
		}
	}
}

func TestUTF16BothWays(t *testing.T) {
	cfg := testConfig()
	cfg.Encoding = "utf-16"
	s, l := startStation(t, cfg, agreeable)
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
	out := s.session(t, 0).out.(*conn)
	read := out.stall()
	push := wide(false, "{}\n")
	out.Push(&actors.Event{Bytes: push})
	out.Answer(&actors.Request{}, actors.Done{}) // a piece of its own behind the push, without a mark
	read()
	want := append(push, wide(false, yes+"\n")...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.in, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}
