package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"elemental/protocol"
)

// Kind says what an Event is about.
type Kind int

// The kinds of an Event.
const (
	Posted       Kind = iota // a message was posted
	Deleted                  // the channel was deleted; a new one of the same name may follow, with indexes from 0 again
	Unsubscribed             // only with a Conn: the subscription has ended, or, if it is to a whole server, a channel was deleted
)

// Event is what a Subscription delivers, and what a Conn passes to its hear function. The message
// is complete only with Posted; otherwise it has only Server and Channel.
type Event struct {
	Kind Kind
	Message
	Cause *Refusal // only with Unsubscribed: why
}

// Subscription delivers the messages of one channel, or of all channels of a server, also of
// those that are made later. Each message comes once; within a channel they come in order of the
// index and without gaps. The client's own posts are among them. A slow consumer holds up nobody
// and loses nothing: what it could not take is read from the history later.
//
// The original provider has no pushes. There the subscription asks again and again, one channel
// in 0.8 seconds; to begin with a whole server takes that long for each of its channels.
type Subscription struct {
	c      *Client
	at     place
	from   int64 // the index to begin with, or -1 to begin with what is posted from now on
	events chan Event
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}

	delivered atomic.Bool // true when Events is closed

	mu       sync.Mutex
	begun    bool              // it was attached once, so it is known where delivery begins
	wired    *Conn             // the connection on which it sends subscribe or has sent it
	told     *Conn             // the connection on which subscribe was answered: from then on it is told of each end of a channel
	attached *Conn             // the connection whose pushes the tracks take, once the survey on it is complete; nil while there is none
	stale    bool              // there may be messages that were not counted, so the survey has to be repeated
	endings  int               // how often a channel was seen to end; ownPost compares it
	early    early             // what came on a connection before it was attached
	tracks   map[string]*track // the present channels, by name
	dying    []*track          // tracks of deleted channels whose messages are still delivered
	cause    error             // why it has ended or is about to end; nil before that
}

// Subscribe begins a subscription with what is posted from now on. With channel "" it is to the
// whole server. ctx is for the beginning only, not for the life of the subscription.
func (c *Client) Subscribe(ctx context.Context, server, channel string) (*Subscription, error) {
	return c.subscribe(ctx, place{protocol.Cleaned(server), protocol.Cleaned(channel)}, -1)
}

// SubscribeFrom begins a subscription to one channel with the message of that index, so that
// there is no gap between the history and what comes later. An index beyond the channel's end
// means its end. channel must not be empty and index not negative.
func (c *Client) SubscribeFrom(ctx context.Context, server, channel string, index int64) (*Subscription, error) {
	if channel == "" || index < 0 {
		return nil, fmt.Errorf("subscribe: from %d in channel %q of %q: it takes a channel and an index", index, channel, server)
	}
	return c.subscribe(ctx, place{protocol.Cleaned(server), protocol.Cleaned(channel)}, index)
}

func (c *Client) subscribe(ctx context.Context, at place, from int64) (*Subscription, error) {
	s := &Subscription{
		c: c, at: at, from: from,
		events: make(chan Event, 64), wake: make(chan struct{}, 1),
		tracks: map[string]*track{},
	}
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	c.add(s)
	err := s.begin(ctx)
	if err == nil {
		err = c.launch(s.run)
	}
	if err == nil {
		return s, nil
	}
	s.cancel()
	c.remove(s)
	_ = c.launch(s.unwire) // if the client is closed, there is nothing to unsubscribe
	return nil, err
}

// begin attaches the subscription for the first time.
func (s *Subscription) begin(ctx context.Context) error {
	return s.c.persist(ctx, attempt{
		call:     "subscribe",
		make:     s.attach,
		harmless: func(*Conn, int) bool { return true },
	})
}

// Events returns the channel of events. It is closed when the subscription has ended; then Err
// says why.
func (s *Subscription) Events() <-chan Event { return s.events }

// Err returns why the subscription has ended, and nil until Events is closed. It is the refusal
// that ended it (the membership, the channel, the server or the login has ended), another error
// that made it impossible to go on, or ErrClosed.
func (s *Subscription) Err() error {
	if !s.delivered.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		return ErrClosed
	}
	return s.cause
}

// Close ends the subscription; Events is closed soon after.
func (s *Subscription) Close() { s.cancel() }

// nudge wakes the subscription's goroutine, run, if it waits.
func (s *Subscription) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run is the subscription's goroutine. It delivers what is there, reads what is missing, and
// attaches again on each new connection.
func (s *Subscription) run() {
	defer s.finish()
	for s.ctx.Err() == nil {
		if e, ready := s.deliverable(); ready {
			select {
			case s.events <- e:
			case <-s.ctx.Done():
			}
			continue
		}
		if s.over() {
			return
		}
		if err := s.catchUp(); err != nil && !s.survives(err) {
			s.end(err)
		}
	}
}

// catchUp does the next step to get something to deliver, or waits until there may be something.
func (s *Subscription) catchUp() error {
	conn, _, _ := s.c.current()
	if conn == nil {
		s.rest(nil)
		return nil
	}
	if conn != s.where() {
		return s.attach(s.ctx, conn)
	}
	t, begin, end, wait := s.gap()
	if t != nil && wait <= 0 {
		return s.fetch(conn, t, begin, end)
	}
	if s.isStale() {
		return s.attach(s.ctx, conn)
	}
	if t == nil && !conn.Original() {
		s.rest(nil)
		return nil
	}
	if conn.Original() {
		wait = countInterval
	}
	due := time.NewTimer(wait)
	defer due.Stop()
	s.rest(due.C)
	if conn.Original() {
		return s.attach(s.ctx, conn)
	}
	return nil
}

// rest waits until nudge is called, due has a value or the subscription ends.
func (s *Subscription) rest(due <-chan time.Time) {
	select {
	case <-s.wake:
	case <-due:
	case <-s.ctx.Done():
	}
}

// survives reports whether the subscription may go on after err, since the trouble may pass. If
// so, it has waited a little before the next attempt. An error that came because the subscription
// was closed is not why it ends.
func (s *Subscription) survives(err error) bool {
	if code := CodeOf(err); errors.Is(err, ErrNotOffered) || code != "" && !passing[code] {
		return false
	}
	const retry = 200 * time.Millisecond
	pause(s.ctx, retry)
	return true
}

// passing are the refusals after which it makes sense to try again.
var passing = map[Code]bool{
	Busy: true, StorageUnavailable: true, OutcomeUnknown: true, TooOften: true, TooManyMessages: true, OutOfRange: true,
	TooManySubscriptions: true,
}

// finish is called when run ends. It closes Events and unsubscribes from the provider.
func (s *Subscription) finish() {
	s.cancel()
	s.c.remove(s)
	s.delivered.Store(true)
	close(s.events)
	s.unwire()
}

// unwire unsubscribes from the provider, unless another subscription listens to the same place.
func (s *Subscription) unwire() {
	conn := s.subscribedOn()
	if conn == nil || conn.Original() || conn.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.c.ctx, s.c.o.Timeout)
	defer cancel()
	if s.c.wiring.Acquire(ctx, wiredAtOnce) != nil {
		return
	}
	defer s.c.wiring.Release(wiredAtOnce)
	if !s.c.listens(s.at) {
		_ = conn.Unsubscribe(ctx, s.at.server, s.at.channel) // an error does not matter: it ends with the connection, or has ended already
	}
}

// end notes why the subscription ends. Messages that are complete are still delivered before
// Events is closed.
func (s *Subscription) end(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	s.nudge()
}

// over reports whether the subscription has ended. It is called only when nothing is left to
// deliver.
func (s *Subscription) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause != nil
}

// where returns the connection that the subscription is attached to, or nil.
func (s *Subscription) where() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attached
}

// isStale reports whether the channels have to be counted again.
func (s *Subscription) isStale() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stale
}

// subscribedOn returns the connection on which the subscription may be known to the provider, or
// nil.
func (s *Subscription) subscribedOn() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wired
}
