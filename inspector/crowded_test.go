package inspector_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/transport/housetest"
)

// This file tests clients that hold connections and do not let go of them, with requests
// that do not end.

// dialFrom connects from a loopback address.
func (s *site) dialFrom(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	return d.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
}

// besiege lets n clients at an address send a part of a request, wait until their
// connections are closed, and begin again, until the test ends. It returns when each has
// sent once.
func (s *site) besiege(addr string, n int, part string) {
	s.t.Helper()
	ctx, end := context.WithCancel(context.Background())
	var begun, all sync.WaitGroup
	for range n {
		begun.Add(1)
		all.Go(func() {
			for first := true; ctx.Err() == nil; first = false {
				s.siege(ctx, addr, part, func() {
					if first {
						begun.Done()
					}
				})
			}
		})
	}
	begun.Wait()
	s.t.Cleanup(func() {
		end()
		all.Wait()
	})
}

// siege is one connection of them. It calls sent in any case.
func (s *site) siege(ctx context.Context, addr, part string, sent func()) {
	conn, err := s.dialFrom(ctx, addr)
	if err == nil {
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		defer func() { _ = conn.Close() }()
		_, err = conn.Write([]byte(part))
	}
	sent()
	if err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// unended are requests that do not come to their end, or are followed by nothing.
var unended = map[string]string{
	"refused, with a body":  "POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
	"probe, with a body":    "GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	"no token, with a body": "POST /api/follow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	"in pieces":             "POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
	"half a header":         "GET /live HTTP/1.1\r\nHost: loc",
	"nowhere":               "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"no token":              "GET /api/about HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

// Clients hold connections, with any kind of request that does not end, and begin again
// as soon as they are disconnected. A client with the token still comes in, even from the
// same address, and a page that is open stays open.
func TestTheRightTokenComesInBesideASiege(t *testing.T) {
	for _, what := range []string{"refused, with a body", "no token, with a body", "half a header"} {
		t.Run(what, func(t *testing.T) {
			s := withToken(t)
			page := s.lookAs(bearer(token), "flow")
			for _, addr := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
				s.besiege(addr, 100, unended[what])
			}
			s.comesIn(2)
			for range 2 {
				page.next("flow")
			}
		})
	}
}

// comesIn sends requests as an operator does, that many times.
func (s *site) comesIn(times int) {
	s.t.Helper()
	var slowest time.Duration
	for range times {
		for _, path := range []string{"/live", "/ready", "/metrics", "/api/about"} {
			begun := time.Now()
			answer, text, err := s.try(http.MethodGet, path, "", bearer(token))
			for again := 0; err != nil && again < 2; again++ { // on a busy machine the moment that each connection gets may be too short
				answer, text, err = s.try(http.MethodGet, path, "", bearer(token))
			}
			if err != nil || answer.StatusCode != http.StatusOK {
				s.t.Errorf("%s: %s %s, %v", path, answer.Status, text, err)
			}
			slowest = max(slowest, time.Since(begun))
		}
	}
	s.t.Logf("the slowest answer took %v", slowest)
}

// Without a token too, a body that does not come gives no right to room.
func TestASlowBodyHoldsNoRoom(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		s.besiege(addr, 100, unended["no token, with a body"])
	}
	s.comesIn(2)
}

// begin sends a part of a request, and returns a reader of what comes back.
func (s *site) begin(format string, args ...any) *bufio.Reader {
	s.t.Helper()
	conn, err := s.dialFrom(s.t.Context(), "127.0.0.1")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, format, args...); err != nil {
		s.t.Fatal(err)
	}
	return bufio.NewReader(conn)
}

// A refused request ends its connection at once, not only when its body has come.
// Otherwise the body could take 10 s.
func TestARefusedRequestEndsItsConnection(t *testing.T) {
	s := withToken(t)
	for what, status := range map[string]int{
		"refused, with a body": 405, "probe, with a body": 200, "no token, with a body": 401, "in pieces": 405,
		"nowhere": 404, "no token": 401,
	} {
		took := quickest(6*time.Second, func() {
			in := s.begin("%s", unended[what])
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			if answer.StatusCode != status || !answer.Close || err != nil {
				t.Errorf("%s: %s, ends it: %v, %v", what, answer.Status, answer.Close, err)
			}
			_ = answer.Body.Close()
			if _, err := in.ReadByte(); err == nil {
				t.Errorf("%s: more comes", what)
			}
		})
		if took > 6*time.Second {
			t.Errorf("%s: its connection ended after %v", what, took)
		}
	}
}

// quickest does something a few times, until it takes no longer than enough, and returns the
// shortest time. What waits for nothing is slow only once in a while, on a busy machine.
func quickest(enough time.Duration, do func()) time.Duration {
	best := time.Duration(math.MaxInt64)
	for range 4 {
		begun := time.Now()
		do()
		if best = min(best, time.Since(begun)); best <= enough {
			break
		}
	}
	return best
}

// The body of a POST is waited for, but not long. If it is too slow, the answer says so.
func TestASlowBodyIsAnswered(t *testing.T) {
	s := withToken(t)
	const head = "POST /api/follow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{"
	took := quickest(8*time.Second, func() {
		in := s.begin(head, token)
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout || !answer.Close || !strings.Contains(string(text), "too slowly") || err != nil {
			t.Errorf("%s %s, %v", answer.Status, text, err)
		}
	})
	if took < 2*time.Second || took > 8*time.Second {
		t.Errorf("it was waited for for %v", took)
	}
}

// Only a POST may have a body.
func TestOnlyAPostHasABody(t *testing.T) {
	s := withToken(t)
	for _, method := range []string{"GET /events?topics=flow", "GET /metrics", "DELETE /api/follow?id=x"} {
		in := s.begin("%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n", method, token)
		if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "400") {
			t.Errorf("%s with a body: %q, %v", method, line, err)
		}
	}
}

// many makes that many servers with long names. An answer that lists them does not fit
// into the buffers between the inspector and a client that does not read.
func (s *site) many(servers int) {
	s.t.Helper()
	alice := s.Founder()
	for i := range servers {
		alice.Yes(`{"call":"createserver","servername":%q,"serverpasswd":""}`, fmt.Sprint(strings.Repeat("漢", 60), i))
	}
}

// A client that asks for all actors and reads slowly keeps nobody else from asking, and
// gets its whole answer in the end.
func TestSlowReadersStopNobody(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	s.many(500)
	var slow []*bufio.Reader
	for range 4 {
		in := s.begin("GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "200 OK") {
			t.Fatalf("%q, %v", line, err)
		}
		slow = append(slow, in)
	}
	for _, path := range []string{"/api/tree", "/api/search?q=alice", "/api/overview"} {
		s.object(path)
	}
	for _, in := range slow { // a client whose time had run out would have only a part
		answer, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\n"), in)), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || !json.Valid(text) || len(text) < 300<<10 {
			t.Errorf("a slow one has %d bytes, %v", len(text), err)
		}
	}
}

// hold opens n connections that send the request for a path once, and keeps them open.
func (s *site) hold(n int, request string) {
	s.t.Helper()
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = conn.Close() })
		if request == "" {
			continue
		}
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", request)
		if _, err = bufio.NewReader(conn).ReadString('\n'); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Clients that hold connections and ask nothing keep out neither probes nor the operator.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	for _, request := range []string{"/live", "/api/about", ""} {
		s := open(t, housetest.Settings{}, nil)
		s.hold(140, request)
		for _, path := range []string{"/live", "/ready", "/metrics"} {
			if answer, _ := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusOK {
				t.Errorf("%s beside 140 that asked %q: %s", path, request, answer.Status)
			}
		}
	}
}
