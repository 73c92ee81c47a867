package actors

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
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
	req, session := &Request{Call: "ping", Command: Ping{}}, &Session{node: n, pid: n.router, id: 1}
	if allocated := testing.AllocsPerRun(100, func() {
		if n.record.Following() || n.record.Follow(n.system.Root, session.pid, session.id, req.Call, req, "", time.Time{}) {
			t.Error("chosen by nobody")
		}
	}); allocated != 0 {
		t.Errorf("choosing: %v allocations", allocated)
	}
	stop := p.Follow(telemetry.Filter{Share: 1}, func(telemetry.Hop) {})
	look("others are followed")
	header := followedHeader(t, p)
	g.Receive(&handed{message: &actor.MessageEnvelope{Header: header, Message: &post{}}})
	if telemetry.SpanOf(inner.ctx) == nil {
		t.Errorf("one that is followed: the context is a %T", inner.ctx)
	}
	stop()
	late := &handed{message: &actor.MessageEnvelope{Header: header, Message: &post{}}}
	if g.Receive(late); inner.ctx != late {
		t.Errorf("after the end: the context is a %T", inner.ctx)
	}
}

// followedHeader is what the messages of a request begin with that somebody follows.
func followedHeader(t *testing.T, p *Provider) map[string]string {
	t.Helper()
	root, seen := p.node.system.Root, make(chan map[string]string, 1)
	pid := root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if header := ctx.MessageHeader(); header != nil {
			seen <- header.ToMap()
		}
	}))
	defer root.Stop(pid)
	if !p.node.record.Follow(root, pid, 1, "ping", &Request{}, "", time.Time{}) {
		t.Fatal("nobody follows")
	}
	return <-seen
}

// TestHousekeepingIsNotFollowed looks at what an actor tells itself, its parent and its
// children: it would go on for ever.
func TestHousekeepingIsNotFollowed(t *testing.T) {
	for _, msg := range []any{&sweep{}, &squeeze{}, &rest{}, &stayed{}, &vacant{}, &saveNow{}, &saveChannel{}} {
		if _, is := msg.(telemetry.Housekeeping); !is {
			t.Errorf("a %T is followed", msg)
		}
	}
}

// TestWhatIsHeldBackIsFollowed has a message come for a child that may be about to leave.
func TestWhatIsHeldBackIsFollowed(t *testing.T) {
	kids := children{live: map[string]*child{"x": {resting: true}}}
	p := startNode(t, persistence.Config{}, nil)
	defer p.Follow(telemetry.Filter{Share: 1}, func(telemetry.Hop) {})()
	header := followedHeader(t, p)
	s := p.node.record.Arrive(KindServer, &handed{message: &actor.MessageEnvelope{Header: header}})
	if s == nil {
		t.Fatal("it is not followed")
	}
	plain := &handed{}
	kids.deliver(telemetry.Within(plain, s), "x", &post{})
	kids.stayed(plain, "x")
	e, wrapped := plain.sent.(*actor.MessageEnvelope)
	if !wrapped {
		t.Fatalf("a %T was sent", plain.sent)
	}
	if again := p.node.record.Arrive(KindChannel, &handed{message: e}); again == nil || !again.Joins(s) {
		t.Errorf("header %v", e.Header)
	}
	kids.live["x"].resting = true
	other := &post{}
	kids.deliver(plain, "x", other)
	kids.stayed(telemetry.Within(plain, s), "x") // in the time of one that is followed
	if plain.sent != other {
		t.Errorf("for one that is not followed a %T was sent", plain.sent)
	}
}
