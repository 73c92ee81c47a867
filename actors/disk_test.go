package actors

import (
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
)

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

func TestAUserThatCannotBeReadConfirmsNothing(t *testing.T) {
	d := newDisk(t, persistence.ErrUnavailable)
	root := d.n.system.Root
	u := root.Spawn(d.n.props(KindUser, nil, func() actor.Actor { return newUser(d.n, "bob") }))
	root.Send(u, &membershipChanged{User: "bob", Server: "s", Incarnation: 1, Member: true})
	root.Send(u, &joinedServers{Caller: Caller{PID: d.pid}, User: "bob"})
	if word, ok := (<-d.seen).(*membershipRefused); !ok || word.Incarnation != 1 || !word.Member {
		t.Errorf("the server heard %v", word)
	}
	reply, ok := (<-d.seen).(*answer)
	if !ok || codeOf(reply.Reply) != StorageDown {
		t.Errorf("heard %v", reply)
	}
}

func channelProps(d *disk) *actor.Props {
	return d.n.props(KindChannel, nil, func() actor.Actor {
		c := &channel{topic: topic{server: "s", channel: "g", incarnation: 1}, id: "1", reads: map[uint64]reading{}}
		c.durable = durable{node: d.n, entity: c, stream: "s"}
		return c
	})
}

// TestABusyChannelIsSaved keeps a channel's newest post always on its way to
// the disk: it has to save itself all the same, once.
func TestABusyChannelIsSaved(t *testing.T) {
	d := newDisk(t, nil)
	root := d.n.system.Root
	c := root.Spawn(channelProps(d))
	const posts = persistence.MaxPageItems + 500
	for i := range posts {
		root.Send(c, &post{Caller: Caller{PID: d.pid, Ref: uint64(i)}, Author: "a", Post: &Post{Text: "x"}})
	}
	saves := 0
	for published := 0; published < posts-1; {
		switch m := (<-d.seen).(type) {
		case *publish:
			published++
		case *persistence.SaveSnapshot:
			saves++
			if len(m.Pages) != 1 || m.Pages[0].Items.Len() != persistence.MaxPageItems {
				t.Errorf("pages %v at event %d", m.Pages, m.Seq)
			}
		}
	}
	if saves != 1 {
		t.Errorf("%d snapshots", saves)
	}
}
