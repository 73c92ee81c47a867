package client

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"elemental/protocol"
)

// Client is a connection to a provider that comes back by itself. Its calls
// wait while it is away, for as long as their context lets them (or
// Options.Timeout): reads, logins and posts are sent again on the next
// connection when an answer was lost, the others then end with ErrUncertain.
// A call that is refused as Busy is repeated too, after growing pauses.
type Client struct {
	Calls
	address string
	o       Options
	lag     atomic.Int64
	known   atomic.Bool // Original, once there was a connection

	ctx    context.Context // until Close
	cancel context.CancelFunc
	ended  chan struct{} // closed when the keeper has ended
	hurry  chan struct{} // somebody wants a new connection now
	signIn chan struct{} // one place: who logs in or out
	wiring chan struct{} // one place: who subscribes or unsubscribes on the wire

	mu      sync.Mutex
	conn    *Conn         // nil while away
	changed chan struct{} // closed when conn changes
	away    error         // why there is no connection
	who     credentials
	subs    map[place]map[*Subscription]bool
	running sync.WaitGroup // subscriptions
}

// place is where a subscription listens.
type place struct{ server, channel string }

// Open starts a client without waiting for the provider; Options.Status tells
// how it fares. The error is of the address or the options.
func Open(address string, o Options) (*Client, error) {
	c, _, err := open(address, o)
	return c, err
}

// Dial is Open that waits for the first connection. It fails where the first
// attempt does.
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
		wiring:  make(chan struct{}, 1),
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

// Close ends the connection and all subscriptions, and waits until they have
// ended. Calls under way end with ErrClosed. It must not be called from
// Options.Status or Options.Trace.
func (c *Client) Close() {
	c.cancel()
	<-c.ended
	c.running.Wait()
}

// Lag is how long the provider took to answer the last ping, 0 before the first.
func (c *Client) Lag() time.Duration { return time.Duration(c.lag.Load()) }

// Original reports whether the provider is the original, without pushes, nonces
// and the calls that came later. False until a first connection was made.
func (c *Client) Original() bool { return c.known.Load() }

// Reconnect drops the connection, if there is one, and comes back at once. What
// is called after it waits for the next connection.
func (c *Client) Reconnect() {
	c.mu.Lock()
	conn := c.conn
	c.conn, c.away = nil, errWanted
	c.mu.Unlock()
	if conn != nil && conn.fail(errWanted) {
		return
	}
	select {
	case c.hurry <- struct{}{}: // ends a pause, also one that is about to begin
	default:
	}
}

// Ping asks the provider for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	return c.persist(ctx, attempt{
		call:     "ping",
		make:     func(ctx context.Context, conn *Conn) error { return conn.Ping(ctx) },
		harmless: func(*Conn, int) bool { return true },
	})
}

// Post posts a message under a nonce of its own, so that it is posted once
// however often its answer is lost. (The original provider has no nonces: there
// a lost answer is ErrUncertain, and Index and Time of the result are -1 and
// zero.) When it returns, the message is on the provider's disk.
func (c *Client) Post(ctx context.Context, server, channel, text string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, rand.Text()), true)
}

// PostOnce is Post under a nonce that the caller chose, up to 64 characters: the
// same nonce again posts nothing and returns the first one's place.
func (c *Client) PostOnce(ctx context.Context, server, channel, text, nonce string) (Message, error) {
	return c.post(ctx, postRequest(server, channel, text, nonce), false)
}

// post posts, and tells the subscriptions: the provider does not push a message
// to the connection that posted it. With a nonce of the caller's the text at
// that place may be another one, so they read it from the history.
func (c *Client) post(ctx context.Context, r *protocol.Request, mine bool) (Message, error) {
	server, channel, user := clean(r.ServerName.Value), clean(r.Channel.Value), c.User()
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
		own.ends(on, m, mine && err == nil, err != nil && isDoubtful(err))
	}
	if err == nil || isDoubtful(err) {
		c.tellLate(underway, server, channel)
	}
	return m, err
}

// setConn publishes a connection, or nil with the reason.
func (c *Client) setConn(conn *Conn, away error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.away = conn, away
	if conn != nil {
		c.known.Store(conn.Original())
	}
	close(c.changed)
	c.changed = make(chan struct{})
	for _, there := range c.subs {
		for s := range there {
			s.nudge()
		}
	}
}
