package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// Waits are for conditions; patience only limits how long a failure takes.
const patience = 60 * time.Second

// heard is a Handler that keeps what it is told.
type heard struct {
	mu     sync.Mutex
	events []string
	ended  chan error
}

func newHeard() *heard { return &heard{ended: make(chan error, 1)} }

func (h *heard) Heard(e *wire.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, string(e.Text)+e.Code)
}

func (h *heard) Ended(cause error) { h.ended <- cause }

func (h *heard) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-h.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the connection does not end")
		return nil
	}
}

// provider is a provider for one connection. It reads that many requests, sends these
// words, and then closes the connection if closes is true.
func provider(t *testing.T, closes bool, requests int, words ...string) *wire.Dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for in := bufio.NewReader(conn); requests > 0; requests-- {
			if _, err := in.ReadString('}'); err != nil {
				return
			}
		}
		for _, word := range words {
			if _, err := io.WriteString(conn, word); err != nil {
				return
			}
		}
		if !closes {
			_, _ = io.Copy(io.Discard, conn) // waits until the client goes
		}
	})
	return &wire.Dialer{Address: netip.MustParseAddrPort(listener.Addr().String()), Timeout: patience}
}

func dial(t *testing.T, d *wire.Dialer, h wire.Handler) *wire.Conn {
	t.Helper()
	c, err := d.Dial(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func next(t *testing.T, answers <-chan *wire.Answer) *wire.Answer {
	t.Helper()
	select {
	case a := <-answers:
		return a
	case <-time.After(patience):
		t.Fatal("no answer came")
		return nil
	}
}

func ping() *protocol.Request { return &protocol.Request{Call: protocol.String("ping")} }

// TestAnswersInOrder: answers belong to the requests in order. Events come in between,
// and the pieces that are read do not end where objects do.
func TestAnswersInOrder(t *testing.T) {
	h := newHeard()
	c := dial(t, provider(t, false, 3, `{"resp":true,"ind`, `ex":1}{"call":"newmessage","message":"hi"}`+"\n"+`{"resp":false,"reason":"busy, try again","code":"busy"}`,
		`{"call":"unsubscribed","code":"server_gone"}{"resp":true,"index":3}`), h)
	answers := make(chan *wire.Answer, 3)
	for range 3 {
		c.Send(func(dst []byte, _ time.Time) []byte { return protocol.AppendRequest(dst, ping()) },
			func(a *wire.Answer) { answers <- a })
	}
	one, two, three := next(t, answers), next(t, answers), next(t, answers)
	if one.Index != 1 || two.Code != "busy" || two.OK || three.Index != 3 || one.At.Before(one.Sent) {
		t.Errorf("%+v %+v %+v", one, two, three)
	}
	if since := c.Waiting(); !since.IsZero() {
		t.Error("something is still waited for")
	}
	c.Close()
	if err := h.wait(t); err != wire.ErrClosed {
		t.Error(err)
	}
	if strings.Join(h.events, " ") != "hi server_gone" {
		t.Errorf("%q", h.events)
	}
}

// TestLastWord: if the provider gives a reason when it ends a connection, those who wait
// get it.
func TestLastWord(t *testing.T) {
	for _, word := range []string{
		`{"call":"disconnected","reason":"reading too slowly","code":"slow_reader"}`,
		`{"resp":true}{"resp":false,"reason":"reading too slowly","code":"slow_reader"}`, // the second one answers no request
	} {
		h := newHeard()
		c := dial(t, provider(t, true, 1, word), h)
		c.Ask(ping())
		var ended *wire.Ended
		err := h.wait(t)
		if !errors.As(err, &ended) || ended.Code != "slow_reader" {
			t.Errorf("%s: %v", word, err)
		}
		if a := c.Ask(ping()); a.Err != err {
			t.Errorf("a later request ends with %v", a.Err)
		}
	}
}

// TestCutOff: each request without an answer ends with the connection, once.
func TestCutOff(t *testing.T) {
	h := newHeard()
	c := dial(t, provider(t, true, 2, `{"resp":true}{"resp":`), h)
	answers := make(chan *wire.Answer, 4)
	for range 2 {
		c.Send(func(dst []byte, _ time.Time) []byte { return protocol.AppendRequest(dst, ping()) },
			func(a *wire.Answer) { answers <- a })
	}
	if one, two := next(t, answers), next(t, answers); !one.OK || two.Err == nil {
		t.Errorf("%+v %+v", one, two)
	}
	if err := h.wait(t); err == nil || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%v", err) // it has no addresses, so that equal causes can be counted together
	}
	if len(answers) != 0 {
		t.Error("an answer too many")
	}
}

func TestResolve(t *testing.T) {
	ctx := context.Background()
	for _, own := range []string{"127.0.0.1:5005", "127.3.4.5:1", "[::1]:5005", "localhost:5005"} {
		if _, err := wire.Resolve(ctx, own, false); err != nil {
			t.Errorf("%s: %v", own, err)
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range addrs {
		ip := own.(*net.IPNet).IP
		if _, err := wire.Resolve(ctx, net.JoinHostPort(ip.String(), "5005"), false); err != nil && !ip.IsLinkLocalUnicast() {
			t.Errorf("%s: %v", own, err)
		}
	}
	for _, other := range []string{"203.0.113.1:5005", "0.0.0.0:5005", "[2001:db8::1]:5005"} {
		if _, err := wire.Resolve(ctx, other, false); err == nil || !strings.Contains(err.Error(), "--remote") {
			t.Errorf("%s: %v", other, err)
		}
		if at, err := wire.Resolve(ctx, other, true); err != nil || at.Port() != 5005 {
			t.Errorf("%s, allowed: %v %v", other, at, err)
		}
	}
}

func TestSources(t *testing.T) {
	loopback, elsewhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")
	if got, err := wire.SourcesFor(loopback, 1000, 0); err != nil || got != nil {
		t.Errorf("%v %v", got, err)
	}
	if got, err := wire.SourcesFor(loopback, 200_000, 0); err != nil || len(got) < 4 {
		t.Errorf("200,000 connections from %v, %v", got, err)
	}
	if got, err := wire.SourcesFor(loopback, 10, 3); err != nil || len(got) != 3 || got[2].String() != "127.0.0.3" {
		t.Errorf("%v %v", got, err)
	}
	for _, count := range []int{2, 1000} {
		if _, err := wire.SourcesFor(elsewhere, 10, count); err == nil {
			t.Error("several addresses towards another machine")
		}
	}
}

// TestSourcesAreUsed: connections are made from each source address in turn.
func TestSourcesAreUsed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	sources, err := wire.SourcesFor(netip.MustParseAddr("127.0.0.1"), 10, 3)
	if err != nil {
		t.Fatal(err)
	}
	d := &wire.Dialer{Address: netip.MustParseAddrPort(listener.Addr().String()), Sources: sources, Timeout: patience}
	seen := map[string]bool{}
	for range 6 {
		c, err := d.Dial(context.Background(), wire.Nobody{})
		if err != nil {
			t.Skipf("this system has no more loopback addresses than one: %v", err)
		}
		defer c.Close()
		other, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		seen[netip.MustParseAddrPort(other.RemoteAddr().String()).Addr().String()] = true
		_ = other.Close()
	}
	if len(seen) != 3 {
		t.Errorf("connected from %v", seen)
	}
}

func TestTooManyFiles(t *testing.T) {
	if err := wire.CheckFiles(1 << 30); err == nil || !strings.Contains(err.Error(), "--workers") || !strings.Contains(err.Error(), "ulimit") {
		t.Errorf("%v", err)
	}
	if err := wire.CheckFiles(10); err != nil {
		t.Error(err)
	}
}
