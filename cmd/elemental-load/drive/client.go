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

// client is one client of a scenario. It comes back when its connection is lost.
type client struct {
	part   *part
	number int // within the scenario, over all processes
	turn   int // spreads the recording
	me     Account
	server *Server        // its home, nil in scenarios without servers
	home   *check.Channel // likewise

	busy  atomic.Bool  // in scenarios in which a client does one thing at a time
	turns sync.Mutex   // likewise, where it may do so only every so often
	over  time.Time    // when it did so last, guarded by turns
	steps int          // that it has taken, in those scenarios
	place atomic.Int64 // how far it has read
	slow  bool         // it subscribes and then reads no more

	arriving sync.Mutex // held by who has it connect: one at a time

	mu        sync.Mutex
	link      *link // nil while it is away
	returning bool  // somebody has it come back
}

// link is one connection of a client, from its login on.
type link struct {
	c      *client
	conn   *wire.Conn
	post   *poster       // nil in scenarios without servers; set before it is online
	stream *check.Stream // guarded by the client's lock; nil if it is not subscribed
	ended  bool          // guarded by the client's lock
	gone   bool          // guarded by the watch's lock
}

// online is the client's connection, nil while it is away.
func (c *client) online() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// connect dials, logs in, and does what the scenario's clients do on arrival.
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

// arrive logs in and subscribes.
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

// logIn logs in by key, and by password where the key has become too old.
func (c *client) logIn(conn *wire.Conn) error {
	world := c.part.w.world
	err := problem("login", c.ask(conn, opLogin, time.Now(), world.login(c.me)))
	const pause = 100 * time.Millisecond // between tries; the connection has its own end
	for passing[codeOf(err)] && (plainClock{}).Until(c.part.w.life, time.Now().Add(pause)) == nil {
		err = problem("login", c.ask(conn, opLogin, time.Now(), world.login(c.me)))
	}
	if keyIsOld(err) {
		err = problem("login", c.ask(conn, opLogin, time.Now(), world.login(Account{Name: c.me.Name})))
	}
	return err
}

// equip gives a connection that is logged in its lane, and its stream if it is to
// subscribe.
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

// listening is the connection's stream, nil if it has none.
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

// settle makes a connection the client's, unless it has ended already.
func (c *client) settle(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.ended {
		return false
	}
	c.link = l
	return true
}

// dial is a new connection of the client's user.
func (c *client) dial(ctx context.Context, l *link) (*wire.Conn, error) {
	w := c.part.w
	begun := time.Now()
	conn, err := w.dialer.Dial(ctx, l)
	if err != nil {
		c.failed(opConnect, err)
		return nil, err
	}
	w.watch.add(l, conn)
	w.rec.Done(c.turn, opConnect, begun, begun, time.Now())
	return conn, nil
}

// Heard takes a push. It is called by who reads the connection. Of other channels
// than its own a client hears where the provider subscribes everybody to everything.
func (l *link) Heard(e *wire.Event) {
	stream, w := l.listening(), l.c.part.w
	switch {
	case stream == nil || string(e.Server) != l.c.home.Server:
		w.strays.Add(1)
	case e.Kind == wire.Unsubscribed:
		stream.Stop()
		w.rec.Refused(l.c.turn, opSubscribe, e.Code, "the subscription has ended")
		l.conn.End(errDeaf) // the client returns, and subscribes again
	case string(e.Channel) == l.c.home.Name:
		stamp, ok := stream.Pushed(e.Index, e.Text)
		if start := w.began(); ok && !start.IsZero() && !l.c.slow {
			w.rec.Done(l.c.turn, opDelivered, start.Add(stamp.Due), start.Add(stamp.Sent), e.At)
		}
	default:
		w.strays.Add(1)
	}
}

// errDeaf ends a connection whose subscription the provider has ended.
var errDeaf = errors.New("the provider ended the subscription")

// Ended notes the end of the connection. The client comes back, unless the end was
// wanted or the run is over.
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
		w.rec.Failed(c.turn, opConnection, cause)
		c.comeBack()
	}
}

// comeBack has the client connect anew, after growing pauses, unless that is under way:
// who is dropped once more meanwhile has one connection to come back with, not two.
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
	for life := c.part.w.life; !c.isBack() && (plainClock{}).Until(life, time.Now().Add(pauses.NextBackOff())) == nil; {
		c.arriving.Lock()
		if c.online() == nil {
			_ = c.connect(life) // it is recorded, and tried again
		}
		c.arriving.Unlock()
	}
}

// isBack tells that the client is online, and then that nobody has it come back any more.
func (c *client) isBack() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.returning = c.link == nil
	return !c.returning
}

// again drops the connection, if there is one, and makes another.
func (c *client) again() error {
	c.arriving.Lock()
	defer c.arriving.Unlock()
	c.mu.Lock()
	dropped := c.link
	c.link = nil // at once: it is not the client's any more when it ends
	c.mu.Unlock()
	if dropped != nil {
		dropped.conn.Close()
	}
	return c.connect(c.part.w.life)
}

// ask sends a request and records it.
func (c *client) ask(conn *wire.Conn, operation string, due time.Time, r *protocol.Request) *wire.Answer {
	a := conn.Ask(r)
	c.judge(operation, due, a)
	return a
}

// judge records what became of a request.
func (c *client) judge(operation string, due time.Time, a *wire.Answer) {
	rec := c.part.w.rec
	switch {
	case a.Err != nil:
		c.failed(operation, a.Err)
	case !a.OK: // a reason without a code is one that only its provider knows
		rec.Refused(c.turn, operation, cmp.Or(a.Code, "other"), cmp.Or(a.Reason, "no reason was given"))
	default:
		rec.Done(c.turn, operation, due, a.Sent, a.At)
	}
}

// failed records what has no answer, unless it was this worker that hung up in the end on
// who was just about to come back.
func (c *client) failed(operation string, cause error) {
	if w := c.part.w; w.life.Err() == nil {
		w.rec.Failed(c.turn, operation, cause)
	}
}
