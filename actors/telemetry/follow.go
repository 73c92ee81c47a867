package telemetry

import (
	"crypto/rand"
	"encoding/binary"
	random "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

//go:generate go run ../placegen

// This file is about who follows requests, which requests are chosen, and how they end.
// span.go is about the way of a chosen request through the actors. While nobody follows, a
// request costs one look at a pointer.

// followers is everybody who follows requests on this node, and the requests that are followed.
type followers struct {
	on   atomic.Pointer[[]*follower] // nil if nobody follows
	hops atomic.Uint64               // hops told to those who follow by count, see Effort

	mu     sync.Mutex // held for a moment, only for requests that are followed
	traces map[TraceID]*trace
	over   []TraceID // those in traces that have ended; late hops may still come
}

const (
	mostTraces = 1024 // requests that are followed at the same time
	mostOver   = 256  // ended requests that are remembered
	mostHops   = 256  // hops of one request that are told
)

// follower is one call of Follow.
type follower struct {
	Filter
	hop  atomic.Pointer[func(Hop)] // nil when it has stopped: requests that are remembered must not keep what it holds
	left atomic.Int64              // requests still to be chosen, without Share
}

// Follow calls hop for each hop of the requests that f selects, until stop is called. It does
// so on the goroutine where the hop ends, several at a time, so hop must not wait.
//
// The last hop of a request has Where "writer", even if the connection ends before the
// answer. Work that goes on after the answer may be told after it. At most 1,024 requests are
// followed at the same time, and of each at most 256 hops are told besides the last one,
// which says how many were left out. Calls of hop may still be under way when stop returns.
func (l Look) Follow(f Filter, hop func(Hop)) (stop func()) {
	all, who := &l.of.followers, &follower{Filter: f}
	who.hop.Store(&hop)
	who.left.Store(int64(max(f.Count, 1)))
	all.change(func(now []*follower) []*follower { return append(now, who) })
	return sync.OnceFunc(func() {
		who.hop.Store(nil)
		all.change(func(now []*follower) []*follower {
			return slices.DeleteFunc(now, func(other *follower) bool { return other == who })
		})
	})
}

// Followed tells whether anybody follows requests. If so, transport notes when each one came.
func (l Look) Followed() bool { return l.of.Following() }

func (fs *followers) change(to func([]*follower) []*follower) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var now []*follower
	if before := fs.on.Load(); before != nil {
		now = slices.Clone(*before)
	}
	if now = to(now); len(now) == 0 {
		fs.on.Store(nil)
		fs.traces, fs.over = nil, nil
		return
	}
	fs.on.Store(&now)
}

// wants tells whether the follower chooses a request.
func (f *follower) wants(conn uint64, call string) bool {
	switch {
	case f.Conn != 0 && f.Conn != conn, f.Call != "" && f.Call != call:
		return false
	case f.Share > 0:
		return random.Float64() < f.Share //nolint:gosec // no secret
	}
	for left := f.left.Load(); left > 0; left = f.left.Load() {
		if f.left.CompareAndSwap(left, left-1) {
			return true
		}
	}
	return false
}

// trace is a followed request.
type trace struct {
	id   TraceID
	of   *followers
	to   []*follower
	root SpanID // of its reader
	conn uint64
	call string
	some bool // one of them follows by count, not a share of all

	mu     sync.Mutex // held for a moment
	hops   int        // the reader's, and those that have begun since
	busy   int        // hops that are being handled
	answer *Writing   // nil until there is an answer
	last   *Hop       // the writer's hop, while it waits until nothing is being handled
	ended  bool
}

// choose makes the trace of a request that somebody wants to follow; nil if nobody does.
func (fs *followers) choose(conn uint64, call string) *trace {
	all := fs.on.Load()
	if all == nil {
		return nil
	}
	var to []*follower
	some := false
	for _, f := range *all {
		if f.hop.Load() != nil && f.wants(conn, call) {
			to = append(to, f)
			some = some || f.Share == 0
		}
	}
	if to == nil {
		return nil
	}
	return fs.add(&trace{id: newTraceID(), root: newSpanID(), of: fs, to: to, conn: conn, call: call, some: some})
}

// add registers a trace. It returns nil if there are too many.
func (fs *followers) add(t *trace) *trace {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.traces)-len(fs.over) >= mostTraces {
		for _, f := range t.to {
			f.left.Add(1) // this one did not count
		}
		return nil
	}
	if fs.on.Load() == nil {
		return nil // nobody follows any more
	}
	if fs.traces == nil {
		fs.traces = map[TraceID]*trace{}
	}
	fs.traces[t.id] = t
	return t
}

func (fs *followers) find(id TraceID) *trace {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.traces[id]
}

// hungUp ends all traces of a connection that has ended.
func (fs *followers) hungUp(conn uint64, reply any, code string) {
	if fs.on.Load() == nil {
		return
	}
	var left []*trace
	fs.mu.Lock()
	for _, t := range fs.traces {
		if t.conn == conn {
			left = append(left, t)
		}
	}
	fs.mu.Unlock()
	for _, t := range left {
		t.unanswered(reply, code).end()
	}
}

// forget keeps an ended trace for a while only.
func (fs *followers) forget(t *trace) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.traces[t.id] != t {
		return // everything was forgotten, since nobody followed any more
	}
	if fs.over = append(fs.over, t.id); len(fs.over) > mostOver {
		delete(fs.traces, fs.over[0])
		fs.over = slices.Delete(fs.over, 0, 1)
	}
}

func (t *trace) tell(h Hop) {
	h.Trace = t.id
	t.counted()
	for _, f := range t.to {
		if hop := f.hop.Load(); hop != nil {
			(*hop)(h)
		}
	}
}

// counted counts a hop for Effort.
func (t *trace) counted() {
	if t.some {
		t.of.hops.Add(1)
	}
}

// Writing is the answer to a followed request on its way to the socket. Any goroutine may call
// its methods; only the first call of each counts.
type Writing struct {
	of     *trace
	hop    Hop
	before *Writing
}

// After makes Begun and Ended of w also count for before, the answer in front of it in the same
// outbox. It returns w.
func (w *Writing) After(before *Writing) *Writing {
	w.before = before
	return w
}

// writing begins the last hop.
func (t *trace) writing(parent SpanID, reply any, code string) *Writing {
	w := &Writing{of: t, hop: Hop{
		Span: newSpanID(), Parent: parent, Where: "writer", Message: typeName(reply), Place: placeOf("writer", ""),
		Sent: Now(), Conn: t.conn, Call: t.call, Code: code,
	}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = w
	return w
}

// unanswered returns the answer of a request whose connection has ended, or makes one.
func (t *trace) unanswered(reply any, code string) *Writing {
	t.mu.Lock()
	w := t.answer
	t.mu.Unlock()
	if w == nil {
		w = t.writing(t.root, reply, code)
	}
	return w
}

// Begun says that the writing of the answer begins.
func (w *Writing) Begun() {
	if w.before != nil {
		w.before.Begun()
	}
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	if w.hop.Begun.IsZero() {
		w.hop.Begun = Now()
	}
}

// Ended says that the answer is written or never will be.
func (w *Writing) Ended() {
	if w.before != nil {
		w.before.Ended()
	}
	w.end()
}

func (w *Writing) end() {
	t := w.of
	t.mu.Lock()
	if !t.ended {
		t.ended = true
		w.hop.Ended = Now()
		if w.hop.Begun.IsZero() {
			w.hop.Begun = w.hop.Ended
		}
		t.last = &w.hop
	}
	last := t.due()
	t.mu.Unlock()
	t.finish(last)
}

// due returns the last hop if it is time to tell it, under mu. While hops are being handled it
// is not: the actor that sent the answer may not be done yet.
func (t *trace) due() (last *Hop) {
	if t.busy == 0 && t.last != nil {
		last, t.last = t.last, nil
		last.Lost = max(t.hops-mostHops, 0)
	}
	return last
}

func (t *trace) finish(last *Hop) {
	if last != nil {
		t.tell(*last)
		t.of.forget(t)
	}
}

// begin tells the first hop, the reader's, and sends the request to its session.
func (t *trace) begin(root *actor.RootContext, to *actor.PID, r any, code string, read time.Time) {
	h := Hop{
		Span: t.root, Where: "reader", Message: typeName(r), Place: placeOf("reader", ""),
		Begun: clock(read), Ended: Now(), Conn: t.conn, Call: t.call, Code: code,
	}
	if read.IsZero() {
		h.Begun = h.Ended
	}
	h.Sent = h.Begun
	t.hops = 1 // nobody else knows of it yet
	t.tell(h)
	root.Send(to, envelope(t.id, t.root, r))
}

// epoch is the beginning of the clock that all times of hops are taken from. That clock goes on
// evenly even if the time of day is set while the process runs.
var epoch = time.Now()

// Now is the present time by that clock.
func Now() time.Time { return epoch.Add(time.Since(epoch)) }

// clock converts a time that somebody else took to that clock.
func clock(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return epoch.Add(t.Sub(epoch))
}

func newTraceID() (id TraceID) {
	rand.Read(id[:]) //nolint:errcheck // never fails, by its documentation
	return id
}

// newSpanID may be easy to guess, but is never zero.
func newSpanID() (id SpanID) {
	binary.BigEndian.PutUint64(id[:], random.Uint64()|1) //nolint:gosec // no secret
	return id
}

// handler is where a kind of actor handles a type of message.
type handler struct {
	kind    Kind
	message string
}

// placeOf tells where an actor of this kind handles messages of this type, given without the
// package: the method, or the case of a switch if that does everything. For an unknown type it
// is Receive. For what is no actor, kind is "reader", "writer" or "hash".
func placeOf(kind Kind, message string) Place {
	if place, known := places[handler{kind, message}]; known {
		return place
	}
	return places[handler{kind, ""}]
}
