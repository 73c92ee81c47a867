package actors

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// TestATombstoneThatTheDiskRefusesIsSavedLater deletes a server of which a snapshot is saved while a
// member's list does not follow yet. When it follows, there is no room for the tombstone. The journal
// does not need it, so nobody but the server would save it later, and the files would stay for ever.
func TestATombstoneThatTheDiskRefusesIsSavedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var owing, full atomic.Bool
		files := &vfstest.Faulty{FS: vfstest.NewMem(), FailAt: func(op vfstest.Op, name string) error {
			if op == vfstest.OpCreate && strings.HasPrefix(name, "servers/s/") && full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) {
			cfg.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*membershipChanged); is && kind == KindUser && owing.Load() {
					panic("injected")
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		owing.Store(true)
		if reply := alice.ask(DeleteServer{"s", ""}); reply != (Refused{Code: OutcomeUnknown}) {
			t.Fatalf("with a list that does not follow: %v", reply)
		}
		time.Sleep(10 * time.Minute)
		full.Store(true)
		owing.Store(false)
		time.Sleep(time.Hour)
		full.Store(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		if there, err := vfs.Exists(files, "servers/s"); there || err != nil {
			t.Errorf("the files of the server are there: %v, %v", there, err)
		}
	})
}

// TestATombstoneThatIsReadKeepsNobody asks for a server of which nothing but its tombstone is left:
// the actor leaves memory at once, so that the tombstone can go too.
func TestATombstoneThatIsReadKeepsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &census{live: map[Kind]int{}, told: map[string]int{}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) { cfg.Fault = c.note })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(DeleteServer{"s", ""})
		time.Sleep(90 * time.Second)
		if there, err := vfs.Exists(files, "servers/s/state.json"); !there || err != nil {
			t.Fatalf("there is no tombstone: %v, %v", there, err)
		}
		if reply := alice.ask(JoinServer{"s", ""}); reply != (Refused{Code: NoSuchServer}) {
			t.Errorf("joining it: %v", reply)
		}
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := c.live[KindServer]; n != 0 {
			t.Errorf("%d servers stay in memory", n)
		}
	})
}

// TestADeletedServerLeavesAfterItsLastChannel has a channel that takes longer to end than its deleted
// server takes to save its tombstone.
func TestADeletedServerLeavesAfterItsLastChannel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &census{live: map[Kind]int{}, told: map[string]int{}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) {
			cfg.Passivate = 10 * time.Hour
			cfg.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*retire); is {
					time.Sleep(10 * time.Minute)
				}
				c.note(kind, msg)
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		alice.ask(DeleteServer{"s", ""})
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := c.live[KindServer]; n != 0 {
			t.Errorf("%d servers stay in memory", n)
		}
		if there, err := vfs.Exists(files, "servers/s"); there || err != nil {
			t.Errorf("the files of the server are there: %v, %v", there, err)
		}
	})
}

// TestAServerThatCannotBeReadIsNotBuried: its state is empty then, as that of a deleted server, and it looks
// now and then whether it is one. Its snapshot may be one that another version can read.
func TestAServerThatCannotBeReadIsNotBuried(t *testing.T) {
	d := newDisk(t, nil)
	root := d.n.system.Root
	d.n.disk = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *persistence.Recover:
			ctx.Send(m.ReplyTo, &persistence.Recovered{Stream: m.Stream, Ref: m.Ref, Epoch: 1, Seq: 5, Snapshot: []byte(`"?"`)})
		case *persistence.SaveSnapshot, *answer:
			d.seen <- m
		}
	}))
	s := root.Spawn(d.n.props(KindServer, nil, func() actor.Actor { return newServer(d.n, "s") }))
	for range 2 { // by the second answer the server has come to the sweep
		root.Send(s, &serverChannels{Caller: Caller{PID: d.n.disk}, User: "alice"})
		if got, is := (<-d.seen).(*answer); !is || codeOf(got.Reply) != StorageDown {
			t.Errorf("an unreadable server says %v", got)
		}
		root.Send(s, &sweep{})
	}
}

// TestADeletedChannelIsForgotten deletes channels that have just been asked for: each asks for its
// stream when that is at its end, and has stopped when the answer comes.
func TestADeletedChannelIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var dropped atomic.Pointer[chan struct{}]
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				switch m := msg.(type) {
				case *persistence.Append:
					if len(m.Drops) > 0 {
						close(*dropped.Load())
					}
				case *actor.Started:
					if kind == KindChannel {
						<-*dropped.Load()
					}
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		before := p.node.store.Counters().Streams
		for range 10 {
			one := make(chan struct{})
			dropped.Store(&one)
			alice.ask(CreateChannel{"s", "x"})
			bob.send(CountMessages{"s", "x"})
			synctest.Wait()
			if reply := alice.ask(DeleteChannel{"s", "x"}); reply != (Done{}) {
				t.Fatalf("deletion: %v", reply)
			}
			bob.hear()
			synctest.Wait()
		}
		if n := p.node.store.Counters().Streams; n != before {
			t.Errorf("the store remembers %d streams, %d before", n, before)
		}
	})
}

// TestADeletedChannelThatCannotBeReadEndsAtOnce deletes a channel just after its files
// could not be read, when it looks at nothing.
func TestADeletedChannelThatCannotBeReadEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		c := &census{live: map[Kind]int{}, told: map[string]int{}}
		var broken atomic.Bool
		faulty := &vfstest.Faulty{FS: files}
		faulty.FailAt = func(op vfstest.Op, name string) error {
			if broken.Load() && op == vfstest.OpSize && strings.HasPrefix(name, "servers/s/channels/") {
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: faulty}, func(cfg *Config) { cfg.Fault = c.note })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		broken.Store(true)
		if reply := alice.ask(CountMessages{"s", "general"}); reply != (Refused{Code: StorageDown}) {
			t.Fatalf("unreadable: %v", reply)
		}
		if reply := alice.ask(DeleteChannel{"s", "general"}); reply != (Done{}) {
			t.Fatalf("deletion: %v", reply)
		}
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.live[KindChannel] != 0 {
			t.Error("the channel's actor lives on")
		}
	})
}

// TestWhatIsHeldForADeletedChannelIsRefusedAtOnce asks for a channel that recovers when its
// server asks it to rest: it says that it stays when it has to end, and what the server held
// back meanwhile comes to nobody.
func TestWhatIsHeldForADeletedChannelIsRefusedAtOnce(t *testing.T) {
	for _, deletion := range []any{DeleteChannel{"s", "general"}, DeleteServer{"s", ""}} {
		t.Run(fmt.Sprintf("%T", deletion), func(t *testing.T) {
			bubble(t, func(t *testing.T) { deleteWhileHeld(t, deletion) })
		})
	}
}

func deleteWhileHeld(t *testing.T, deletion any) {
	files := vfstest.NewMem()
	before, stop := startStoppable(t, persistence.Config{FS: files}, nil)
	alice := enter(t, before, "alice")
	alice.ask(CreateServer{"s", ""})
	alice.ask(&Post{Server: "s", Channel: "general", Text: "early"})
	bob, carol := enter(t, before, "bob"), enter(t, before, "carol")
	bob.ask(JoinServer{"s", ""})
	carol.ask(JoinServer{"s", ""})
	stop()

	read, said := make(chan struct{}), make(chan struct{})
	slow := &vfstest.Faulty{FS: files}
	slow.Before = func(_ vfstest.Op, name string) {
		if strings.HasPrefix(name, "servers/s/channels/") {
			await(t, read)
		}
	}
	p := startNode(t, persistence.Config{FS: slow}, func(c *Config) {
		c.Processors = 4
		c.Fault = func(kind Kind, msg any) {
			if _, ended := msg.(*actor.Stopped); ended && kind == KindChannel {
				await(t, said)
			}
		}
		c.FaultAfter = func(kind Kind, msg any) {
			if _, stays := msg.(*stayed); stays && kind == KindServer {
				close(said)
			}
		}
	})
	alice, bob, carol = enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
	carol.send(CountMessages{"s", "general"})
	synctest.Wait()
	root := p.node.system.Root
	root.Send(actor.NewPID(p.root.Address, p.root.Id+"/servers/s"), &vacant{name: "1", idle: true})
	synctest.Wait()
	bob.send(&Post{Server: "s", Channel: "general", Text: "late"})
	bob.send(&Post{Server: "s", Channel: "general", Text: "later"})
	synctest.Wait()
	want := NoSuchChannel
	if _, whole := deletion.(DeleteServer); whole {
		want = NoSuchServer
	}
	begun := time.Now()
	if reply := alice.ask(deletion); reply != (Done{}) {
		t.Errorf("deletion: %v", reply)
	}
	for range 2 {
		if reply := bob.hear(); reply != (Refused{Code: want}) {
			t.Errorf("what the server held: %v", reply)
		}
	}
	if reply := carol.hear(); reply != (Refused{Code: Busy}) {
		t.Errorf("what the channel held: %v", reply)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("that took %v", took)
	}
	close(read)
}
