package actors

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// handed is a context with a message, as the engine would hand it over.
type handed struct {
	actor.Context
	message, sent any
}

func (h *handed) Self() *actor.PID { return &actor.PID{Id: "provider/probe"} }
func (h *handed) Message() any     { return actor.UnwrapEnvelopeMessage(h.message) }
func (h *handed) MessageHeader() actor.ReadonlyMessageHeader {
	return actor.UnwrapEnvelopeHeader(h.message)
}
func (h *handed) Send(_ *actor.PID, msg any) { h.sent = msg }

// probe is an actor that remembers its context, and sends something.
type probe struct {
	ctx actor.Context
	to  *actor.PID
	msg *answer
}

func (p *probe) Receive(ctx actor.Context) {
	p.ctx = ctx
	ctx.Send(p.to, p.msg)
}

// TestWhoIsNotFollowedPaysNothing looks at the context that an actor is given, and at
// what it costs to get there.
func TestWhoIsNotFollowedPaysNothing(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	n := p.node
	inner := &probe{msg: &answer{}}
	g := &guard{node: n, kind: KindChannel, inner: inner}
	plain := &handed{message: &post{}}
	look := func(when string) {
		t.Helper()
		if allocated := testing.AllocsPerRun(100, func() { g.Receive(plain) }); allocated != 0 {
			t.Errorf("%s: %v allocations", when, allocated)
		}
		if inner.ctx != plain {
			t.Errorf("%s: the actor's context is a %T", when, inner.ctx)
		}
	}
	look("nobody follows")
	req := &Request{Call: "ping", Command: Ping{}}
	if allocated := testing.AllocsPerRun(100, func() {
		if n.followers.choose(1, req) != nil {
			t.Error("chosen by nobody")
		}
	}); allocated != 0 {
		t.Errorf("choosing: %v allocations", allocated)
	}
	stop := p.Follow(Filter{Share: 1}, func(Hop) {})
	look("others are followed")
	trace := n.followers.choose(1, req)
	g.Receive(&handed{message: envelope(trace.id, trace.root, &post{})})
	if spanOf(inner.ctx) == nil {
		t.Errorf("one that is followed: the context is a %T", inner.ctx)
	}
	stop()
	late := &handed{message: envelope(trace.id, trace.root, &post{})}
	if g.Receive(late); inner.ctx != late {
		t.Errorf("after the end: the context is a %T", inner.ctx)
	}
}

// TestAnEnvelopeIsAddressedAsOthersDo holds the header to W3C Trace Context.
func TestAnEnvelopeIsAddressedAsOthersDo(t *testing.T) {
	id, parent := newTraceID(), newSpanID()
	before := now()
	e := envelope(id, parent, &post{})
	after := now()
	if header := e.GetHeader("traceparent"); !regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`).MatchString(header) {
		t.Errorf("header %q", header)
	}
	gotID, gotParent, sent, ok := origin(e.Header)
	if !ok || gotID != id || gotParent != parent || sent.Before(before) || sent.After(after) {
		t.Errorf("read as %x %x %v %v", gotID, gotParent, sent, ok)
	}
	for _, bad := range []string{
		"", "00", "00-1-2-01", "00-" + strings.Repeat("x", 32) + "-" + strings.Repeat("0", 16) + "-01",
		"00-" + strings.Repeat("0", 34) + "-" + strings.Repeat("0", 16) + "-01",
	} {
		e.SetHeader("traceparent", bad)
		if _, _, _, ok := origin(e.Header); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestHousekeepingIsNotFollowed looks at what an actor tells itself, its parent and its
// children: it would go on for ever.
func TestHousekeepingIsNotFollowed(t *testing.T) {
	s := &span{of: &trace{}}
	for _, msg := range []any{&sweep{}, &squeeze{}, &rest{}, &stayed{}, &vacant{}, &fan{}, &persistence.SaveSnapshot{}} {
		if s.wrap(msg) != msg {
			t.Errorf("a %T is in an envelope", msg)
		}
	}
	once := s.wrap(&post{})
	if _, wrapped := once.(*actor.MessageEnvelope); !wrapped || s.wrap(once) != once {
		t.Error("a post is not in one envelope")
	}
}

// TestWhatIsHeldBackIsFollowed has a message come for a child that may be about to leave.
func TestWhatIsHeldBackIsFollowed(t *testing.T) {
	kids := children{live: map[string]*child{"x": {resting: true}}}
	s := &span{of: &trace{id: newTraceID()}, hop: Hop{Span: newSpanID()}}
	plain := &handed{}
	kids.deliver(within(plain, s), "x", &post{})
	kids.stayed(plain, "x")
	e, wrapped := plain.sent.(*actor.MessageEnvelope)
	if !wrapped {
		t.Fatalf("a %T was sent", plain.sent)
	}
	if id, parent, _, ok := origin(e.Header); !ok || id != s.of.id || parent != s.hop.Span {
		t.Errorf("header %v", e.Header)
	}
	kids.live["x"].resting = true
	other := &post{}
	kids.deliver(plain, "x", other)
	kids.stayed(within(plain, s), "x") // in the time of one that is followed
	if plain.sent != other {
		t.Errorf("for one that is not followed a %T was sent", plain.sent)
	}
}

// TestSoManyAreFollowedAtATime chooses all, until there are too many.
func TestSoManyAreFollowedAtATime(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	var mu sync.Mutex
	ends := 0
	stop := p.Follow(Filter{Share: 1}, func(h Hop) {
		mu.Lock()
		defer mu.Unlock()
		if h.Where == "writer" {
			ends++
		}
	})
	fs, req := &p.node.followers, &Request{}
	for conn := range uint64(mostTraces) {
		if fs.choose(conn, req) == nil {
			t.Fatalf("only %d are followed", conn)
		}
	}
	stopTwo := p.Follow(Filter{Count: 2}, func(Hop) {})
	if fs.choose(0, req) != nil {
		t.Error("one too many is followed")
	}
	for conn := range uint64(mostTraces) {
		fs.hungUp(conn)
		fs.hungUp(conn)
	}
	if ends != mostTraces {
		t.Errorf("%d have ended", ends)
	}
	if fs.choose(0, req) == nil {
		t.Error("none is followed when the others have ended")
	}
	if kept := len(fs.traces); kept != mostOver+1 {
		t.Errorf("%d are remembered", kept)
	}
	stop()
	if fs.choose(0, req) == nil || fs.choose(0, req) != nil {
		t.Error("who wants two does not get both, or more")
	}
	if stopTwo(); len(fs.traces) != 0 {
		t.Errorf("%d are remembered for nobody", len(fs.traces))
	}
}

// TestAStormOfHopsIsCutShort has one request cause more than anybody would read.
func TestAStormOfHopsIsCutShort(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	told, lost := 0, 0
	defer p.Follow(Filter{}, func(h Hop) {
		told++
		lost += h.Lost
	})()
	g := &guard{node: p.node, kind: KindRouter, inner: &probe{msg: &answer{}}}
	trace := p.node.followers.choose(1, &Request{})
	for range 2 * mostHops {
		g.Receive(&handed{message: envelope(trace.id, trace.root, &attach{})})
	}
	trace.unanswered().Ended()
	if told != mostHops+1 || lost != mostHops {
		t.Errorf("%d hops, and %d are said to be lost", told, lost)
	}
}

// TestTheAnswersEndIsToldLast has an answer written while its sender is at it yet.
func TestTheAnswersEndIsToldLast(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	var told []string
	defer p.Follow(Filter{}, func(h Hop) { told = append(told, h.Where) })()
	trace := p.node.followers.choose(1, &Request{})
	at := trace.enter(Hop{Where: "session", Sent: now()})
	w := trace.writing(at.hop.Span, Done{})
	w.Begun()
	w.Ended()
	w.Ended()
	if len(told) > 0 {
		t.Errorf("%v were told before the session had ended", told)
	}
	at.leave()
	if got := strings.Join(told, " "); got != "session writer" {
		t.Error(got)
	}
}

// TestTimesAreOfOneClock takes a time of somebody else.
func TestTimesAreOfOneClock(t *testing.T) {
	before := now()
	at := clock(time.Now())
	if after := now(); at.Before(before) || at.After(after) {
		t.Errorf("%v is not within %v and %v", at, before, after)
	}
	if !clock(time.Time{}).IsZero() {
		t.Error("no time is one")
	}
}
