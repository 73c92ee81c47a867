//go:build linux

package crowd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/bench/crowd"
)

const yes = `{"resp":true}` + "\n"

// server answers each line that it gets as answer says; "" ends the connection.
type server struct {
	addr     string
	requests atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
}

func serve(t *testing.T, answer func(s *server, line string) string) *server {
	t.Helper()
	socket, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: socket.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			all.Go(func() { s.talk(conn, answer) })
		}
	})
	t.Cleanup(func() {
		_ = socket.Close()
		s.mu.Lock()
		for _, conn := range s.conns {
			_ = conn.Close()
		}
		s.mu.Unlock()
		all.Wait()
	})
	return s
}

func (s *server) talk(conn net.Conn, answer func(s *server, line string) string) {
	defer func() { _ = conn.Close() }()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		s.requests.Add(1)
		text := answer(s, lines.Text())
		if text == "" {
			return
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			return
		}
	}
}

// toAll sends text to every connection.
func (s *server) toAll(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_, _ = conn.Write([]byte(text)) // those that are gone miss it
	}
}

func gather(t *testing.T, addr string, scan crowd.Scanner, members int) *crowd.Crowd {
	t.Helper()
	c, err := crowd.New(addr, scan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Join(t.Context(), members); err != nil {
		t.Fatal(err)
	}
	return c
}

// requests returns total requests in all, whichever member asks.
func requests(total int) func(int, time.Time) []byte {
	return func(int, time.Time) []byte {
		if total == 0 {
			return nil
		}
		total--
		return []byte("hello\n")
	}
}

// TestCounts: the same number of requests is sent one at a time and ahead, by all members
// and by some. Each is answered and counted once.
func TestCounts(t *testing.T) {
	s := serve(t, func(*server, string) string { return yes })
	c := gather(t, s.addr, crowd.Lines, 7)
	for _, load := range []crowd.Load{{}, {Depth: 16}, {Senders: 2, Depth: 3}, {Every: 50 * time.Microsecond}} {
		before := s.requests.Load()
		load.Next = requests(1000)
		got, err := c.Run(t.Context(), load)
		if err != nil || got.Answers != 1000 || got.Pushes != 0 || got.Took <= 0 {
			t.Errorf("%+v: %v", got, err)
		}
		if heard := s.requests.Load() - before; heard != 1000 {
			t.Errorf("the server was sent %d", heard)
		}
	}
}

// TestSome: requests are sent only for a time, and all that were sent are answered.
func TestSome(t *testing.T) {
	s := serve(t, func(*server, string) string { return yes })
	c := gather(t, s.addr, crowd.Lines, 3)
	got, err := c.Run(t.Context(), crowd.Load{Next: requests(-1), For: 20 * time.Millisecond})
	if err != nil || int64(got.Answers) != s.requests.Load() || got.Answers == 0 {
		t.Errorf("%+v of %d: %v", got, s.requests.Load(), err)
	}
}

// TestSlowPace: if the pace is slower than the time that it is given, one request is
// sent.
func TestSlowPace(t *testing.T) {
	s := serve(t, func(*server, string) string { return yes })
	c := gather(t, s.addr, crowd.Lines, 1)
	got, err := c.Run(t.Context(), crowd.Load{Next: requests(-1), Every: time.Second, For: time.Microsecond})
	if err != nil || got.Answers != 1 || got.Took <= 0 {
		t.Errorf("%+v: %v", got, err)
	}
}

// TestPushes counts the pushes that every member gets for each request, and looks at
// them.
func TestPushes(t *testing.T) {
	const members, posts = 5, 200
	push := `{"call": "newmessage","message":"hello"}` + "\n"
	var known atomic.Bool
	s := serve(t, func(s *server, _ string) string {
		if known.Load() {
			s.toAll(push)
		}
		return yes
	})
	c := gather(t, s.addr, crowd.Lines, members)
	asked := map[int]bool{}
	if _, err := c.Run(t.Context(), crowd.Load{Next: func(member int, _ time.Time) []byte {
		if asked[member] {
			return nil
		}
		asked[member] = true
		return []byte("hello\n")
	}}); err != nil {
		t.Fatal(err)
	}
	known.Store(true) // the server has answered all of them
	seen := 0
	read := time.Now()
	got, err := c.Run(t.Context(), crowd.Load{
		Next: requests(posts), Senders: 2, Depth: 8, Fan: members, Window: 3,
		OnPush: func(line []byte, at time.Time) {
			if string(line) != push || at.Before(read) || at.After(time.Now()) {
				t.Errorf("%q at %v, the one before at %v", line, at, read)
			}
			read = at
			seen++
		},
	})
	if err != nil || got.Answers != posts || got.Pushes != posts*members || seen != got.Pushes {
		t.Errorf("%+v, %d seen: %v", got, seen, err)
	}
}

// TestPieces: answers come in pieces and many at once, and requests are larger than a
// socket holds.
func TestPieces(t *testing.T) {
	s := serve(t, func(s *server, line string) string {
		if s.requests.Load()%3 != 0 {
			return `{"resp": true,"text":"` + line[:len(line)/2]
		}
		return line[:1] + `"}` + "\n" + yes + yes
	})
	c := gather(t, s.addr, crowd.Lines, 1)
	big := []byte(strings.Repeat("x", 60_000) + "\n")
	left := 300
	got, err := c.Run(t.Context(), crowd.Load{Depth: 300, Next: func(int, time.Time) []byte {
		if left--; left < 0 {
			return nil
		}
		return big
	}})
	if err != nil || got.Answers != 300 {
		t.Errorf("%+v: %v", got, err)
	}
}

// TestFaults: a server does wrong, and the error says what.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct{ answer, says string }{
		"a refusal":         {`{"resp":false,"reason":"busy, try again"}` + "\n", "busy, try again"},
		"nonsense":          {"hello\n", "wrong answer"},
		"two answers":       {yes + yes, "without having asked"},
		"a lost connection": {"", "lost its connection with 1 answers owed"},
		"an endless answer": {strings.Repeat("x", 300_000), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(s *server, _ string) string {
				if s.requests.Load() < 10 {
					return yes
				}
				return c.answer
			})
			_, err := gather(t, s.addr, crowd.Lines, 1).Run(t.Context(), crowd.Load{Next: requests(10)})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
	if _, err := crowd.New("localhost:http", crowd.Lines); err == nil {
		t.Error("an address that is none is no error")
	}
	c, err := crowd.New("127.0.0.1:1", crowd.Lines) // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(t.Context(), 1); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}

// TestEnd ends a run whose server does not answer.
func TestEnd(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, func(*server, string) string {
		cancel(why)
		return `{"resp"`
	})
	if _, err := gather(t, s.addr, crowd.Lines, 1).Run(ctx, crowd.Load{Next: requests(1)}); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestRedis(t *testing.T) {
	const id = "$15\r\n1700000000000-0\r\n"
	for text, want := range map[string]string{
		id: "22 1", id + id: "22 1", id[:3]: "0 0", id[:20]: "0 0", "+OK\r\n": "5 1", ":12\r\n": "5 1",
		"-ERR no\r\n": "9 3", "$-1\r\n": "5 3", "$x\r\n": "4 3", "*1\r\n": "4 3",
	} {
		length, kind := crowd.Redis([]byte(text))
		if got := fmt.Sprint(length, " ", int(kind)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestIRC(t *testing.T) {
	const by = ":irc.test "
	for text, want := range map[string]crowd.Kind{
		by + "001 bob :Welcome": crowd.Aside, by + "353 bob = #go :@al bob": crowd.Aside, by + "NOTICE * :hello": crowd.Aside,
		":al!~u@h JOIN #go": crowd.Aside, by + "MODE bob +i": crowd.Aside,
		by + "422 bob :MOTD File is missing": crowd.Answer, by + "376 bob :End of MOTD": crowd.Answer,
		by + "366 bob #go :End of NAMES list": crowd.Answer, by + "PONG irc.test 1": crowd.Answer, "PONG :1": crowd.Answer,
		":al!~u@h PRIVMSG #go :PING 001 366": crowd.Push, "PING bob": crowd.Ping, by + "PING :irc.test": crowd.Ping,
		by + "433 * bob :Nickname is already in use": crowd.Wrong, by + "404 bob #go :Cannot send": crowd.Wrong,
		"ERROR :SendQ Exceeded": crowd.Wrong, "hello": crowd.Wrong, ":": crowd.Wrong, "": crowd.Wrong,
	} {
		if length, kind := crowd.IRC([]byte(text)); length != 0 || kind != crowd.Part {
			t.Errorf("%q without an end: %d %d", text, length, kind)
		}
		for _, end := range []string{"\r\n", "\n"} {
			if length, kind := crowd.IRC([]byte(text + end + by)); length != len(text+end) || kind != want {
				t.Errorf("%q: %d %d, want %d %d", text+end, length, kind, len(text+end), want)
			}
		}
	}
}

// TestPing: the server sends other lines and asks for a sign of life in between. It
// answers the requests when the PONG has come.
func TestPing(t *testing.T) {
	s := serve(t, func(_ *server, line string) string {
		switch line {
		case "hello":
			return ":irc.test NOTICE * :hello\r\nPING :are you there\r\n"
		case "PONG :are you there":
			return ":irc.test PONG irc.test :hello\r\n"
		}
		return ""
	})
	got, err := gather(t, s.addr, crowd.IRC, 3).Run(t.Context(), crowd.Load{Depth: 2, Next: requests(100)})
	if heard := s.requests.Load(); err != nil || got.Answers != 100 || got.Pushes != 0 || heard != 200 {
		t.Errorf("%+v, the server heard %d: %v", got, heard, err)
	}
}
