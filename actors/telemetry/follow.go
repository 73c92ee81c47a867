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

// This file is how requests are followed: who wants to, which requests are chosen, and
// how each of them ends. span.go is how a chosen one makes its way. When nobody
// follows, a request costs one look at a pointer.

// followers is who follows requests on this node, and which requests.
type followers struct {
	on   atomic.Pointer[[]*follower] // nil when nobody does
	hops atomic.Uint64               // that were told to those who follow some requests, not a share of all

	mu     sync.Mutex // held for a moment, by who has to do with a request that is followed
	traces map[TraceID]*trace
	over   []TraceID // of those that have ended: a straggler may come
}

// How many requests are followed at a time, beyond which none is chosen; how many that
// have ended are remembered; and how many hops of one are told.
const (
	mostTraces = 1024
	mostOver   = 256
	mostHops   = 256
)

// follower is one who follows.
type follower struct {
	Filter
	hop  func(Hop)
	left atomic.Int64 // to be chosen, of those that are counted
	gone atomic.Bool
}

// Follow has hop called for each station of the requests that f chooses, until stop, on
// the goroutine where it is, several at a time: it must not wait. A hop is told when it
// has ended. The last one of a request is Where "writer", also when its connection ends
// unanswered; what is left to be done after the answer may be told after it. At most
// 1,024 requests are followed at a time, and 256 hops of each besides the last one, which
// says how many more there were. One call of hop may be under way when stop returns.
func (l Look) Follow(f Filter, hop func(Hop)) (stop func()) {
	all, who := &l.of.followers, &follower{Filter: f, hop: hop}
	who.left.Store(int64(max(f.Count, 1)))
	all.change(func(now []*follower) []*follower { return append(now, who) })
	return sync.OnceFunc(func() {
		who.gone.Store(true)
		all.change(func(now []*follower) []*follower {
			return slices.DeleteFunc(now, func(other *follower) bool { return other == who })
		})
	})
}

// Followed tells whether anybody follows requests: transport notes then when each came.
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

// wants tells whether a request is chosen.
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

// trace is a request that is followed.
type trace struct {
	id   TraceID
	of   *followers
	to   []*follower
	root SpanID // of its reader
	conn uint64
	call string
	some bool // one of them follows some requests, not a share of all

	mu     sync.Mutex // held for a moment
	hops   int        // the reader's, and those that have begun since
	busy   int        // hops that are being handled
	answer *Writing   // once there is one
	last   *Hop       // the writer's, until nothing is being handled
	ended  bool
}

// choose makes a trace of a request that somebody wants, or returns nil.
func (fs *followers) choose(conn uint64, call string) *trace {
	all := fs.on.Load()
	if all == nil {
		return nil
	}
	var to []*follower
	some := false
	for _, f := range *all {
		if !f.gone.Load() && f.wants(conn, call) {
			to = append(to, f)
			some = some || f.Share == 0
		}
	}
	if to == nil {
		return nil
	}
	return fs.add(&trace{id: newTraceID(), root: newSpanID(), of: fs, to: to, conn: conn, call: call, some: some})
}

// add returns nil when there are too many.
func (fs *followers) add(t *trace) *trace {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.traces)-len(fs.over) >= mostTraces {
		for _, f := range t.to {
			f.left.Add(1) // who wants one gets another
		}
		return nil
	}
	if fs.on.Load() == nil {
		return nil // nobody is left meanwhile
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

// hungUp ends what is followed of a connection that has ended.
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

// forget remembers a trace that has ended only for a while.
func (fs *followers) forget(t *trace) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.traces[t.id] != t {
		return // all is forgotten
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
		if !f.gone.Load() {
			f.hop(h)
		}
	}
}

// counted adds a hop to the effort.
func (t *trace) counted() {
	if t.some {
		t.of.hops.Add(1)
	}
}

// Writing is the answer to a request that is followed, on its way to the socket. Its
// methods may be called by anybody, and count once.
type Writing struct {
	of     *trace
	hop    Hop
	before *Writing
}

// After has all that is said of w mean the answers before it too.
func (w *Writing) After(before *Writing) *Writing {
	w.before = before
	return w
}

// writing is the last hop, which begins now.
func (t *trace) writing(parent SpanID, reply any, code string) *Writing {
	w := &Writing{of: t, hop: Hop{
		Span: newSpanID(), Parent: parent, Where: "writer", Message: typeName(reply), Place: PlaceOf("writer", ""),
		Sent: Now(), Conn: t.conn, Call: t.call, Code: code,
	}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = w
	return w
}

// unanswered is the end of a request whose answer nobody can be told.
func (t *trace) unanswered(reply any, code string) *Writing {
	t.mu.Lock()
	w := t.answer
	t.mu.Unlock()
	if w == nil {
		w = t.writing(t.root, reply, code)
	}
	return w
}

// Begun says that the answer is taken to be written.
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

// Ended says that it is written, or never will be.
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

// due is the last hop when it is time to tell it: its sender may be handling yet. Under mu.
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

// begin tells the first hop, and sends the request on its way.
func (t *trace) begin(root *actor.RootContext, to *actor.PID, r any, code string, read time.Time) {
	h := Hop{
		Span: t.root, Where: "reader", Message: typeName(r), Place: PlaceOf("reader", ""),
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

// epoch is what the times of hops are counted from: all of them by one clock, which is
// not set while the process runs.
var epoch = time.Now()

// Now is the time by that clock.
func Now() time.Time { return epoch.Add(time.Since(epoch)) }

// clock is a time of another hand by that clock.
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

// newSpanID need not be hard to guess, and is never zero.
func newSpanID() (id SpanID) {
	binary.BigEndian.PutUint64(id[:], random.Uint64()|1) //nolint:gosec // no secret
	return id
}

// handler is where a kind of actor handles a type of message.
type handler struct {
	kind    Kind
	message string
}

// PlaceOf tells where an actor of a kind handles a type of message, named without its
// package: the handler's method, or the case of the switch that does it all. A message
// that is not known there is Receive's. Kind is also "reader", "writer" or "hash" for
// what is no actor.
func PlaceOf(kind Kind, message string) Place {
	if place, known := places[handler{kind, message}]; known {
		return place
	}
	return places[handler{kind, ""}]
}
