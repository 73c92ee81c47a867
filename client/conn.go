package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"elemental/protocol"
)

// Conn is a single connection, made by Connect. Once it has ended it does not come back: its
// calls fail with ErrLost or ErrUncertain, and Err returns why. Close it when it is no longer
// needed.
type Conn struct {
	Calls
	o     Options
	net   net.Conn
	codec *protocol.Codec
	hear  func(*Conn, Event)

	isOriginal atomic.Bool   // set by greet, before anybody else has the connection
	counting   pacer         // spaces out gettotalmessages, for the original provider
	window     chan struct{} // holds a value for each request under way
	wake       chan struct{} // holds a value when there is something to write
	done       chan struct{} // closed when the connection has ended
	readerDone chan struct{} // closed when no answer and no event will come any more

	tracing   sync.Mutex // one call of Options.Trace at a time
	began     time.Time
	lastHeard atomic.Int64 // when bytes were last received, in nanoseconds since the connection began: the clock may be set meanwhile

	mu      sync.Mutex
	out     []byte    // encoded requests that wait to be written
	waiting []*waiter // requests that wait for their answers, in the order in which they were enqueued
	lastID  uint64
	user    string // who is logged in; the original provider wants the name with many requests
	final   *Refusal
	ended   error
}

// waiter is a request that waits for its answer.
type waiter struct {
	call   string
	id     uint64
	sent   bool                    // at least a part of it may have been sent
	answer chan *protocol.Incoming // has room for the one answer, so that the reader never waits
}

// Connect makes a single connection and finds out which kind of provider it leads to.
// Options.Status is not used. hear, which may be nil, is called with each push, in order and from
// one goroutine. Nothing else is read until it returns, so it must not wait for an answer.
func Connect(ctx context.Context, address string, o Options, hear func(Event)) (*Conn, error) {
	return connect(ctx, address, o, func(_ *Conn, e Event) {
		if hear != nil {
			hear(e)
		}
	})
}

func connect(ctx context.Context, address string, o Options, hear func(*Conn, Event)) (*Conn, error) {
	o = o.filled()
	codec, err := protocol.FindCodec(o.Encoding)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	wire, err := dial(ctx, address, o.TLS)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		o: o, net: wire, codec: codec, hear: hear, began: time.Now(),
		counting:   pacer{place: make(chan struct{}, 1)},
		window:     make(chan struct{}, o.Window),
		wake:       make(chan struct{}, 1),
		done:       make(chan struct{}),
		readerDone: make(chan struct{}),
		out:        slices.Clone(codec.Mark()),
	}
	c.Calls = Calls{do: c.do, original: c.Original}
	go c.read()
	go c.write()
	if err := c.greet(ctx); err != nil {
		c.fail(err)
		return nil, err
	}
	return c, nil
}

func dial(ctx context.Context, address string, secure *tls.Config) (net.Conn, error) {
	address, err := Address(address)
	if err != nil {
		return nil, err
	}
	if secure == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", address)
}

// greet finds out which provider this is: it sends a ping, which the original does not know and
// sends back as it came.
func (c *Conn) greet(ctx context.Context) error {
	in, err := c.roundTrip(ctx, request("ping"))
	switch {
	case err != nil && c.lastWord() != nil:
		return c.lastWord()
	case err != nil:
		return fmt.Errorf("no answer from a provider: %w", cmp.Or(c.Err(), ctx.Err(), err))
	case in.Call == "ping":
		c.isOriginal.Store(true)
		c.window = make(chan struct{}, 1) // the original loses requests that arrive together
	}
	return nil
}

// Original reports whether the provider is the original one: it has no pushes, takes one request
// at a time and lacks the calls that were added later.
func (c *Conn) Original() bool { return c.isOriginal.Load() }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the connection has ended, or nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Close ends the connection at once and waits until the hear function of Connect is not called
// any more. That function must not call it.
func (c *Conn) Close() {
	c.fail(ErrClosed)
	<-c.readerDone
}

// fail ends the connection. The first cause is kept; fail reports whether this was it.
func (c *Conn) fail(cause error) bool {
	first := c.finish(cause)
	if first {
		_ = c.net.Close() // the connection is given up whether or not closing fails
	}
	return first
}

// finish notes the end and its cause, and reports whether this was the first. A refusal with
// which the provider has ended the connection replaces the cause.
func (c *Conn) finish(cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return false
	}
	if c.final != nil {
		cause = c.final
	}
	c.ended = cause
	close(c.done)
	return true
}

// lastWord returns the refusal with which the provider ended the connection, or nil.
func (c *Conn) lastWord() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final == nil {
		return nil
	}
	return c.final
}

// do sends a request and waits for its answer.
func (c *Conn) do(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	ctx, cancel := within(ctx, c.o.Timeout)
	defer cancel()
	if c.Original() {
		return c.doOriginal(ctx, r)
	}
	return c.judged(ctx, r)
}

// judged does what roundTrip does and returns a refusal as an error.
func (c *Conn) judged(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	in, err := c.roundTrip(ctx, r)
	if err == nil && !in.OK {
		return nil, refusalOf(r.Call.Value, in)
	}
	return in, err
}

// within adds the timeout to a context that has no deadline of its own.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// roundTrip waits for a free place in the window, sends the request and waits for its answer.
func (c *Conn) roundTrip(ctx context.Context, r *protocol.Request) (*protocol.Incoming, error) {
	call := r.Call.Value
	select {
	case c.window <- struct{}{}:
	case <-c.done:
		return nil, cutOff(call, false, c.Err())
	case <-ctx.Done():
		return nil, givenUp(call, false, ctx.Err())
	}
	if ctx.Err() != nil { // if both cases are ready, a select may take either
		<-c.window
		return nil, givenUp(call, false, ctx.Err())
	}
	w, err := c.enqueue(r)
	if err != nil {
		return nil, err
	}
	select {
	case in := <-w.answer:
		return in, nil
	case <-ctx.Done():
		return nil, givenUp(call, true, ctx.Err())
	case <-c.done:
	}
	return c.afterTheEnd(w)
}

// afterTheEnd returns what became of a request whose connection has ended: its answer, if the
// reader still got it, or the error. What the provider has certainly not read is not in doubt.
func (c *Conn) afterTheEnd(w *waiter) (*protocol.Incoming, error) {
	<-c.readerDone
	select {
	case in := <-w.answer:
		return in, nil
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return nil, cutOff(w.call, w.sent && !gaveAllAnswers(c.final), c.ended)
}

// enqueue hands a request to the writer. The request keeps its place in the window until it is
// answered.
func (c *Conn) enqueue(r *protocol.Request) (*waiter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return nil, cutOff(r.Call.Value, false, c.ended)
	}
	numbered := *r
	c.lastID++
	if !c.Original() {
		numbered.ID = fmt.Append(nil, c.lastID)
	}
	w := &waiter{call: r.Call.Value, id: c.lastID, answer: make(chan *protocol.Incoming, 1)}
	c.waiting = append(c.waiting, w)
	from := len(c.out)
	c.out = c.codec.Finish(protocol.AppendRequest(c.out, &numbered), from)
	c.trace(true, func() []byte { return protocol.AppendMasked(nil, &numbered) })
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return w, nil
}

func (c *Conn) trace(sent bool, masked func() []byte) {
	if c.o.Trace != nil {
		c.tracing.Lock()
		defer c.tracing.Unlock()
		c.o.Trace(Traffic{Sent: sent, Time: time.Now(), JSON: masked()})
	}
}

// errEnded is the cause when the provider closed the connection.
var errEnded = errors.New("the provider closed the connection")
