package actors

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// lingerer is a child that takes its time to stop.
type lingerer struct{ asked, stopping, mayStop chan struct{} }

func (l *lingerer) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *joinedServers:
		close(l.asked)
	case *actor.Stopping:
		close(l.stopping)
		<-l.mayStop
	}
}

// TestAParentThatStopsStartsNoChild sends a message for a new child to a parent
// that waits for an old one to stop. A child started then would never be told
// to stop, and its parent would wait for it for ever.
func TestAParentThatStopsStartsNoChild(t *testing.T) {
	n := &node{cfg: DefaultConfig(), log: slog.New(slog.DiscardHandler), scheduler: dispatch.New(2, dispatch.LongTurn)}
	defer n.scheduler.Stop()
	system := actor.NewActorSystemWithConfig(actor.Configure(engineLog(n.log)))
	defer system.Shutdown()
	n.record = telemetry.NewRecorder(system, telemetry.Options{})
	first := &lingerer{asked: make(chan struct{}), stopping: make(chan struct{}), mayStop: make(chan struct{})}
	maker := func(name string) func() actor.Actor {
		return func() actor.Actor {
			if name == "first" {
				return first
			}
			return &lingerer{asked: make(chan struct{}), stopping: make(chan struct{}), mayStop: make(chan struct{})}
		}
	}
	props := n.props(KindDirectory, nil, func() actor.Actor { return newDirectory(n, KindUser, maker) })
	parent := system.Root.Spawn(props)
	probe := actor.NewFuture(system, time.Minute)
	system.Root.Send(parent, &joinedServers{User: "first"})
	<-first.asked // by now it is the parent's child
	stopped := system.Root.StopFuture(parent)
	select {
	case <-first.stopping:
		system.Root.Send(parent, &joinedServers{Caller: Caller{PID: probe.PID()}, User: "second"})
		if reply, err := probe.Result(); err != nil || codeOf(reply.(*answer).Reply) != Busy {
			t.Errorf("the second child's asker heard %v, %v", reply, err)
		}
		close(first.mayStop)
	case <-time.After(time.Minute):
		t.Fatal("the first child was not stopped")
	}
	if _, err := stopped.Result(); err != nil {
		t.Fatalf("the parent did not stop: %v", err)
	}
}

// TestAServerDoesNotRestWhileAJoinWaits lets a server be asked to rest between
// its word to a user and the user's answer. Joining again owes nothing, so
// nothing else keeps it.
func TestAServerDoesNotRestWhileAJoinWaits(t *testing.T) {
	var armed atomic.Bool
	decided := make(chan struct{})
	once := sync.OnceFunc(func() { close(decided) })
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Passivate = 20 * time.Millisecond
		c.Fault = func(kind Kind, msg any) {
			_, stayed := msg.(*stayed)
			_, stops := msg.(*actor.Stopping)
			_, word := msg.(*membershipChanged)
			switch {
			case !armed.Load():
			case kind == KindDirectory && stayed, kind == KindServer && stops:
				once()
			case kind == KindUser && word:
				<-decided
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	armed.Store(true)
	if reply := alice.ask(JoinServer{"s", ""}); reply != (Done{}) {
		t.Errorf("joining again: %v", reply)
	}
	once()
}

// TestAnActorOfAnyNameLeavesMemoryAndComesBack uses names that are written in another way in an
// actor's ID.
func TestAnActorOfAnyNameLeavesMemoryAndComesBack(t *testing.T) {
	for _, name := range []string{"a/b", "%2F", "..", ".", "%", "a b+c?d#e", "ü/ß"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.Inspect = true })
				alice := enter(t, p, name)
				alice.ask(CreateServer{name, ""})
				time.Sleep(time.Hour)
				if n := p.KindCounts()[KindUser].Alive + p.KindCounts()[KindServer].Alive; n != 0 {
					t.Errorf("%d actors are still in memory", n)
				}
				if reply, _ := alice.ask(JoinedServers{}).(Servers); fmt.Sprint(reply.Names) != fmt.Sprint([]string{name}) {
					t.Errorf("joined: %v", reply)
				}
				if reply := alice.ask(&Post{Server: name, Channel: "general", Text: "x"}); codeOf(reply) != "" {
					t.Errorf("post: %v", reply)
				}
			})
		})
	}
}

// TestWhatDoesNotExistLeavesMemoryAtOnce also if a password was hashed for it.
func TestWhatDoesNotExistLeavesMemoryAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Inspect = true
			c.Fault = crashes[*hashWork](KindPasswords, armed.Load)
		})
		alice := enter(t, p, "alice")
		stranger := connect(t, p, "")
		for i, ask := range []any{LoginByKey{"nobody", "k"}, Login{"nobody", "p"}, Login{"nobody else", "p"}, Register{"late", "p"}} {
			armed.Store(i == 3)
			if reply := stranger.ask(ask); codeOf(reply) == "" {
				t.Errorf("%T: %v", ask, reply)
			}
		}
		for _, ask := range []any{JoinServer{"nowhere", "p"}, CreateServer{"nowhere", "p"}} {
			if reply := alice.ask(ask); codeOf(reply) == "" {
				t.Errorf("%T: %v", ask, reply)
			}
		}
		synctest.Wait()
		if users, servers := p.KindCounts()[KindUser].Alive, p.KindCounts()[KindServer].Alive; users != 1 || servers != 0 {
			t.Errorf("%d users and %d servers are in memory, not alice alone", users, servers)
		}
	})
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
