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

// Conn is one connection to a provider. Any goroutine may send requests. They are
// answered in the order in which they were sent. A connection that has ended stays so.
type Conn struct {
	net      net.Conn
	original bool
	handler  Handler

	alone   sync.Mutex // held during Call with the original provider, which loses requests that come together
	sending sync.Mutex // makes the order of waiting the order on the wire
	out     []byte     // buffer for requests, guarded by sending

	reading sync.Mutex // held while the connection is paused, so that nothing is read

	mu      sync.Mutex
	waiting []waiter // requests that wait for their answers, oldest first, from index head on
	head    int
	final   *Ended
	ended   error
}

// waiter is a request that waits for its answer.
type waiter struct {
	sent time.Time
	done func(*Answer)
}

// Ended is the reason that the provider gave for ending a connection.
type Ended struct{ Code, Reason string }

// Error gives the provider's reason.
func (e *Ended) Error() string { return "the provider ended the connection: " + e.Reason }

// ErrClosed is the cause if the owner of the connection closed it.
var ErrClosed = errors.New("closed by the load tester")

// hungUp is the cause if the provider closed the connection.
type hungUp struct{}

func (hungUp) Error() string { return "the provider closed the connection" }
func (hungUp) Unwrap() error { return io.EOF }

// Send sends a request: the JSON object that build appends to dst. Build is called when
// it is the request's turn; now is the time that counts as its sending. Done is called
// once with the answer, by the goroutine that reads the connection, before that reads on:
// it must not wait. If the connection has ended or ends before the answer, done gets an
// Answer with Err. Send itself waits only while the socket takes no more.
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
	const keep = 4 << 10 // bytes; larger buffers are not kept, since there may be thousands of connections
	if cap(c.out) > keep {
		c.out = nil
	}
}

// Call is like Send, but waits for the answer and returns it. Heard, which may be nil, is
// called like done of Send.
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

// Ask is Call for a finished request.
func (c *Conn) Ask(r *protocol.Request) *Answer {
	return c.Call(func(dst []byte, _ time.Time) []byte { return protocol.AppendRequest(dst, r) }, nil)
}

// Waiting is when the oldest request without an answer was sent, or zero if all are
// answered.
func (c *Conn) Waiting() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head == len(c.waiting) {
		return time.Time{}
	}
	return c.waiting[c.head].sent
}

// Err is why the connection has ended, or nil while it has not. It is an *Ended if the
// provider gave the reason.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Close ends the connection, without waiting, with the cause ErrClosed.
func (c *Conn) Close() { c.fail(ErrClosed) }

// End ends the connection with a cause.
func (c *Conn) End(cause error) { c.fail(cause) }

// Pause stops reading until Resume, after at most one more read.
func (c *Conn) Pause() { c.reading.Lock() }

// Resume continues reading after Pause.
func (c *Conn) Resume() { c.reading.Unlock() }

// await adds a request to those that wait for an answer.
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

// first removes the request whose answer comes next. It returns false if none waits.
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

// fail notes the cause and closes the socket. The reading goroutine then tells those who
// wait. If the provider has given a reason before, that is the cause, unless the owner
// closed the connection.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	if c.ended == nil {
		if c.final != nil && !errors.Is(cause, ErrClosed) {
			cause = c.final
		}
		c.ended = cause
	}
	c.mu.Unlock()
	_ = c.net.Close() // it is given up, so errors do not matter
}

// In bytes. The read buffer of a connection begins small, since most answers are short.
const (
	leastBuffer = 1 << 10
	mostBuffer  = 64 << 20
)

// read is the goroutine that reads what the provider sends, until the connection ends.
func (c *Conn) read() {
	defer func() { c.handler.Ended(c.Err()) }()
	buf, end := make([]byte, leastBuffer), 0
	var scan scanner
	for {
		if end == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		c.reading.Lock()
		c.reading.Unlock() //nolint:staticcheck // an empty section: it waits while Pause holds the lock
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

// take handles each complete frame in buf and returns the rest.
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

// handle handles one frame: an answer, an event or the provider's reason for ending the
// connection.
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

// answered passes an answer to the request that has waited longest. If none waits, it is
// the provider's reason for ending the connection.
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

// finish ends the connection and tells every request that waits.
func (c *Conn) finish(err error) {
	if err = shortened(err); errors.Is(err, io.EOF) {
		err = hungUp{}
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
