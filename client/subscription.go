package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what an Event tells.
type Kind int

// The kinds of an Event.
const (
	Posted       Kind = iota // a message was posted
	Deleted                  // the channel was deleted, and a new one of its name may begin: indexes start at 0 again
	Unsubscribed             // to a Conn alone: the subscription has ended, or, to a whole server, a channel was deleted
)

// Event is what a Subscription delivers, and what a Conn hears. Only of Posted
// is the message more than Server and Channel.
type Event struct {
	Kind Kind
	Message
	Cause *Refusal // of Unsubscribed
}

// Subscription delivers the messages of one channel, or of all channels of a
// server, also later ones. Each message comes once, per channel in order of the
// index and without gaps, the client's own among them. A consumer that is slow
// holds up nobody and loses nothing: what it could not take is read from the
// history later. With the original provider it asks instead of being told, one
// channel in 0.8 seconds; to begin with a whole server takes that long for each
// of its channels.
type Subscription struct {
	c      *Client
	at     place
	from   int64 // the index to begin with, or -1 for what is posted from now on
	events chan Event
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}

	delivered atomic.Bool // Events is closed

	mu       sync.Mutex
	begun    bool              // where delivery begins is known
	wired    *Conn             // the connection it is subscribing on, or has
	told     *Conn             // the same, once it has: it is told of each ending from then on
	attached *Conn             // the same, once what it heard can be told apart
	stale    bool              // there may be more than was counted
	endings  int               // how often a channel of it was seen to end
	early    early             // what came before that
	tracks   map[string]*track // by channel
	dying    []*track          // of deleted channels, to be delivered to their end
	cause    error             // why it has ended or is about to
}

// Subscribe begins with what is posted from now on. Channel "" is the whole server.
func (c *Client) Subscribe(ctx context.Context, server, channel string) (*Subscription, error) {
	return c.subscribe(ctx, place{clean(server), clean(channel)}, -1)
}

// SubscribeFrom begins with the message of that index, so that history and what
// comes meet without a gap; an index beyond the end is the end. It is for one
// channel.
func (c *Client) SubscribeFrom(ctx context.Context, server, channel string, index int64) (*Subscription, error) {
	if channel == "" || index < 0 {
		return nil, fmt.Errorf("subscribe: from %d in channel %q of %q: it takes a channel and an index", index, channel, server)
	}
	return c.subscribe(ctx, place{clean(server), clean(channel)}, index)
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
	_ = c.launch(s.unwire) // a closed client has no wire
	return nil, err
}

// begin attaches for the first time.
func (s *Subscription) begin(ctx context.Context) error {
	return s.c.persist(ctx, attempt{
		call:     "subscribe",
		make:     s.attach,
		harmless: func(*Conn, int) bool { return true },
	})
}

// Events delivers until the subscription ends; then it is closed, and Err says why.
func (s *Subscription) Events() <-chan Event { return s.events }

// Err is nil until Events is closed. Then it is the refusal that ended the
// subscription (the membership, the channel, the server or the login has
// ended), or ErrClosed.
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

// nudge wakes the goroutine that delivers.
func (s *Subscription) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run delivers what is there, fetches what is missing, and subscribes anew on
// each new connection.
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

// catchUp does one step towards having something to deliver, or waits.
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

// rest waits for news, or until due.
func (s *Subscription) rest(due <-chan time.Time) {
	select {
	case <-s.wake:
	case <-due:
	case <-s.ctx.Done():
	}
}

// survives tells trouble that passes from what ends a subscription, and waits a
// little before the next attempt.
func (s *Subscription) survives(err error) bool {
	switch code := CodeOf(err); {
	case errors.Is(err, ErrNotOffered), code != "" && !passing[code]:
		return false
	}
	const retry = 200 * time.Millisecond
	return pause(s.ctx, retry)
}

// passing are the refusals after which trying again makes sense.
var passing = map[Code]bool{
	Busy: true, StorageUnavailable: true, OutcomeUnknown: true, TooOften: true, TooManyMessages: true, OutOfRange: true,
}

// finish closes Events, and leaves the wire as if it had not been.
func (s *Subscription) finish() {
	s.cancel()
	s.c.remove(s)
	s.delivered.Store(true)
	close(s.events)
	s.unwire()
}

// unwire unsubscribes on the wire, unless somebody else listens there.
func (s *Subscription) unwire() {
	conn := s.subscribedOn()
	if conn == nil || conn.Original() || conn.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.c.ctx, s.c.o.Timeout)
	defer cancel()
	if !enter(ctx, s.c.wiring) {
		return
	}
	defer leave(s.c.wiring)
	if !s.c.listens(s.at) {
		_ = conn.Unsubscribe(ctx, s.at.server, s.at.channel) // ended already, or with the connection
	}
}

// end says why it ends; what is complete is still delivered.
func (s *Subscription) end(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	s.nudge()
}

// over reports whether it has ended and all is delivered; called when nothing
// is ready.
func (s *Subscription) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause != nil
}

// where is the connection it is attached to.
func (s *Subscription) where() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attached
}

// isStale reports whether it has to count once more.
func (s *Subscription) isStale() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stale
}

// subscribedOn is the connection on which it may be subscribed.
func (s *Subscription) subscribedOn() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wired
}
