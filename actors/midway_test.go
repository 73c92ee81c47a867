package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// Crashes in the midst of a handler, where another package's code is called. They must not leave
// something half done that is never put right.

// midway runs something that crashes at its first use of the context.
func midway(t *testing.T, do func(actor.Context)) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no crash")
		}
	}()
	do(nil)
}

// TestWhoCouldNotBeAskedToRestIsNotAsked: a child that never answers would get no message any more.
func TestWhoCouldNotBeAskedToRestIsNotAsked(t *testing.T) {
	kids := newChildren(nil, KindUser, nil)
	kids.live["alice"] = &child{}
	midway(t, func(ctx actor.Context) { kids.rest(ctx, "alice") })
	if kids.live["alice"].resting {
		t.Error("it counts as asked")
	}
}

// fallible is a context that crashes once it has sent a number of messages.
type fallible struct {
	actor.Context
	left int
	sent []any
}

func (c *fallible) Send(_ *actor.PID, msg any) {
	c.sent = append(c.sent, msg)
	if c.left--; c.left == 0 {
		panic("injected")
	}
}

func (*fallible) Self() *actor.PID { return nil }

// TestWhatAChildHasBeenSentIsNotSentAgain: a post that was held back would be posted twice.
func TestWhatAChildHasBeenSentIsNotSentAgain(t *testing.T) {
	kids := newChildren(nil, KindServer, nil)
	kids.live["s"] = &child{resting: true, backlog: []any{1, 2, 3}}
	ctx := &fallible{left: 2}
	d := &directory{kids: kids}
	midway(t, func(actor.Context) { kids.stayed(ctx, "s") })
	d.mend(ctx, &stayed{name: "s"})
	if fmt.Sprint(ctx.sent) != "[1 2 3]" {
		t.Errorf("it was sent %v", ctx.sent)
	}
}

// TestTheRouterGoesOnAfterACrashAtAPublish: it has noted that a message is to be pushed in turns, and
// would wait for the next turn forever, with the messages of all channels.
func TestTheRouterGoesOnAfterACrashAtAPublish(t *testing.T) {
	s := newStage(t, time.Hour)
	s.node.encoder = plainEncoder{}
	r := newRouter(s.node).(*router)
	const crowd = portion + 1
	close(s.hold)
	for id := range uint64(crowd) {
		r.onOnline(&online{id, nil, slowOutbox{stage: s}, "bob", 0})
		r.onAttach(&attach{id, "bob", t1.whole(), 0, 0})
	}
	m := &publish{Poster: Caller{Session: crowd}, Topic: t1}
	midway(t, func(ctx actor.Context) { r.onPublish(ctx, m) })
	ctx := &fallible{}
	for r.mend(ctx, m); len(ctx.sent) > 0; {
		ctx.sent = ctx.sent[1:]
		r.onFan(ctx)
	}
	if n := len(s.said); n != crowd {
		t.Errorf("of %d it was pushed to %d", crowd, n)
	}
}

// TestACrashBeforeASqueezeDoesNotPreventTheNext: otherwise the limit of memory would hold no more.
func TestACrashBeforeASqueezeDoesNotPreventTheNext(t *testing.T) {
	n := &node{dir: &localDirectory{}}
	n.state.most = -1
	u := newUser(n, "alice")
	midway(t, func(ctx actor.Context) { u.weigh(ctx) })
	ctx := &fallible{}
	u.account.Keys = make([]sessionKey, 1)
	u.weigh(ctx)
	if len(ctx.sent) != 2 {
		t.Errorf("the two directories were sent %v", ctx.sent)
	}
}

// TestASessionThatCrashesAtALogoutStillHasItsUser: at the session's end the router is told only of
// a user that it has.
func TestASessionThatCrashesAtALogoutStillHasItsUser(t *testing.T) {
	s := &session{user: "alice"}
	midway(t, func(ctx actor.Context) { s.depart(ctx, &flight{req: &Request{Command: Logout{}}}, Done{}) })
	if s.user != "alice" {
		t.Error("nobody tells the router that she has gone")
	}
}

// forgetful is a parent whose table may forget a child, as if it had crashed while it started it.
type forgetful struct{ kids children }

type forget struct{}

func (f *forgetful) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case forget:
		clear(f.kids.live)
	case addressed:
		_, name := m.entity()
		f.kids.deliver(ctx, name, m)
	}
}

func TestAChildThatItsParentHasForgottenIsFoundAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
		users := func(name string) func() actor.Actor { return func() actor.Actor { return newUser(p.node, name) } }
		parent := p.node.system.Root.Spawn(p.node.props(KindDirectory, nil, func() actor.Actor {
			return &forgetful{newChildren(p.node, KindUser, users)}
		}))
		client := actor.NewFuture(p.node.system, time.Minute)
		p.node.system.Root.Send(parent, &register{Caller: Caller{PID: client.PID()}, User: "alice", Password: "p"})
		if reply, err := client.Result(); err != nil || reply.(*answer).Reply != (Done{}) {
			t.Fatal(reply, err)
		}
		p.node.system.Root.Send(parent, forget{})
		client = actor.NewFuture(p.node.system, time.Minute)
		p.node.system.Root.Send(parent, &joinedServers{Caller: Caller{PID: client.PID()}, User: "alice"})
		reply, err := client.Result()
		if err != nil {
			t.Fatal(err)
		}
		if _, is := reply.(*answer).Reply.(Servers); !is {
			t.Errorf("alice's list: %v", reply.(*answer).Reply)
		}
		if err := p.node.system.Root.StopFuture(parent).Wait(); err != nil {
			t.Error(err)
		}
	})
}
