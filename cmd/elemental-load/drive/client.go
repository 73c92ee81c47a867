package drive

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// client is one client of a scenario. When its connection is lost it
// connects again.
type client struct {
	part   *part
	number int // within the scenario, counted over all processes; also picks the recorder's shard
	rank   int // among those of them that act
	me     Account
	server *Server        // the server it uses; nil in scenarios without servers
	home   *check.Channel // the channel of that server it uses; nil in scenarios without servers

	busy  atomic.Bool  // set while an action is under way, in scenarios where a client does one thing at a time, and with the original provider
	turns sync.Mutex   // held during an action, in scenarios with a least interval between actions
	over  time.Time    // when the client's last action ended, guarded by turns; used with that interval
	steps int          // steps taken so far, in poll and churn
	place atomic.Int64 // how far it has read in its channel, in history and poll
	slow  bool         // it subscribes and then stops reading the connection

	arriving sync.Mutex // held while the client connects, so that it makes one connection at a time

	mu        sync.Mutex
	link      *link // nil while the client is not connected
	returning bool  // keepTrying is running
}

// link is one connection of a client. It begins when the client dials.
type link struct {
	c      *client
	conn   *wire.Conn
	post   *poster       // nil in scenarios without servers; set by equip, before the client is online
	stream *check.Stream // guarded by the client's mu; nil if it is not subscribed
	ended  bool          // the connection has ended; guarded by the client's mu
	gone   bool          // the watch has forgotten it; guarded by the watch's mu
}

// online is the client's connection, or nil while it has none.
func (c *client) online() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// connect dials, logs in and, if the scenario wants it, subscribes. After an error the
// connection is closed.
func (c *client) connect(ctx context.Context) error {
	l := &link{c: c}
	conn, err := c.dial(ctx, l)
	if err != nil {
		return err
	}
	l.conn = conn
	if err = c.arrive(l); err == nil && !c.settle(l) {
		err = conn.Err()
	}
	if err == nil && c.slow {
		conn.Pause()
	}
	if err != nil {
		conn.End(err)
	}
	return err
}

// arrive logs in and subscribes. It ends the connection if that takes longer than the
// timeout.
func (c *client) arrive(l *link) error {
	late := time.AfterFunc(c.part.w.world.Reach.Timeout, func() { l.conn.End(errNoAnswer) })
	defer late.Stop()
	if err := c.logIn(l.conn); err != nil || c.home == nil {
		return err
	}
	if stream := c.equip(l); stream != nil {
		return l.subscribe(stream)
	}
	return nil
}

// logIn logs in with the key, and with the password if the key is refused as too old or
// wrong. A refusal that may pass, such as "busy", is tried again until the connection
// ends.
func (c *client) logIn(conn *wire.Conn) error {
	world := c.part.w.world
	err := problem("login", c.ask(conn, opLogin, time.Now(), world.login(c.me)))
	const pause = 100 * time.Millisecond // between tries; they stop at the latest when arrive ends the connection
	for passing[codeOf(err)] && sleep(c.part.w.life, pause) == nil {
		err = problem("login", c.ask(conn, opLogin, time.Now(), world.login(c.me)))
	}
	if keyIsOld(err) {
		err = problem("login", c.ask(conn, opLogin, time.Now(), world.login(Account{Name: c.me.Name})))
	}
	return err
}

// equip gives a logged-in connection its poster and, if the client is to subscribe, its
// stream, which it returns; otherwise nil.
func (c *client) equip(l *link) *check.Stream {
	lane := c.home.Lane()
	c.mu.Lock()
	defer c.mu.Unlock()
	l.post = newPoster(c.part.w.world, lane, c.me.Name)
	if c.part.scenario.subscribes(c) && !l.ended {
		l.stream = c.home.Stream(lane)
	}
	return l.stream
}

// listening is the connection's stream, or nil if it has none.
func (l *link) listening() *check.Stream {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return l.stream
}

func (l *link) subscribe(stream *check.Stream) error {
	r := l.c.part.w.world.inChannel("subscribe", l.c.me.Name, l.c.home.Server, l.c.home.Name)
	build := func(dst []byte, _ time.Time) []byte { return protocol.AppendRequest(dst, r) }
	a := l.conn.Call(build, func(a *wire.Answer) {
		if a.OK {
			stream.Begin(a.Amount)
		}
	})
	l.c.judge(opSubscribe, a.Sent, a)
	return problem("subscribe", a)
}

// settle makes a connection the one that the client uses. It returns false if the
// connection has ended already.
func (c *client) settle(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.ended {
		return false
	}
	c.link = l
	return true
}

// dial opens a connection, without logging in, and records how long that took.
func (c *client) dial(ctx context.Context, l *link) (*wire.Conn, error) {
	w := c.part.w
	begun := time.Now()
	conn, err := w.dialer.Dial(ctx, l)
	if err != nil {
		c.failed(opConnect, err)
		return nil, err
	}
	w.watch.add(l, conn)
	w.rec.Done(c.number, opConnect, begun, begun, time.Now())
	return conn, nil
}

// Heard takes a push. The goroutine that reads the connection calls it. A client
// subscribes to its own channel only; it gets pushes of other channels if the provider
// subscribes everybody to everything. Those are counted as strays.
func (l *link) Heard(e *wire.Event) {
	stream, w := l.listening(), l.c.part.w
	switch {
	case stream == nil || string(e.Server) != l.c.home.Server:
		w.strays.Add(1)
	case e.Kind == wire.Unsubscribed:
		stream.Stop()
		w.rec.Refused(l.c.number, opSubscribe, e.Code, "the subscription has ended")
		l.conn.End(errDeaf) // ends the connection, so that the client connects and subscribes again
	case string(e.Channel) == l.c.home.Name:
		stamp, ok := stream.Pushed(e.Index, e.Text)
		if start := w.began(); ok && !start.IsZero() && !l.c.slow {
			w.rec.Done(l.c.number, opDelivered, start.Add(stamp.Due), start.Add(stamp.Sent), e.At)
		}
	default:
		w.strays.Add(1)
	}
}

// errDeaf ends a connection whose subscription the provider has ended.
var errDeaf = errors.New("the provider ended the subscription")

// Ended is called once, when the connection has ended. The client then connects again,
// unless it closed the connection itself, has replaced it or never used it, or the run is
// over. Slow readers stay away: how they were disconnected is counted.
func (l *link) Ended(cause error) {
	c, w := l.c, l.c.part.w
	w.watch.remove(l)
	c.mu.Lock()
	l.ended = true
	lost, stream := c.link == l, l.stream
	if lost {
		c.link = nil
	}
	c.mu.Unlock()
	if stream != nil {
		stream.Stop()
	}
	switch {
	case !lost || errors.Is(cause, wire.ErrClosed) || w.life.Err() != nil:
	case c.slow:
		c.part.noteCut(cause)
	default:
		w.rec.Failed(c.number, opConnection, cause)
		c.comeBack()
	}
}

// comeBack makes the client connect again, with growing pauses between tries. It does
// nothing if that is under way: a client that is dropped again meanwhile must still end
// up with one connection, not two.
func (c *client) comeBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.returning {
		return
	}
	c.returning = true
	c.part.w.tasks.Go(c.keepTrying)
}

func (c *client) keepTrying() {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, 5*time.Second
	for life := c.part.w.life; !c.isBack() && sleep(life, pauses.NextBackOff()) == nil; {
		c.arriving.Lock()
		if c.online() == nil {
			_ = c.connect(life) // the error is recorded there; the loop tries again
		}
		c.arriving.Unlock()
	}
}

// isBack tells whether the client is online. If so it also ends returning, so that
// comeBack can start the next return.
func (c *client) isBack() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.returning = c.link == nil
	return !c.returning
}

// again drops the client's connection, if it has one, and makes a new one.
func (c *client) again() error {
	c.arriving.Lock()
	defer c.arriving.Unlock()
	c.mu.Lock()
	dropped := c.link
	c.link = nil // before it is closed, so that Ended does not start a return
	c.mu.Unlock()
	if dropped != nil {
		dropped.conn.Close()
	}
	return c.connect(c.part.w.life)
}

// ask sends a request, waits for its answer and records the outcome.
func (c *client) ask(conn *wire.Conn, operation string, due time.Time, r *protocol.Request) *wire.Answer {
	a := conn.Ask(r)
	c.judge(operation, due, a)
	return a
}

// judge records the outcome of a request: done, refused or failed.
func (c *client) judge(operation string, due time.Time, a *wire.Answer) {
	rec := c.part.w.rec
	switch {
	case c.waitsForPlace(problem(operation, a)):
	case a.Err != nil:
		c.failed(operation, a.Err)
	case !a.OK: // a reason without a code is this provider's own; the protocol has no name for it
		rec.Refused(c.number, operation, cmp.Or(a.Code, "other"), cmp.Or(a.Reason, "no reason was given"))
	default:
		rec.Done(c.number, operation, due, a.Sent, a.At)
	}
}

// waitsForPlace tells whether the provider was full before the load began, so that Connect tries
// again. That is not recorded.
func (c *client) waitsForPlace(err error) bool {
	return err != nil && c.part.w.began().IsZero() && isFull(err)
}

// failed records a request that got no answer. At the end of the run nothing is recorded,
// since then this worker itself closed the connection, maybe of a client that was about
// to come back.
func (c *client) failed(operation string, cause error) {
	if w := c.part.w; w.life.Err() == nil && !c.waitsForPlace(cause) {
		w.rec.Failed(c.number, operation, cause)
	}
}
