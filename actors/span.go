package actors

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
// (see props.go) makes a span of it, and gives the actor a context that puts all that is
// sent meanwhile into such envelopes. What is sent later remembers its span (aside,
// within). All others' messages have no envelope.

// The header of an envelope. A trace goes on wherever a message goes, also to another node.
const (
	traceHeader = "traceparent"
	sentHeader  = "sent" // nanoseconds since 1970
)

func envelope(t TraceID, parent SpanID, msg any) *actor.MessageEnvelope {
	return &actor.MessageEnvelope{
		Header: map[string]string{
			traceHeader: "00-" + hex.EncodeToString(t[:]) + "-" + hex.EncodeToString(parent[:]) + "-01",
			sentHeader:  strconv.FormatInt(now().UnixNano(), 10),
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

// span is a message that is followed, at the actor that handles it: a hop under way.
// It is its actor's, or whoever's the message is given to.
type span struct {
	of   *trace
	hop  Hop
	kept bool // the handler has it, and ends it later
	mute bool // one too many: it is counted, not told
}

// arrive makes the span of a message in an envelope; nil when nobody follows it any more.
func (fs *followers) arrive(kind Kind, ctx actor.Context) *span {
	return fs.received(kind, ctx.MessageHeader(), ctx.Self().Id, ctx.Message())
}

func (fs *followers) received(kind Kind, header actor.ReadonlyMessageHeader, who string, msg any) *span {
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
func (t *trace) enter(h Hop) *span {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hops++
	t.busy++
	h.Span, h.Begun = newSpanID(), now()
	return &span{of: t, hop: h, mute: t.hops > mostHops}
}

// leave ends the handling, and the hop unless it is kept.
func (s *span) leave() {
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

// keep leaves the hop's end to whoever handles it.
func (s *span) keep() *span {
	s.kept = true
	return s
}

// over ends a hop that was kept; it may be nil.
func (s *span) over() {
	if s != nil && s.kept {
		s.end()
	}
}

func (s *span) end() {
	s.hop.Ended = now()
	if s.mute {
		s.of.counted()
		return
	}
	s.of.tell(s.hop)
}

// again is another hop of the same message, which was put aside when the first one ended.
func (s *span) again() *span {
	h := s.hop
	h.Parent, h.Sent, h.Ended = h.Span, h.Ended, time.Time{}
	return s.of.enter(h)
}

// wrap puts a message that the span causes into an envelope.
func (s *span) wrap(msg any) any {
	switch msg.(type) {
	case *actor.MessageEnvelope: // it is in one
	case *sweep, *squeeze, *rest, *stayed, *vacant, *saveNow, *saveChannel, dispatch.EndsTurn,
		*persistence.Release, *persistence.SaveSnapshot: // housekeeping, which goes on for itself
	default:
		return envelope(s.of.id, s.hop.Span, msg)
	}
	return msg
}

// answer hands over the answer to the request.
func (s *span) answer(out Outbox, req *Request, reply any) {
	w := s.of.writing(s.hop.Span, reply)
	if knows, ok := out.(FollowedOutbox); ok {
		knows.AnswerFollowed(req, reply, w)
		return
	}
	out.Answer(req, reply)
	w.Ended()
}

// followedContext is the context of a message that is followed. What is sent through
// it is followed too.
type followedContext struct {
	actor.Context
	span *span
}

var _ persistence.Followed = (*followedContext)(nil)

// Send is the engine's.
func (c *followedContext) Send(to *actor.PID, msg any) { c.Context.Send(to, c.span.wrap(msg)) }

// Later is persistence's: the answer comes with a batch, or from a worker.
func (c *followedContext) Later() persistence.Later { return later{c.span.keep()} }

// Unfollowed is persistence's.
func (c *followedContext) Unfollowed() actor.Context { return c.Context }

// spanOf is the span of a context, nil for those that are not followed.
func spanOf(ctx actor.Context) *span {
	if c, followed := ctx.(*followedContext); followed {
		return c.span
	}
	return nil
}

// within is the context for what is done of another message, which s is the span of, or
// which is not followed when it is nil.
func within(ctx actor.Context, s *span) actor.Context {
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
	span *span
}

// aside is a message for a queue of those that are handled later.
func aside(ctx actor.Context, msg any) any {
	if s := spanOf(ctx); s != nil {
		return &asideMessage{msg, s}
	}
	return msg
}

// taken is a message from such a queue, and the context for it.
func taken(ctx actor.Context, queued any) (actor.Context, any) {
	if a, followed := queued.(*asideMessage); followed {
		return within(ctx, a.span), a.msg
	}
	return within(ctx, nil), queued
}

// pickUp handles a message from such a queue: another hop, where it is followed.
func pickUp(ctx actor.Context, queued any, handle func(actor.Context, any)) {
	a, followed := queued.(*asideMessage)
	if !followed {
		handle(within(ctx, nil), queued)
		return
	}
	again := a.span.again()
	defer again.leave()
	handle(within(within(ctx, nil), again), a.msg)
}

// later is a hop of persistence.
type later struct{ span *span }

// Done ends it.
func (l later) Done(b *persistence.Batch) {
	if b != nil {
		b.Begun, b.Written, b.Synced = clock(b.Begun), clock(b.Written), clock(b.Synced)
		l.span.hop.Batch = b
	}
	l.span.end()
}

// Wrap is what came of it, as a part of what is followed.
func (l later) Wrap(answer any) any { return l.span.wrap(answer) }

// typeName is a value's type without its package.
func typeName(v any) string {
	name := fmt.Sprintf("%T", v)
	return name[strings.LastIndexByte(name, '.')+1:]
}
