package originaltest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"elemental/client/originaltest"
)

func start(t *testing.T, interval time.Duration) *originaltest.Provider {
	t.Helper()
	p, err := originaltest.StartWith(interval)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *originaltest.Provider) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// next returns what one read brings.
func next(t *testing.T, conn net.Conn, within time.Duration) (string, error) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 65536)
	n, err := conn.Read(answer)
	return string(answer[:n]), err
}

// TestAnswers sends requests that the original was sent, and compares the answers with the
// original's, byte by byte. "-" stands for no answer, which the answer to the next request shows.
// A time or a key in an answer may be anything.
func TestAnswers(t *testing.T) {
	conn := dial(t, start(t, time.Nanosecond))
	for _, row := range []struct{ request, answer string }{
		{`nonsense`, "-"},
		{`{"call":"getjoinedservers"}`, "-"},
		{`{"call":"getprovidername"}{"call":"getprovidername"}`, "-"},
		{`{"call":"ping", "id":1}`, `{"call":"ping", "id":1}`},
		{`{"call":"register","usernm":"alice"}`, `{"resp": false, "reason":"incorrect request values"}`},
		{`{"call":"register","usernm":"alice","passwd":"pw"}`, `{"resp": true}`},
		{`{"call":"register","usernm":"alice","passwd":"pw"}`, `{"resp": false, "reason": "user already exists"}`},
		{`{"call":"login","usernm":"alice","passwd":"no"}`, `{"resp": false, "reason":"password is incorrect"}`},
		{`{"call":"login","usernm":"alice","passwd":"pw","id":2}`, `{"resp": true, "key": "*"}`},
		{`{"call":"createserver","servername":"s","serverpasswd":"x"}`, `{"resp": false, "reason":"incorrect request values"}`},
		{`{"call":"createserver","servername":"s","serverpasswd":"x","usernm":"alice"}`, `{"resp": true}`},
		{`{"call":"getserverchannels","servername":"s","usernm":"alice"}`, `{"resp": true, "channels": ["general"]}`},
		{`{"call":"joinserver","servername":"s","serverpasswd":"x","usernm":"alice"}`, `{"resp": true}`},
		{`{"call":"getjoinedservers"}`, `{"resp": true, "servers": ["s", "s"]}`},
		{`{"call":"message","servername":"s","channel":"general","msg":"h\u00e9\u007f \ud83d\ude00 <\n"}`, `{"resp": true}`},
		{`{"call":"gettotalmessages","servername":"s","channel":"general"}`, `{"resp": true, "amount": 1}`},
		{`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":1,"usernm":"alice"}`,
			`{"resp": true, "messages": [{"message": "h\u00e9\u007f \ud83d\ude00 <\n", "timestamp": *, "author": "alice"}]}`},
		{`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":2,"usernm":"alice"}`, `{"resp": false, "reason":"end or begin is less than 0"}`},
		{`{"call":"getmessages","servername":"s","channel":"general","begin":0.0,"end":1,"usernm":"alice"}`, `{"resp": false, "reason":"begin is not an int"}`},
		{`{"call":"getserverimage","servername":"s"}`, `{"resp": false, "reason":"incorrect request values"}`},
		{`{"call":"setserverimage","servername":"s","img":"aGk="}`, `{"resp":true}`},
		{`{"call":"getserverimage","servername":"s"}`, `{"resp": true, "img": "aGk="}`},
		{`{"call":"deleteserver","servername":"s","serverpasswd":"wrong"}`, `{"resp": true}`},
	} {
		send(t, conn, row.request)
		if row.answer == "-" {
			if got, err := next(t, conn, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%s: %q (%v)", row.request, got, err)
			}
			continue
		}
		got, err := next(t, conn, 30*time.Second)
		if err != nil || !fits(got, row.answer) {
			t.Fatalf("%s\n got %s (%v)\nwant %s", row.request, got, err, row.answer)
		}
	}
}

// fits compares an answer with want, in which a "*" stands for anything.
func fits(got, want string) bool {
	before, after, wild := strings.Cut(want, "*")
	if !wild {
		return got == want
	}
	return strings.HasPrefix(got, before) && strings.HasSuffix(got, after) && json.Valid([]byte(got))
}

// TestMissingNamesHangUp names a server that is not there. That is an error of the file system to
// the original, which then closes the connection.
func TestMissingNamesHangUp(t *testing.T) {
	conn := dial(t, start(t, time.Hour))
	send(t, conn, `{"call":"setserverimage","servername":"none","img":""}`)
	if got, err := next(t, conn, 30*time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("%q (%v)", got, err)
	}
}

// TestInterval counts too early: that is refused, and the interval begins again.
func TestInterval(t *testing.T) {
	const interval = 300 * time.Millisecond
	last := time.Now()
	conn := dial(t, start(t, interval))
	for refusals := 0; ; {
		asked := time.Now()
		send(t, conn, `{"call":"gettotalmessages","servername":"none","channel":"none"}`)
		got, err := next(t, conn, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got, "server does not exist") {
			if time.Since(last) < interval {
				t.Fatalf("answered %v after the last one, and %d refusals", time.Since(last), refusals)
			}
			if refusals >= 2 {
				return
			}
		} else if !strings.Contains(got, "requesting too many times") {
			t.Fatal(got)
		} else {
			refusals++
		}
		last = asked
		if refusals == 2 {
			_, _ = next(t, conn, interval+20*time.Millisecond) // lets the interval pass without a request
		}
	}
}

// TestRestart checks that a provider keeps its address and data over a restart, and that its
// connections are cut.
func TestRestart(t *testing.T) {
	p := start(t, time.Hour)
	conn := dial(t, p)
	send(t, conn, `{"call":"register","usernm":"alice","passwd":"pw"}`)
	if got, err := next(t, conn, 30*time.Second); got != `{"resp": true}` {
		t.Fatal(got, err)
	}
	p.Drop()
	if got, err := next(t, conn, 30*time.Second); err == nil {
		t.Errorf("a cut connection says %q", got)
	}
	p.Close()
	if again, err := net.Dial("tcp", p.Addr); err == nil {
		_ = again.Close()
		t.Error("a closed provider takes a connection")
	}
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	conn = dial(t, p)
	send(t, conn, `{"call":"login","usernm":"alice","passwd":"pw"}`)
	if got, err := next(t, conn, 30*time.Second); !strings.Contains(got, `"key"`) {
		t.Error(got, err)
	}
}
