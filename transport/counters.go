package transport

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// This file is what the inspector sees of connections. It is recorded only with Config.Inspect.

// Counters is what a listener knows about its connections.
type Counters struct {
	Open        int   // connections now
	Accepted    int64 // connections since the start
	Refused     int64 // connections beyond a limit
	SlowReaders int64 // connections ended because their client did not read
	Serving     bool  // connections are accepted
	Unread      int64 // bytes that clients have not read yet
	SentBytes   int64 // 0 without Config.Inspect
}

// Counters returns the present counts. It may be called at any time.
func (l *Listener) Counters() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counters{
		Open: len(l.conns), Accepted: l.accepted, Refused: l.refused, SlowReaders: l.slow.Load(),
		Serving: l.serving.Load(), Unread: max(l.commons.unread.Load(), 0), SentBytes: l.sentBytes.Load(),
	}
}

// Calls are the names of all calls, in order.
func Calls() []string {
	return slices.Sorted(maps.Keys(calls))
}

// Connection is one connection, as Connections returns it.
type Connection struct {
	ID       uint64 // the number of its session
	Session  string // the ID of that actor
	User     string // who is logged in; "" for nobody
	From     string // address and port
	Since    time.Time
	Requests uint64 // how many were sent to the session
	Unread   int    // bytes that wait to be written
	Stalled  bool   // see Stall
}

// seen is what is recorded of a connection for the inspector; nil without Config.Inspect.
type seen struct {
	session  atomic.Pointer[string] // the actor's ID; nil before there is one
	user     atomic.Pointer[string]
	requests atomic.Uint64
	from     string
	since    time.Time
	stalled  atomic.Bool
	resumed  sync.Cond // whoever writes a stalled connection waits for it; uses the outbox's mutex
}

// newSeen begins to record, with Config.Inspect.
func newSeen(c *conn) *seen {
	if !c.shared.cfg.Inspect {
		return nil
	}
	s := &seen{from: c.socket.RemoteAddr().String(), since: time.Now()}
	s.resumed.L = &c.out.mu
	return s
}

// began notes the session of a connection.
func (s *seen) began(session session) {
	if s == nil {
		return
	}
	if known, ok := session.(interface{ ID() string }); ok {
		id := known.ID()
		s.session.Store(&id)
	}
}

// sends counts a request.
func (s *seen) sends() {
	if s != nil {
		s.requests.Add(1)
	}
}

func (s *seen) isStalled() bool { return s != nil && s.stalled.Load() }

// number is the number of the session; 0 before there is one.
func (s *seen) number() uint64 {
	id := text(s.session.Load())
	n, err := strconv.ParseUint(id[strings.LastIndexByte(id, '/')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Connections returns some connections, in the order of their beginning, and how many there are
// in all. Without Config.Inspect it returns nothing.
func (l *Listener) Connections(offset, limit int) (some []Connection, total int) {
	type numbered struct {
		conn   *conn
		number uint64
	}
	var all []numbered
	l.each(func(c *conn) {
		if c.seen != nil {
			all = append(all, numbered{c, c.seen.number()})
		}
	})
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	from := min(max(offset, 0), len(all))
	for _, n := range all[from:min(from+max(limit, 0), len(all))] {
		some = append(some, n.conn.describe(n.number))
	}
	return some, len(all)
}

func (c *conn) describe(number uint64) Connection {
	c.out.mu.Lock()
	unread := c.unread()
	c.out.mu.Unlock()
	s := c.seen
	return Connection{
		ID: number, Session: text(s.session.Load()), User: text(s.user.Load()), From: s.from,
		Since: s.since, Requests: s.requests.Load(), Unread: unread, Stalled: s.stalled.Load(),
	}
}

// ErrNoConnection is returned by Stall if no connection has that number.
var ErrNoConnection = errors.New("no such connection")

// Stall stops all writing to a connection until resume is called, as if its client did not read.
// The limits for such clients apply. resume may be called any number of times.
func (l *Listener) Stall(number uint64) (resume func(), err error) {
	var found *conn
	l.each(func(c *conn) {
		if c.seen != nil && number != 0 && c.seen.number() == number {
			found = c
		}
	})
	if found == nil {
		return nil, ErrNoConnection
	}
	found.seen.stalled.Store(true)
	return found.resume, nil
}

// resume ends a stall.
func (c *conn) resume() {
	if !c.seen.stalled.CompareAndSwap(true, false) {
		return
	}
	if c.ready.by != nil {
		c.ready.writable.Store(true)
		if c.ready.blocked.CompareAndSwap(true, false) {
			c.ready.by.flusher.hand(c, much)
		}
		return
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.seen.resumed.Broadcast()
}

// awaitResume waits while a connection is stalled. It reports false if the connection has ended
// meanwhile; its socket may not be closed yet. Only goroutines that write a single connection call
// it.
func (c *conn) awaitResume() (resumed bool) {
	if !c.seen.isStalled() {
		return true
	}
	c.out.wrote.Store(c.shared.now.Load())
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for c.seen.isStalled() && !c.out.dead {
		c.seen.resumed.Wait()
	}
	return !c.out.dead
}

// ended wakes whoever waits for the end of a stall, because the connection has ended. The caller
// has the outbox's mutex.
func (s *seen) ended() {
	if s != nil {
		s.resumed.Broadcast()
	}
}

// noteSlow counts and reports a connection that is ended because its client does not read.
func (c *conn) noteSlow() {
	c.shared.slow.Add(1)
	if c.seen != nil && c.shared.provider != nil {
		c.shared.provider.Happened("slow-reader", text(c.seen.session.Load()), "its client does not read")
	}
}

// wroteBytes counts bytes that were written.
func (l *Listener) wroteBytes(n int) {
	if l.cfg.Inspect && n > 0 {
		l.sentBytes.Add(int64(n))
	}
}

// noteUser notes who is logged in; "" for nobody.
func (s *seen) noteUser(name string) {
	if s != nil {
		s.user.Store(&name)
	}
}
