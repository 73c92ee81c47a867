package torture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// line is a connection that costs its own side little. It is read and written
// by one goroutine each at the most.
type line struct {
	net.Conn
	in *bufio.Reader
}

// heard is an answer or an event, as far as these tests look at it.
type heard struct {
	Call, Reason, Code, Key, Message string
	Resp                             bool
	Index, Amount                    int
}

var errRefused = errors.New("refused")

// dialFrom connects from an address of this machine, "" for any. Its receive
// buffer is small when its owner does not mean to read.
func dialFrom(addr, from string, reads bool) (*line, error) {
	dialer := net.Dialer{Timeout: patience}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	if !reads {
		dialer.Control = func(_, _ string, c syscall.RawConn) error {
			var err error
			return errors.Join(c.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
			}), err)
		}
	}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &line{conn, bufio.NewReaderSize(conn, 1024)}, nil
}

func dialLine(addr string) (*line, error) { return dialFrom(addr, "", true) }

// ask makes a request of pairs: ask("message", "msg", "hi", …).
func ask(call string, pairs ...any) string {
	values := map[string]any{"call": call}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i].(string)] = pairs[i+1]
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (l *line) send(text string) error {
	if err := l.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.WriteString(l.Conn, text)
	return err
}

// hear reads the next answer or event.
func (l *line) hear() (heard, error) { return l.hearWithin(patience) }

func (l *line) hearWithin(d time.Duration) (h heard, err error) {
	err = l.read(&h, d)
	return h, err
}

func (l *line) read(into any, within time.Duration) error {
	if err := l.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	text, err := l.in.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// call asks, and takes a refusal for an error. Events before the answer are dropped.
func (l *line) call(request string) (heard, error) {
	if err := l.send(request); err != nil {
		return heard{}, err
	}
	for {
		h, err := l.hear()
		switch {
		case err != nil:
			return h, err
		case h.Call != "":
		case !h.Resp:
			return h, fmt.Errorf("%w: %s", errRefused, h.Reason)
		default:
			return h, nil
		}
	}
}

// login connects as a user, who is registered if need be.
func login(addr, user string) (*line, error) {
	l, err := dialLine(addr)
	if err != nil {
		return nil, err
	}
	if _, err = l.call(ask("register", "usernm", user, "passwd", passwordFor(user))); err != nil && !errors.Is(err, errRefused) {
		return nil, err
	}
	_, err = l.call(ask("login", "usernm", user, "passwd", passwordFor(user)))
	return l, err
}
