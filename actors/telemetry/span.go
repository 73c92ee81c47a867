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

// This file is the way of a followed request through the actors. Each message that the request
// causes travels in an envelope, which says to which trace it belongs, in the form of W3C Trace
// Context, and when it was sent. The guard in front of each actor (actors/props.go) makes a
// span of the envelope and gives the actor a context that puts everything it sends into such
// envelopes. What is sent later remembers its span (Aside, Within). Messages of requests that
// nobody follows have no envelope.

// The headers of an envelope. They would go with a message to another node too.
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

// Span is a hop under way: a followed message at the actor that handles it. It belongs to that
// actor, or to whomever the actor passes the message on.
type Span struct {
	of   *trace
	hop  Hop
	kept bool // the handler has kept it and ends it later
	mute bool // beyond mostHops: it is counted, but not told
}

// received makes the span of a message with these headers; nil if nobody follows it any more.
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
		Parent: parent, Where: string(kind), Actor: who, Message: message, Place: placeOf(kind, message), Sent: sent,
	})
}

// enter begins a hop. It counts as being handled until Leave.
func (t *trace) enter(h Hop) *Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hops++
	t.busy++
	h.Span, h.Begun = newSpanID(), Now()
	return &Span{of: t, hop: h, mute: t.hops > mostHops}
}

// Leave ends the handling, and also the hop unless it was kept.
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

// Keep makes the hop go on after Leave, until Over or whoever keeps it ends it.
func (s *Span) Keep() *Span {
	s.kept = true
	return s
}

// Over ends a hop that was kept. It may be called on nil.
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

// Again begins another hop of the same message, after the message was put aside in the first
// one.
func (s *Span) Again() *Span {
	h := s.hop
	h.Parent, h.Sent, h.Ended = h.Span, h.Ended, time.Time{}
	return s.of.enter(h)
}

// Housekeeping is a message of the provider's own upkeep. It is never a part of a followed
// request.
type Housekeeping interface{ Housekeeping() }

// Part begins a hop outside the actors, for work that the actor has handed out: where it is
// done, which message asked for it, and when that was sent.
func (s *Span) Part(where string, msg any, sent time.Time) *Span {
	return s.of.enter(Hop{
		Parent: s.hop.Span, Where: where, Message: typeName(msg), Place: placeOf(Kind(where), ""), Sent: sent,
	})
}

// Pushed adds n to the connections that the message was pushed to.
func (s *Span) Pushed(n int) { s.hop.Pushes += n }

// Joins tells whether two spans belong to the same request; other may be nil.
func (s *Span) Joins(other *Span) bool { return other != nil && other.of == s.of }

// Writing begins the request's last hop, the writing of its answer; code is "" unless the
// answer is a refusal.
func (s *Span) Writing(reply any, code string) *Writing {
	return s.of.writing(s.hop.Span, reply, code)
}

// Wrap puts a message that the span has caused into an envelope.
func (s *Span) Wrap(msg any) any {
	switch msg.(type) {
	case *actor.MessageEnvelope: // it is in one already
	case Housekeeping, dispatch.EndsTurn, *persistence.Release, *persistence.SaveSnapshot:
	default:
		return envelope(s.of.id, s.hop.Span, msg)
	}
	return msg
}

// followedContext is the context of a followed message. What is sent through it is followed
// too.
type followedContext struct {
	actor.Context
	span *Span
}

var _ persistence.Followed = (*followedContext)(nil)

// Send overrides the engine's.
func (c *followedContext) Send(to *actor.PID, msg any) { c.Context.Send(to, c.span.Wrap(msg)) }

// Later implements persistence.Followed, for answers that come with a batch or from a worker.
func (c *followedContext) Later() persistence.Later { return later{c.span.Keep()} }

// Unfollowed implements persistence.Followed.
func (c *followedContext) Unfollowed() actor.Context { return c.Context }

// SpanOf is the span of a context; nil if its message is not followed.
func SpanOf(ctx actor.Context) *Span {
	if c, followed := ctx.(*followedContext); followed {
		return c.span
	}
	return nil
}

// Within returns the context for handling another message than that of ctx; s is the span of
// that other message, nil if it is not followed.
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

// asideMessage is a followed message that was put aside.
type asideMessage struct {
	msg  any
	span *Span
}

// Aside prepares a message for a queue of messages that are handled later.
func Aside(ctx actor.Context, msg any) any {
	if s := SpanOf(ctx); s != nil {
		return &asideMessage{msg, s}
	}
	return msg
}

// Taken returns a message from such a queue and the context for it.
func Taken(ctx actor.Context, queued any) (actor.Context, any) {
	if a, followed := queued.(*asideMessage); followed {
		return Within(ctx, a.span), a.msg
	}
	return Within(ctx, nil), queued
}

// PickUp handles a message from such a queue. If it is followed, that is another hop of it.
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

// later is a hop of persistence that ends later.
type later struct{ span *Span }

// Done implements persistence.Later.
func (l later) Done(b *persistence.Batch) {
	if b != nil {
		b.Begun, b.Written, b.Synced = clock(b.Begun), clock(b.Written), clock(b.Synced)
		l.span.hop.Batch = b
	}
	l.span.end()
}

// Wrap implements persistence.Later: it makes the answer a part of the followed request.
func (l later) Wrap(answer any) any { return l.span.Wrap(answer) }

// typeName is a value's type without its package.
func typeName(v any) string {
	name := fmt.Sprintf("%T", v)
	return name[strings.LastIndexByte(name, '.')+1:]
}
