package housetest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// patience ends a test that would wait for ever.
const patience = 40 * time.Second

// Line is one connection.
type Line struct {
	T    testing.TB
	Conn net.Conn
	in   *bufio.Reader
}

// Dial connects.
func (h *House) Dial() *Line {
	h.T.Helper()
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		h.T.Fatal(err)
	}
	h.T.Cleanup(func() { _ = conn.Close() })
	return &Line{T: h.T, Conn: conn, in: bufio.NewReader(conn)}
}

// Login connects as a user whose password is "pw".
func (h *House) Login(name string) *Line {
	h.T.Helper()
	l := h.Dial()
	l.Yes(`{"call":"login","usernm":%q,"passwd":"pw"}`, name)
	return l
}

// Founder is alice, registered and logged in, with a server s.
func (h *House) Founder() *Line {
	h.T.Helper()
	h.Dial().Yes(`{"call":"register","usernm":"alice","passwd":"pw"}`)
	alice := h.Login("alice")
	alice.Yes(`{"call":"createserver","servername":"s","serverpasswd":"spw"}`)
	return alice
}

// Next reads one answer or event; nil when the connection has ended.
func (l *Line) Next() map[string]any {
	l.T.Helper()
	if err := l.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		l.T.Fatal(err)
	}
	text, err := l.in.ReadBytes('\n')
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.T.Fatal("no answer")
		}
		return nil
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		l.T.Fatalf("%q: %v", text, err)
	}
	return answer
}

// Write sends text, and waits for no answer.
func (l *Line) Write(text string) {
	l.T.Helper()
	if _, err := io.WriteString(l.Conn, text); err != nil {
		l.T.Fatal(err)
	}
}

// Close ends the connection.
func (l *Line) Close() {
	if err := l.Conn.Close(); err != nil {
		l.T.Error(err)
	}
}

// Ask sends a request and reads one answer; nil when the connection has ended.
func (l *Line) Ask(format string, args ...any) map[string]any {
	l.T.Helper()
	if _, err := fmt.Fprintf(l.Conn, format, args...); err != nil {
		return nil
	}
	return l.Next()
}

// Yes is Ask for a request that must succeed.
func (l *Line) Yes(format string, args ...any) map[string]any {
	l.T.Helper()
	answer := l.Ask(format, args...)
	if answer == nil || answer["resp"] != true {
		l.T.Fatalf("%s: %v", fmt.Sprintf(format, args...), answer)
	}
	return answer
}

// History reads the whole of channel general of server s.
func (l *Line) History() []any {
	l.T.Helper()
	n := l.Yes(`{"call":"gettotalmessages","servername":"s","channel":"general"}`)["amount"].(float64)
	return l.Yes(`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":%d}`, int(n))["messages"].([]any)
}
