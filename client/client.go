package client

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"elemental/protocol"
)

// Client is a connection to a provider that reconnects by itself. While it is away, calls wait
// for it, at most as long as their context allows (or Options.Timeout, if the context has no
// deadline). When a connection ends before an answer came, reads, logins and posts are sent again
// on the next one; other calls end with ErrUncertain. A call that is refused as Busy is repeated
// too, after growing pauses.
type Client struct {
	Calls
	address    string
	o          Options
	lag        atomic.Int64
	isOriginal atomic.Bool // false before the first connection

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	ended  chan struct{}       // closed when keep has ended
	hurry  chan struct{}       // holds a value when somebody wants a new connection without a pause
	signIn chan struct{}       // a lock for one: held by who logs in or out
	wiring *semaphore.Weighted // shared by those who send subscribe; who sends unsubscribe has all of it

	mu      sync.Mutex
	conn    *Conn         // the present connection; nil while there is none
	changed chan struct{} // closed, and replaced by a new one, when conn changes
	away    error         // why there is no connection
	who     credentials
	subs    map[place]map[*Subscription]bool
	running sync.WaitGroup // the goroutines that serve subscriptions; Close waits for them
}

// wiredAtOnce is how many subscriptions ask the provider for their pushes at the same time.
const wiredAtOnce = 16

// place is what a subscription listens to: a channel, or with an empty channel the whole server.
type place struct{ server, channel string }

// Open starts a client and does not wait for the connection; Options.Status tells how it goes. It
// fails only if the address or the options are wrong.
func Open(address string, o Options) (*Client, error) {
	c, _, err := open(address, o)
	return c, err
}

// Dial does what Open does and waits for the first attempt to connect. If that fails, or ctx ends
// before, Dial returns an error and no client.
func Dial(ctx context.Context, address string, o Options) (*Client, error) {
	c, first, err := open(address, o)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func open(address string, o Options) (c *Client, first <-chan error, err error) {
	if address, err = Address(address); err != nil {
		return nil, nil, err
	}
	o = o.filled()
	if _, err = protocol.FindCodec(o.Encoding); err != nil {
		return nil, nil, err
	}
	c = &Client{
		address: address, o: o,
		ended:   make(chan struct{}),
		hurry:   make(chan struct{}, 1),
		signIn:  make(chan struct{}, 1),
		wiring:  semaphore.NewWeighted(wiredAtOnce),
		changed: make(chan struct{}),
		away:    ErrLost,
		subs:    map[place]map[*Subscription]bool{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.Calls = Calls{do: c.do, original: c.Original}
	outcome := make(chan error, 1)
	go c.keep(outcome)
	return c, outcome, nil
}

// Close ends the connection and all subscriptions and waits until they have ended. Calls under
// way end with ErrClosed. Options.Status and Options.Trace must not call it.
func (c *Client) Close() {
	c.cancel()
	<-c.ended
	c.running.Wait()
}

// Lag returns how long the provider took to answer the last ping, or 0 before the first answer.
func (c *Client) Lag() time.Duration { return time.Duration(c.lag.Load()) }

// Original reports whether the provider is the original one, which has no pushes, no nonces and
// none of the calls that were added later. It is false until the first connection is made.
func (c *Client) Original() bool { return c.isOriginal.Load() }

// Reconnect drops the connection, if there is one, and connects again without a pause. Calls made
// after it wait for the new connection. After Close it does nothing.
func (c *Client) Reconnect() {
	c.mu.Lock()
	conn := c.conn
	if conn != nil || c.away != ErrClosed {
		c.conn, c.away = nil, errWanted
	}
	c.mu.Unlock()
	if conn != nil && conn.fail(errWanted) {
		return
	}
	select {
	case c.hurry <- struct{}{}: // ends the pause that runs now or is about to begin
	default:
	}
}

// Ping asks the provider to answer, and returns nil when it did.
func (c *Client) Ping(ctx context.Context) error {
	return c.persist(ctx, attempt{
		call:     "ping",
		make:     func(ctx context.Context, conn *Conn) error { return conn.Ping(ctx) },
		harmless: func(*Conn, int) bool { return true },
	})
}

// Post posts a message and returns it with its place in the channel. It makes up a nonce, so that
// the message is posted only once however often the answer is lost and the request repeated. When
// it returns without an error, the message is on the provider's disk. The original provider has
// no nonces: there a lost answer ends in ErrUncertain, and the result has Index -1 and a zero
// Time.
func (c *Client) Post(ctx context.Context, server, channel, text string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, rand.Text()), true)
}

// PostOnce does what Post does with a nonce that the caller chose, of up to 64 characters.
// Another post with the same nonce posts nothing and returns the place of the first one.
func (c *Client) PostOnce(ctx context.Context, server, channel, text, nonce string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, nonce), false)
}

// post posts a message and tells the subscriptions of it, since the provider does not push a
// message to the connection that posted it. mine says that the nonce is this client's own. If the
// caller chose the nonce, another text may have been posted under it, so the subscriptions read
// the message from the history instead.
func (c *Client) post(ctx context.Context, r *protocol.Request, mine bool) (Message, error) {
	server, channel, user := protocol.Cleaned(r.ServerName.Value), protocol.Cleaned(r.Channel.Value), c.User()
	var underway []*ownPost
	c.eachAt(server, channel, func(s *Subscription) { underway = append(underway, s.postBegins(channel)) })
	var in *protocol.Incoming
	var on *Conn
	err := c.persist(ctx, attempt{
		call: r.Call.Value,
		make: func(ctx context.Context, conn *Conn) (err error) {
			on = conn
			in, err = conn.do(ctx, r)
			return err
		},
		harmless: func(conn *Conn, tries int) bool { return repeatable(r, conn, tries) },
	})
	m := Message{Index: -1}
	if err == nil {
		m = posted(r, in, user, on.Original())
	}
	for _, own := range underway {
		own.ends(on, m, mine && err == nil, Doubtful(err))
	}
	if err == nil || Doubtful(err) {
		c.tellLate(underway, server, channel)
	}
	return m, err
}

// setConn makes a connection available to calls, or takes it away: then conn is nil and away says
// why.
func (c *Client) setConn(conn *Conn, away error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.away = conn, away
	if conn != nil {
		c.isOriginal.Store(conn.Original())
	}
	close(c.changed)
	c.changed = make(chan struct{})
	for _, there := range c.subs {
		for s := range there {
			s.nudge()
		}
	}
}
