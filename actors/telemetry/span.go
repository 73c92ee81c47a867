package telemetry

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/persistence"
)

// This file is how a request that is followed makes its way through the actors. Each
// message that it causes travels in an envelope that says which trace it belongs to,
// in the form of W3C Trace Context, and when it was sent. The guard before each actor
// (see actors/props.go) makes a span of it, and gives the actor a context that puts all that is
// sent meanwhile into such envelopes. What is sent later remembers its span (Aside,
// Within). All others' messages have no envelope.

// The header of an envelope. A trace goes on wherever a message goes, also to another node.
const (
	traceHeader = "traceparent"
	sentHeader  = "sent" // nanoseconds since 1970
)

func envelope(t TraceID, parent SpanID, msg any) *actor.MessageEnvelope {
	return &actor.MessageEnvelope{
		Header: map[string]string{
			traceHeader: "00-" + hex.EncodeToString(t[:]) + "-" + hex.EncodeToString(parent[:]) + "-01",
			sentHeader:  strconv.FormatInt(Now().UnixNano(), 10),
		},
		Message: msg,
	}
}

// origin reads the header of an envelope.
func origin(header actor.ReadonlyMessageHeader) (t TraceID, parent SpanID, sent time.Time, ok bool) {
	parts := strings.Split(header.Get(traceHeader), "-")
	if len(parts) < 4 || len(parts[0]) != 2 || len(parts[1]) != 2*len(t) || len(parts[2]) != 2*len(parent) {
		return t, parent, sent, false
	}
	nanos, err := strconv.ParseInt(header.Get(sentHeader), 10, 64)
	if err != nil {
		return t, parent, sent, false
	}
	if _, err = hex.Decode(t[:], []byte(parts[1])); err == nil {
		_, err = hex.Decode(parent[:], []byte(parts[2]))
	}
	return t, parent, epoch.Add(time.Duration(nanos - epoch.UnixNano())), err == nil
}

// Span is a message that is followed, at the actor that handles it: a hop under way.
// It is its actor's, or whoever's the message is given to.
type Span struct {
	of   *trace
	hop  Hop
	kept bool // the handler has it, and ends it later
	mute bool // one too many: it is counted, not told
}

// received makes the span of a message with such a header; nil when nobody follows it any more.
func (fs *followers) received(kind Kind, header actor.ReadonlyMessageHeader, who string, msg any) *Span {
	id, parent, sent, ok := origin(header)
	if !ok {
		return nil
	}
	t := fs.find(id)
	if t == nil {
		return nil
	}
	message := typeName(msg)
	return t.enter(Hop{
		Parent: parent, Where: string(kind), Actor: who, Message: message, Place: PlaceOf(kind, message), Sent: sent,
	})
}

// enter begins a hop, which is being handled until it leaves.
func (t *trace) enter(h Hop) *Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hops++
	t.busy++
	h.Span, h.Begun = newSpanID(), Now()
	return &Span{of: t, hop: h, mute: t.hops > mostHops}
}

// Leave ends the handling, and the hop unless it is kept.
func (s *Span) Leave() {
	if !s.kept {
		s.end()
	}
	t := s.of
	t.mu.Lock()
	t.busy--
	last := t.due()
	t.mu.Unlock()
	t.finish(last)
}

// Keep leaves the hop's end to whoever handles it.
func (s *Span) Keep() *Span {
	s.kept = true
	return s
}

// Over ends a hop that was kept; it may be nil.
func (s *Span) Over() {
	if s != nil && s.kept {
		s.end()
	}
}

func (s *Span) end() {
	s.hop.Ended = Now()
	if s.mute {
		s.of.counted()
		return
	}
	s.of.tell(s.hop)
}

// Again is another hop of the same message, which was put aside when the first one ended.
func (s *Span) Again() *Span {
	h := s.hop
	h.Parent, h.Sent, h.Ended = h.Span, h.Ended, time.Time{}
	return s.of.enter(h)
}

// Housekeeping is a message that goes on for itself, and is followed for nobody.
type Housekeeping interface{ Housekeeping() }

// Part begins a hop of what the actor that has the span gave to somebody who is no actor:
// where, and which message was sent when.
func (s *Span) Part(where string, msg any, sent time.Time) *Span {
	return s.of.enter(Hop{
		Parent: s.hop.Span, Where: where, Message: typeName(msg), Place: PlaceOf(Kind(where), ""), Sent: sent,
	})
}

// Pushed counts connections that the hop's message was pushed to.
func (s *Span) Pushed(n int) { s.hop.Pushes += n }

// Joins tells whether two are of the same request; the other may be nil.
func (s *Span) Joins(other *Span) bool { return other != nil && other.of == s.of }

// Writing begins the request's last hop: its answer, and the code of one that is a refusal.
func (s *Span) Writing(reply any, code string) *Writing {
	return s.of.writing(s.hop.Span, reply, code)
}

// Wrap puts a message that the span causes into an envelope.
func (s *Span) Wrap(msg any) any {
	switch msg.(type) {
	case *actor.MessageEnvelope: // it is in one
	case Housekeeping, dispatch.EndsTurn, *persistence.Release, *persistence.SaveSnapshot:
	default:
		return envelope(s.of.id, s.hop.Span, msg)
	}
	return msg
}

// followedContext is the context of a message that is followed. What is sent through
// it is followed too.
type followedContext struct {
	actor.Context
	span *Span
}

var _ persistence.Followed = (*followedContext)(nil)

// Send is the engine's.
func (c *followedContext) Send(to *actor.PID, msg any) { c.Context.Send(to, c.span.Wrap(msg)) }

// Later is persistence's: the answer comes with a batch, or from a worker.
func (c *followedContext) Later() persistence.Later { return later{c.span.Keep()} }

// Unfollowed is persistence's.
func (c *followedContext) Unfollowed() actor.Context { return c.Context }

// SpanOf is the span of a context, nil for those that are not followed.
func SpanOf(ctx actor.Context) *Span {
	if c, followed := ctx.(*followedContext); followed {
		return c.span
	}
	return nil
}

// Within is the context for what is done of another message, which s is the span of, or
// which is not followed when it is nil.
func Within(ctx actor.Context, s *Span) actor.Context {
	c, followed := ctx.(*followedContext)
	switch {
	case s == nil && !followed:
		return ctx
	case s == nil:
		return c.Context
	case !followed:
		return &followedContext{ctx, s}
	case c.span.of == s.of: // a later hop of the same request
		return ctx
	}
	return &followedContext{c.Context, s}
}

// asideMessage is a message that is followed and has been put aside.
type asideMessage struct {
	msg  any
	span *Span
}

// Aside is a message for a queue of those that are handled later.
func Aside(ctx actor.Context, msg any) any {
	if s := SpanOf(ctx); s != nil {
		return &asideMessage{msg, s}
	}
	return msg
}

// Taken is a message from such a queue, and the context for it.
func Taken(ctx actor.Context, queued any) (actor.Context, any) {
	if a, followed := queued.(*asideMessage); followed {
		return Within(ctx, a.span), a.msg
	}
	return Within(ctx, nil), queued
}

// PickUp handles a message from such a queue: another hop, where it is followed.
func PickUp(ctx actor.Context, queued any, handle func(actor.Context, any)) {
	a, followed := queued.(*asideMessage)
	if !followed {
		handle(Within(ctx, nil), queued)
		return
	}
	again := a.span.Again()
	defer again.Leave()
	handle(Within(Within(ctx, nil), again), a.msg)
}

// later is a hop of persistence.
type later struct{ span *Span }

// Done ends it.
func (l later) Done(b *persistence.Batch) {
	if b != nil {
		b.Begun, b.Written, b.Synced = clock(b.Begun), clock(b.Written), clock(b.Synced)
		l.span.hop.Batch = b
	}
	l.span.end()
}

// Wrap is what came of it, as a part of what is followed.
func (l later) Wrap(answer any) any { return l.span.Wrap(answer) }

// typeName is a value's type without its package.
func typeName(v any) string {
	name := fmt.Sprintf("%T", v)
	return name[strings.LastIndexByte(name, '.')+1:]
}
