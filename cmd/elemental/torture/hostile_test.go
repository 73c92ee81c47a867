package torture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The hostile loads. Each starts its bad clients, which note what happens to
// them, and go on until the load is stopped. They live in a process of their
// own, see misbehaving_test.go.

// load is a hostile load under way.
type load struct {
	addr string
	key  string // of mallory, who owns the server den
	quit chan struct{}
	all  sync.WaitGroup

	mu   sync.Mutex
	seen tally
}

// tally is what happened to bad clients, and how often.
type tally map[string]int

func (s tally) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		all = append(all, fmt.Sprintf("%s: %d", what, s[what]))
	}
	return strings.Join(all, ", ")
}

func (l *load) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[what]++
}

// noteError notes how a connection ended.
func (l *load) noteError(err error) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		l.note("cut")
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.note("nothing heard")
	case errors.Is(err, net.ErrClosed):
	default:
		l.note(err.Error())
	}
}

// stop ends the load and tells what happened.
func (l *load) stop() tally {
	close(l.quit)
	l.all.Wait()
	return l.seen
}

// pause waits, and tells whether to go on.
func (l *load) pause(d time.Duration) bool {
	select {
	case <-l.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// dial connects; the connection ends with the load.
func (l *load) dial(from string, reads bool) *line {
	c, err := dialFrom(l.addr, from, reads)
	if err != nil {
		l.noteError(err)
		return nil
	}
	return c
}

// enter connects as mallory.
func (l *load) enter(reads bool) *line {
	c := l.dial("", reads)
	if c == nil {
		return nil
	}
	if _, err := c.call(ask("login", "usernm", "mallory", "key", l.key)); err != nil {
		l.noteError(err)
		_ = c.Close()
		return nil
	}
	return c
}

// hold keeps a connection until the provider cuts it, and notes what is heard on it.
func (l *load) hold(c *line) {
	l.all.Go(func() {
		defer func() { _ = c.Close() }()
		for {
			h, err := c.hear()
			if err != nil {
				l.noteError(err)
				return
			}
			if h.Reason != "" {
				l.note(h.Reason)
			}
		}
	})
}

// stalledReaders subscribe to a busy channel and never read.
func stalledReaders(l *load, n int) {
	for range n {
		c := l.enter(false)
		if c == nil {
			continue
		}
		if _, err := c.call(ask("subscribe", "servername", "den", "channel", "general")); err != nil {
			l.noteError(err)
			continue
		}
		l.note("subscribed")
		l.all.Go(func() {
			<-l.quit
			l.drain(c)
		})
	}
	pace := 5*time.Millisecond + time.Duration(n)*50*time.Microsecond // each of many costs its share
	l.all.Go(func() { l.busyChannel(pace, strings.Repeat("busy ", 2000)) })
}

// drain reads what was left of a connection, up to its end.
func (l *load) drain(c *line) {
	defer func() { _ = c.Close() }()
	err := c.SetReadDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = io.Copy(io.Discard, c.Conn)
	}
	if err == nil {
		err = io.EOF
	}
	l.noteError(err)
}

// busyChannel posts into den at a pace.
func (l *load) busyChannel(pace time.Duration, text string) {
	c := l.enter(true)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	for l.pause(pace) {
		if _, err := c.call(ask("message", "servername", "den", "channel", "general", "msg", text)); err != nil {
			l.noteError(err)
			return
		}
		l.note("posted")
	}
}

// halfOpen connect, send half a request, and nothing more.
func halfOpen(l *load, n int) {
	for range n {
		if c := l.dial("", true); c != nil {
			_ = c.send(`{"call":"log`) // hold sees how it ends
			l.hold(c)
		}
	}
}

// slowSenders send a byte a second.
func slowSenders(l *load, n int) {
	request := ask("login", "usernm", "mallory", "passwd", strings.Repeat("x", 1000))
	for range n {
		c := l.dial("", true)
		if c == nil {
			continue
		}
		l.hold(c)
		l.all.Go(func() {
			for i := 0; i < len(request) && c.send(request[i:i+1]) == nil; i++ {
				if !l.pause(time.Second) {
					return
				}
			}
		})
	}
}

// deafPipeliners ask for much, again and again, and never read an answer.
func deafPipeliners(l *load, n int) {
	l.fill()
	requests := []byte(strings.Repeat(ask("getlatestmessages", "servername", "den", "channel", "general", "count", 10_000)+
		ask("getprovidername"), 100))
	for range n {
		c := l.enter(false)
		if c == nil {
			continue
		}
		l.all.Go(func() { // up to the cut, since one that has come may not have been noticed yet
			defer func() { _ = c.Close() }()
			for c.SetWriteDeadline(time.Now().Add(patience)) == nil {
				if _, err := c.Write(requests); err != nil {
					l.noteError(err)
					return
				}
			}
		})
	}
}

// fill makes den's history long enough for large answers.
func (l *load) fill() {
	c := l.enter(true)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	text := strings.Repeat("history ", 2000)
	for range 256 {
		if _, err := c.call(ask("message", "servername", "den", "channel", "general", "msg", text)); err != nil {
			l.noteError(err)
			return
		}
	}
}

// hotChannel posts into one channel from many connections, each of which has
// more to say all the time than it is let.
func hotChannel(l *load, n int) {
	posts := bytes.Repeat([]byte(ask("message", "servername", "den", "channel", "general", "msg", "a message of usual length, no more")), 64)
	for range n {
		c := l.enter(true)
		if c == nil {
			continue
		}
		l.all.Go(func() {
			<-l.quit
			_ = c.Close()
		})
		l.all.Go(func() {
			for c.SetWriteDeadline(time.Time{}) == nil {
				if _, err := c.Write(posts); err != nil {
					return
				}
			}
		})
		l.all.Go(func() { l.countAnswers(c) })
	}
}

// largeImages set den's image, on many connections and without a pause.
func largeImages(l *load, n int) {
	request := ask("setserverimage", "servername", "den", "img", strings.Repeat("QUJD", 128<<10)) // the longest
	for range n {
		c := l.enter(true)
		if c == nil {
			continue
		}
		l.all.Go(func() {
			defer func() { _ = c.Close() }()
			for l.pause(0) {
				if _, err := c.call(request); err != nil {
					l.noteError(err)
					return
				}
				l.note("stored")
			}
		})
	}
}

// countAnswers notes answers without looking into them more than needed.
func (l *load) countAnswers(c *line) {
	good := 0
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen["posted"] += good
	}()
	for c.SetReadDeadline(time.Time{}) == nil {
		text, err := c.in.ReadSlice('\n')
		if err != nil {
			l.noteError(err)
			return
		}
		if bytes.HasPrefix(text, []byte(`{"resp":true`)) {
			good++
		} else {
			l.note(string(text))
		}
	}
}

// loginFlood guesses passwords, so many a second, from several addresses,
// whether those before are answered or not.
func loginFlood(known bool) func(*load, int) {
	return func(l *load, perSecond int) {
		begun := time.Now()
		l.all.Go(func() {
			for n := 0; l.pause(time.Until(begun.Add(time.Duration(n) * time.Second / time.Duration(perSecond)))); n++ {
				user := fmt.Sprintf("nobody%d", n)
				if known {
					user = []string{"mallory", "chatter", "listener"}[n%3]
				}
				l.all.Go(func() { l.guess(fmt.Sprintf("127.0.0.%d", 2+n%floodAddresses), user) })
			}
		})
	}
}

const floodAddresses = 5

func (l *load) guess(from, user string) {
	c := l.dial(from, true)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, err := c.call(ask("login", "usernm", user, "passwd", "wrong"))
	if errors.Is(err, errRefused) {
		l.note(strings.TrimPrefix(err.Error(), errRefused.Error()+": "))
		return
	}
	l.noteError(err)
}

// repeated sends bytes on a new connection, hears the answer, and begins anew,
// so many times in all.
func repeated(text string) func(*load, int) {
	return func(l *load, n int) {
		const together = 4
		for range together {
			l.all.Go(func() {
				for range n / together {
					l.once(text)
				}
			})
		}
	}
}

func (l *load) once(text string) {
	c := l.dial("", true)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		l.noteError(err)
		return
	}
	h, err := c.hear()
	if err != nil {
		l.noteError(err)
		return
	}
	l.note(h.Reason)
}
