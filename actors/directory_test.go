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

// TestALostWordIsSaidAgain crashes the user when it hears that it is a member
// of what it has joined again.
func TestALostWordIsSaidAgain(t *testing.T) {
	var armed atomic.Bool
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Passivate, c.Deadline = 20*time.Millisecond, time.Minute
		c.Fault = crashes[*membershipChanged](KindUser, once(&armed))
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	armed.Store(true)
	if reply := alice.ask(JoinServer{"s", ""}); reply != (Done{}) || armed.Load() {
		t.Errorf("joining again: %v", reply)
	}
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
