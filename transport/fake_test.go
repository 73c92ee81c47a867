package transport

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"elemental/actors"
)

// patienceOfTests ends a test that would wait for ever.
const patienceOfTests = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// station stands in for the provider: it remembers its sessions and answers by
// a function, or keeps requests until the test answers them.
type station struct {
	reply func(*actors.Request) any // nil: the test answers

	mu       sync.Mutex
	changed  *sync.Cond
	sessions []*fakeSession
}

type fakeSession struct {
	at     *station
	out    actors.Outbox
	from   netip.Addr
	got    []*actors.Request
	closed bool
}

func (s *station) connect(out actors.Outbox, from netip.Addr) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &fakeSession{at: s, out: out, from: from}
	s.sessions = append(s.sessions, f)
	s.changed.Broadcast()
	return f
}

func (f *fakeSession) Send(r *actors.Request) {
	f.at.mu.Lock()
	f.got = append(f.got, r)
	f.at.changed.Broadcast()
	f.at.mu.Unlock()
	if f.at.reply != nil {
		f.out.Answer(r, f.at.reply(r))
	}
}

func (f *fakeSession) SendRead(r *actors.Request, _ time.Time) { f.Send(r) }

func (f *fakeSession) Close() {
	f.at.mu.Lock()
	defer f.at.mu.Unlock()
	f.closed = true
	f.at.changed.Broadcast()
}

// until waits for a condition on the station.
func (s *station) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timeout := time.AfterFunc(patienceOfTests, s.changed.Broadcast)
	defer timeout.Stop()
	start := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !holds() {
		if time.Since(start) > patienceOfTests {
			t.Fatalf("waited in vain for %s", what)
		}
		s.changed.Wait()
	}
}

// session waits for the n-th session.
func (s *station) session(t *testing.T, n int) *fakeSession {
	t.Helper()
	s.until(t, "a session", func() bool { return len(s.sessions) > n })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[n]
}

// request waits for the n-th request of a session.
func (f *fakeSession) request(t *testing.T, n int) *actors.Request {
	t.Helper()
	f.at.until(t, "a request", func() bool { return len(f.got) > n })
	f.at.mu.Lock()
	defer f.at.mu.Unlock()
	return f.got[n]
}

// agreeable answers everything.
func agreeable(r *actors.Request) any {
	switch cmd := r.Command.(type) {
	case actors.Refused:
		return cmd
	case actors.Login:
		return actors.LoggedIn{User: cmd.User, Key: "0123456789012345678901234"}
	case actors.ProviderName:
		return actors.ProviderInfo{Name: "LOCALPROVIDER", Welcome: "welcome"}
	case *actors.Post:
		return &actors.Posted{Index: 7, Timestamp: 1586562444123456}
	}
	return actors.Done{}
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", 0
	return cfg
}

// startStation runs a listener on loopback until the test ends.
func startStation(t testing.TB, cfg Config, reply func(*actors.Request) any) (*station, *Listener) {
	t.Helper()
	s := &station{reply: reply}
	s.changed = sync.NewCond(&s.mu)
	l, err := Listen(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.serve(s.connect) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := l.Shutdown(ctx); err != nil && err != context.DeadlineExceeded {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, l
}

// client is a plain socket with lines.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, l *Listener) *client {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

// impatient is a connection where no read waits for ever.
type impatient struct{ net.Conn }

func (i impatient) Read(b []byte) (int, error) {
	// a pipe that the other side has closed takes no deadline any more, but it is at its end
	if err := i.SetReadDeadline(time.Now().Add(patienceOfTests)); err != nil && err != io.ErrClosedPipe {
		return 0, err
	}
	return i.Conn.Read(b)
}

func newClient(t testing.TB, conn net.Conn) *client {
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Errorf("close: %v", err)
		}
	})
	return &client{t: t, conn: conn, in: bufio.NewReader(impatient{conn})}
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.conn.SetWriteDeadline(time.Now().Add(patienceOfTests)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read: %v after %q", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.line(); got != want {
		c.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func (c *client) expectEnd() {
	c.t.Helper()
	if line, err := c.in.ReadString('\n'); err != io.EOF || line != "" {
		c.t.Fatalf("got %q, %v, want the end", line, err)
	}
}

func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}
