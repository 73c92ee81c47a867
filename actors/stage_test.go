package actors

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
)

// stage is a node with one runner and none of a provider's actors: tests bring theirs.
type stage struct {
	node *node
	said chan string
	hold chan struct{} // whoever is to be held up waits for it
}

// newStage makes one. longTurn is dispatch.LongTurn, or an hour where nobody is to step in
// for the one who waits.
func newStage(t testing.TB, longTurn time.Duration) *stage {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := &stage{said: make(chan string, 1000), hold: make(chan struct{})}
	s.node = &node{cfg: DefaultConfig(), log: log, scheduler: dispatch.New(1, longTurn), system: actor.NewActorSystemWithConfig(actor.Configure(engineLog(log)))}
	s.node.record = telemetry.NewRecorder(s.node.system, telemetry.Options{})
	t.Cleanup(func() {
		s.node.system.Shutdown()
		s.node.scheduler.Stop()
	})
	return s
}

// inspect has the actors that come be on a roll.
func (s *stage) inspect() {
	s.node.record = telemetry.NewRecorder(s.node.system, telemetry.Options{Inspect: true})
}

func (s *stage) tell(who *actor.PID, words ...any) {
	for _, word := range words {
		s.node.system.Root.Send(who, word)
	}
}

// untilAsleep waits until the runner sleeps.
func (s *stage) untilAsleep() {
	for s.node.scheduler.State().Asleep == 0 {
		runtime.Gosched()
	}
}

// hear waits for a word.
func hear(t *testing.T, words <-chan string) string {
	t.Helper()
	select {
	case word := <-words:
		return word
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard")
		return ""
	}
}

// disk stands in the way of a durable actor's messages to persistence.
type disk struct {
	n    *node
	pid  *actor.PID
	seen chan any // what the actor sends, Appends aside
}

// newDisk answers each Append that all before it is on disk, and Recovers with err.
func newDisk(t *testing.T, err error) *disk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, openErr := persistence.Open(persistence.Config{Dir: t.TempDir(), Log: log})
	if openErr != nil {
		t.Fatal(openErr)
	}
	n := &node{cfg: DefaultConfig(), log: log, store: store, scheduler: dispatch.New(2, dispatch.LongTurn)}
	n.state.most = int64(n.cfg.StateBytes)
	n.system = actor.NewActorSystemWithConfig(actor.Configure(engineLog(log)))
	n.record = telemetry.NewRecorder(n.system, telemetry.Options{})
	d := &disk{n: n, seen: make(chan any, 1<<15)}
	d.pid = n.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started, *actor.Stopping, *actor.Stopped:
		case *persistence.Recover:
			ctx.Send(m.ReplyTo, &persistence.Recovered{Stream: m.Stream, Ref: m.Ref, Epoch: 1, Err: err})
		case *persistence.Append:
			ctx.Send(m.ReplyTo, &persistence.Committed{Stream: m.Stream, Epoch: 1, Seq: m.Event.Seq - 1})
		default:
			d.seen <- m
		}
	}))
	n.disk, n.router, n.dir = d.pid, d.pid, &localDirectory{users: d.pid, servers: d.pid}
	t.Cleanup(func() {
		n.system.Shutdown()
		n.scheduler.Stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func channelProps(d *disk) *actor.Props {
	return d.n.props(KindChannel, nil, func() actor.Actor {
		c := &channel{topic: topic{server: "s", channel: "g", incarnation: 1}, id: "1", reads: map[uint64]reading{}}
		c.durable = durable{node: d.n, entity: c, stream: "s"}
		return c
	})
}

// midway runs something that crashes at its first use of the context: in the midst of a handler, where
// another package's code is called. That must not leave something half done that is never put right.
func midway(t *testing.T, do func(actor.Context)) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no crash")
		}
	}()
	do(nil)
}
