package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"elemental/protocol"
)

// Conn is one connection. Requests may be sent by any goroutine; they are
// answered in the order in which they were sent. It ends once.
type Conn struct {
	net      net.Conn
	original bool
	handler  Handler

	alone   sync.Mutex // the original loses requests that come together: one at a time
	sending sync.Mutex // keeps the order of the wire and of waiting the same
	out     []byte     // used by who is sending

	reading sync.Mutex // held by Pause, so that nothing is read

	mu      sync.Mutex
	waiting []waiter // first in, first out, from head on
	head    int
	final   *Ended
	ended   error
}

// waiter is a request under way.
type waiter struct {
	sent time.Time
	done func(*Answer)
}

// Ended is the provider's last word on a connection.
type Ended struct{ Code, Reason string }

// Error is the reason.
func (e *Ended) Error() string { return "the provider ended the connection: " + e.Reason }

// ErrClosed is the end of a connection that its owner closed.
var ErrClosed = errors.New("closed by the load tester")

var errHungUp = errors.New("the provider closed the connection")

// Send sends what build appends, a JSON object. Build is called when it is the
// request's turn; now is the moment that counts as the sending. Done is called once,
// with the answer, from the goroutine that reads the connection and before it
// reads on: it must not wait. If the connection has ended or ends, done hears
// Answer.Err. Send itself waits only where the socket takes no more.
func (c *Conn) Send(build func(dst []byte, now time.Time) []byte, done func(*Answer)) {
	c.sending.Lock()
	defer c.sending.Unlock()
	now := time.Now()
	if err := c.await(waiter{now, done}); err != nil {
		done(&Answer{Err: err, Sent: now, At: now})
		return
	}
	c.out = build(c.out[:0], now)
	if _, err := c.net.Write(c.out); err != nil {
		c.fail(fmt.Errorf("sending: %w", shortened(err)))
	}
	const keep = 4 << 10 // a larger buffer is not worth keeping in each of thousands
	if cap(c.out) > keep {
		c.out = nil
	}
}

// Call is Send that waits for the answer. Heard, which may be nil, is called like
// done of Send.
func (c *Conn) Call(build func(dst []byte, now time.Time) []byte, heard func(*Answer)) *Answer {
	if c.original {
		c.alone.Lock()
		defer c.alone.Unlock()
	}
	answered := make(chan *Answer, 1)
	c.Send(build, func(a *Answer) {
		if heard != nil {
			heard(a)
		}
		answered <- a
	})
	return <-answered
}

// Ask is Call with a ready request.
func (c *Conn) Ask(r *protocol.Request) *Answer {
	return c.Call(func(dst []byte, _ time.Time) []byte { return protocol.AppendRequest(dst, r) }, nil)
}

// Waiting is since when the request that is next to be answered is under way,
// zero if none is.
func (c *Conn) Waiting() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head == len(c.waiting) {
		return time.Time{}
	}
	return c.waiting[c.head].sent
}

// Err is why the connection has ended, nil until then. An *Ended is the
// provider's word.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Close ends the connection without waiting.
func (c *Conn) Close() { c.fail(ErrClosed) }

// End closes the connection for a cause.
func (c *Conn) End(cause error) { c.fail(cause) }

// Pause stops reading, after at most one read more, until Resume.
func (c *Conn) Pause() { c.reading.Lock() }

// Resume reads on.
func (c *Conn) Resume() { c.reading.Unlock() }

// await puts a request among those that wait.
func (c *Conn) await(w waiter) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return c.ended
	}
	if c.head == len(c.waiting) {
		c.waiting, c.head = c.waiting[:0], 0
	}
	c.waiting = append(c.waiting, w)
	return nil
}

// first takes out the request that is answered next.
func (c *Conn) first() (waiter, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head == len(c.waiting) {
		return waiter{}, false
	}
	w := c.waiting[c.head]
	c.waiting[c.head] = waiter{}
	c.head++
	const many = 64 // a connection that is never idle must not grow for ever
	if c.head >= many && c.head*2 >= len(c.waiting) {
		c.waiting = c.waiting[:copy(c.waiting, c.waiting[c.head:])]
		c.head = 0
	}
	return w, true
}

// fail notes why the connection ends and closes the socket; the reader then
// tells those who wait.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	if c.ended == nil {
		if c.final != nil && !errors.Is(cause, ErrClosed) {
			cause = c.final
		}
		c.ended = cause
	}
	c.mu.Unlock()
	_ = c.net.Close() // given up, whatever closing says
}

// The buffer of a connection begins small, since most have one short answer in it.
const (
	leastBuffer = 1 << 10
	mostBuffer  = 64 << 20
)

// read takes in what the provider says, until the end.
func (c *Conn) read() {
	defer func() { c.handler.Ended(c.Err()) }()
	buf, end := make([]byte, leastBuffer), 0
	var scan scanner
	for {
		if end == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		c.reading.Lock()
		c.reading.Unlock() //nolint:staticcheck // an empty section: Pause holds it
		n, err := c.net.Read(buf[end:])
		end += n
		rest := c.take(buf[:end], &scan, time.Now())
		end = copy(buf, rest)
		if len(buf) > 64*leastBuffer && end == 0 {
			buf = make([]byte, leastBuffer)
		}
		if err == nil && end >= mostBuffer {
			err = errors.New("an answer without an end")
		}
		if err != nil {
			c.finish(err)
			return
		}
	}
}

// take hands on each frame that is complete, and gives what is left.
func (c *Conn) take(buf []byte, scan *scanner, now time.Time) []byte {
	for {
		end := scan.next(buf)
		if end == 0 {
			return buf
		}
		c.handle(buf[:end], now)
		buf = buf[end:]
	}
}

// handle hands on one frame.
func (c *Conn) handle(frame []byte, now time.Time) {
	p := parse(frame)
	p.answer.At, p.event.At = now, now
	switch {
	case p.call == "" || c.original:
		p.answer.echo = p.call != ""
		c.answered(&p.answer)
	case p.call == protocol.CallDisconnected:
		c.lastWord(&Ended{p.answer.Code, p.answer.Reason})
	case p.call == protocol.CallNewMessage:
		c.handler.Heard(&p.event)
	case p.call == protocol.CallUnsubscribed:
		p.event.Kind = Unsubscribed
		c.handler.Heard(&p.event)
	default:
		c.answered(&Answer{OK: false, echo: true, Index: -1, Amount: -1, At: now})
	}
}

// answered tells who waits longest. An answer that nobody waits for is the
// provider's last word.
func (c *Conn) answered(a *Answer) {
	w, waits := c.first()
	if !waits {
		c.lastWord(&Ended{a.Code, a.Reason})
		return
	}
	a.Sent = w.sent
	w.done(a)
}

func (c *Conn) lastWord(e *Ended) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.final = e
}

// finish ends the connection and tells everybody who waits.
func (c *Conn) finish(err error) {
	if err = shortened(err); errors.Is(err, io.EOF) {
		err = errHungUp
	}
	c.fail(err)
	cause, now := c.Err(), time.Now()
	for {
		w, waits := c.first()
		if !waits {
			return
		}
		w.done(&Answer{Err: cause, Sent: w.sent, At: now, Index: -1, Amount: -1})
	}
}
