package actors

import (
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
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
	n := &node{cfg: DefaultConfig(), log: slog.New(slog.DiscardHandler), workers: newDispatcher()}
	defer n.workers.stop()
	system := actor.NewActorSystemWithConfig(actor.Configure(engineLog(n.log)))
	defer system.Shutdown()
	first := &lingerer{asked: make(chan struct{}), stopping: make(chan struct{}), mayStop: make(chan struct{})}
	maker := func(name string) func() actor.Actor {
		return func() actor.Actor {
			if name == "first" {
				return first
			}
			return &lingerer{asked: make(chan struct{}), stopping: make(chan struct{}), mayStop: make(chan struct{})}
		}
	}
	props := n.props(KindDirectory, busyMailbox, nil, func() actor.Actor { return newDirectory(n, KindUser, maker) })
	parent := system.Root.Spawn(props)
	probe := actor.NewFuture(system, 20*time.Second)
	system.Root.Send(parent, &joinedServers{User: "first"})
	<-first.asked // by now it is the parent's child
	stopped := system.Root.StopFuture(parent)
	select {
	case <-first.stopping:
		system.Root.Send(parent, &joinedServers{Caller: Caller{PID: probe.PID()}, User: "second"})
		if reply, err := probe.Result(); err != nil || reply.(*answer).Reply != (Refused{Code: Busy}) {
			t.Errorf("the second child's asker heard %v, %v", reply, err)
		}
		close(first.mayStop)
	case <-time.After(20 * time.Second):
		t.Fatal("the first child was not stopped")
	}
	if _, err := stopped.Result(); err != nil {
		t.Fatalf("the parent did not stop: %v", err)
	}
}
