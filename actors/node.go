package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
)

// node is what the actors of one process share: settings, and the addresses of
// the few singletons. It is written before the first session begins and never
// changed afterwards.
type node struct {
	cfg       Config
	log       *slog.Logger
	system    *actor.ActorSystem
	store     *persistence.Store
	encoder   Encoder
	gate      *gate
	state     residency
	refs      atomic.Uint64 // the last one that ref gave
	scheduler *dispatch.Scheduler
	record    *telemetry.Recorder
	info      any // the ProviderInfo

	dir       Directory
	disk      *actor.PID // persistence
	router    *actor.PID
	passwords *actor.PID
	pool      *hashPool
}

var errCrashed = errors.New("the handler crashed")

// ref numbers a question of a durable actor to another actor. Numbers grow and none is used
// twice, so a restarted actor never mistakes the answer to a question it asked before its
// restart for the answer to a new one.
func (n *node) ref() uint64 { return n.refs.Add(1) }

// sweepEvery is how often parents look for idle children.
func (n *node) sweepEvery() time.Duration {
	if n.cfg.Passivate <= 0 {
		return time.Minute
	}
	return n.cfg.Passivate / sweepsToRest
}

// wall is the time of day, for what is stored or shown. Somebody may set the clock while
// the provider runs, so pauses and deadlines never use it.
func (n *node) wall() time.Time {
	if n.cfg.Now != nil {
		return n.cfg.Now()
	}
	return time.Now()
}

// unexpected is the default case of every actor. A message that nobody handles is a
// bug: it must not be silent, and whoever sent it must not wait for an answer.
func (n *node) unexpected(ctx actor.Context) {
	n.log.Error("unexpected message", "actor", ctx.Self().Id, "message", fmt.Sprintf("%T", ctx.Message()))
	if m, ok := ctx.Message().(asked); ok {
		m.from().refuse(ctx, UnknownCall)
	}
}

// Caller is who waits for an answer: a session, and the number that it gave its question.
type Caller struct {
	PID     *actor.PID
	Session uint64 // the session's number on this node
	Ref     uint64
	From    netip.Addr // the client's address, as limits count addresses: of IPv6 the first 64 bits
}

// answer replies to the caller. A Caller without a PID hears nothing.
func (c Caller) answer(ctx actor.SenderContext, reply any) {
	if c.PID != nil {
		ctx.Send(c.PID, &answer{Ref: c.Ref, Reply: reply})
	}
}

// refuse answers the caller with a refusal, which says which actor it is from.
func (c Caller) refuse(ctx actor.Context, code Code) {
	if c.PID != nil {
		ctx.Send(c.PID, &answer{Ref: c.Ref, Reply: refusalOf(ctx, code)})
	}
}

// refusal is a Refused and which actor it is from; that actor may be gone when it is read.
// The session passes on only the Refused.
type refusal struct {
	Refused
	by   *actor.PID
	kind Kind
}

// codeOf is the Code of a reply that is a refusal, and "" for any other reply.
func codeOf(reply any) Code {
	switch r := reply.(type) {
	case Refused:
		return r.Code
	case *refusal:
		return r.Code
	}
	return ""
}

// refusalOf is a refusal from the actor whose turn it is.
func refusalOf(ctx actor.Context, code Code) *refusal {
	r := &refusal{Refused: Refused{Code: code}, by: ctx.Self()}
	if g, ok := ctx.Actor().(*guard); ok {
		r.kind = g.kind
	}
	return r
}

// from makes every message that embeds a Caller an asked.
func (c Caller) from() Caller { return c }

// asked is a message whose sender waits for an answer.
type asked interface{ from() Caller }

// answer is the reply to the question Ref of a session.
type answer struct {
	Ref   uint64
	Reply any
}

// gate limits the work that the whole node has admitted and not yet answered.
// A session enters before it asks anybody and leaves when it answers.
type gate struct {
	maxRequests, maxBytes int64
	requests, bytes       atomic.Int64
	unawaited             atomic.Int64  // those of them whose client has hung up
	empty                 chan struct{} // gets a sign when nobody waits for an answer; has room for one
}

func newGate(requests, bytes int) *gate {
	return &gate{maxRequests: int64(requests), maxBytes: int64(bytes), empty: make(chan struct{}, 1)}
}

func (g *gate) enter(bytes int) bool {
	requests, total := g.requests.Add(1), g.bytes.Add(int64(bytes))
	if requests > g.maxRequests || total > g.maxBytes {
		g.leave(bytes)
		return false
	}
	return true
}

func (g *gate) leave(bytes int) {
	g.bytes.Add(-int64(bytes))
	g.requests.Add(-1)
	g.look()
}

// abandon notes that nobody waits any more for the answers of n requests; a negative n takes
// that back.
func (g *gate) abandon(n int) {
	g.unawaited.Add(int64(n))
	g.look()
}

func (g *gate) look() {
	if g.awaited() > 0 {
		return
	}
	select {
	case g.empty <- struct{}{}:
	default:
	}
}

func (g *gate) awaited() int64 { return g.requests.Load() - g.unawaited.Load() }

// drained waits until nobody waits for an answer any more. It does not wait for requests
// whose client has hung up: those may never be answered. It is called when nobody enters
// any more.
func (g *gate) drained(ctx context.Context) error {
	for {
		n := g.awaited()
		if n <= 0 {
			return nil
		}
		select {
		case <-g.empty:
		case <-ctx.Done():
			return fmt.Errorf("%d requests were left unanswered: %w", n, ctx.Err())
		}
	}
}

// levelFloor lets only warnings and errors pass.
type levelFloor struct{ slog.Handler }

func (h levelFloor) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}
func (h levelFloor) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelFloor{h.Handler.WithAttrs(attrs)}
}
func (h levelFloor) WithGroup(name string) slog.Handler { return levelFloor{h.Handler.WithGroup(name)} }
