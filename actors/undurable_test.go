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
	"elemental/persistence/vfs/vfstest"
)

// TestAReadOfPagesTellsNothingThatIsRefused asks for messages of which the older are read from
// pages, slowly, and the newest is on its way to a disk that then refuses it.
func TestAReadOfPagesTellsNothingThatIsRefused(t *testing.T) {
	for name, full := range map[string]bool{"by a failing disk": false, "for want of room, behind it": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { refuseWhileReading(t, full) })
		})
	}
}

func refuseWhileReading(t *testing.T, full bool) {
	const posts = 3 * persistence.PageItems
	var slow, sick atomic.Bool
	goOn, synced := make(chan struct{}), make(chan struct{})
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		switch {
		case op == vfstest.OpRead && strings.Contains(name, "/pages.d/") && slow.Load():
			<-goOn
		case op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && sick.Load():
			<-synced
		}
	}
	files.FailAt = func(op vfstest.Op, name string) error {
		if op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && sick.Load() {
			return syscall.EIO
		}
		return nil
	}
	p := startNode(t, persistence.Config{FS: files, MaxWaitingRecords: 1}, nil)
	alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	for i := range posts {
		alice.ask(&Post{Server: "s", Channel: "general", Text: fmt.Sprint(i)})
	}
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	synctest.Wait()
	slow.Store(true)
	sick.Store(true)
	alice.send(&Post{Server: "s", Channel: "general", Text: "refused"})
	synctest.Wait()
	bob.send(GetMessages{"s", "general", 0, posts + 1, true, true})
	synctest.Wait()
	if full {
		if reply := carol.ask(&Post{Server: "s", Channel: "general", Text: "too many"}); reply != (Refused{Code: Busy}) {
			t.Fatalf("post: %v", reply)
		}
	}
	close(synced)
	if reply := alice.hear(); codeOf(reply) != StorageDown && !full || codeOf(reply) == "" {
		t.Fatalf("post: %v", reply)
	}
	synctest.Wait()
	sick.Store(false)
	slow.Store(false)
	close(goOn)
	if reply, ok := bob.hear().(Messages); ok {
		t.Errorf("read %d messages, the last is %q", len(reply.List), reply.List[len(reply.List)-1].Text)
	}
	time.Sleep(time.Second)
	if reply := bob.ask(CountMessages{"s", "general"}); reply != (Amount{posts}) {
		t.Errorf("there are %v", reply)
	}
}

// TestAChangeThatIsLostBehindARefusedOneIsNotDone has a change of membership on its way to a disk
// that fails, when there is no room for another change of the same server behind it.
func TestAChangeThatIsLostBehindARefusedOneIsNotDone(t *testing.T) {
	for name, tt := range map[string]struct {
		change  any
		byAlice bool
		members string // afterwards
	}{
		"join":   {JoinServer{"s", ""}, false, "[alice carol]"},
		"leave":  {LeaveServer{"s"}, true, "[alice carol]"},
		"delete": {DeleteServer{"s", ""}, true, "[alice carol]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { loseChange(t, tt.change, tt.byAlice, tt.members) })
		})
	}
}

// failingJournal is a disk whose syncs of the journal wait for synced and then fail, while it is
// sick.
func failingJournal() (files *vfstest.Faulty, sick *atomic.Bool, synced chan struct{}) {
	files, sick, synced = &vfstest.Faulty{FS: vfstest.NewMem()}, &atomic.Bool{}, make(chan struct{})
	journal := func(op vfstest.Op, name string) bool {
		return op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && sick.Load()
	}
	files.Before = func(op vfstest.Op, name string) {
		if journal(op, name) {
			<-synced
		}
	}
	files.FailAt = func(op vfstest.Op, name string) error {
		if journal(op, name) {
			return syscall.EIO
		}
		return nil
	}
	return files, sick, synced
}

func loseChange(t *testing.T, change any, byAlice bool, members string) {
	files, sick, synced := failingJournal()
	p := startNode(t, persistence.Config{FS: files, MaxWaitingRecords: 1}, nil)
	alice, bob, carol, reader := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol"), enter(t, p, "carol")
	alice.ask(CreateServer{"s", ""})
	carol.ask(JoinServer{"s", ""})
	asker, other := bob, any(LeaveServer{"s"})
	if byAlice {
		asker = alice
	}
	if _, ends := change.(DeleteServer); ends {
		other = CreateServer{"s", ""}
	}
	sick.Store(true)
	asker.send(change)
	synctest.Wait()
	reader.send(ServerMembers{"s"}) // which the router answers, when the change is on disk
	synctest.Wait()
	if reply := carol.ask(other); codeOf(reply) != Busy {
		t.Fatalf("the change behind it: %v", reply)
	}
	begun := time.Now()
	close(synced)
	if reply := asker.hear(); codeOf(reply) != OutcomeUnknown || time.Since(begun) >= time.Second {
		t.Errorf("heard %v after %v", reply, time.Since(begun))
	}
	if reply := reader.hear(); codeOf(reply) == "" || time.Since(begun) >= time.Second {
		t.Errorf("who asks for the members heard %v after %v", reply, time.Since(begun))
	}
	sick.Store(false)
	time.Sleep(time.Second) // in which the disk is tried again
	if got := namesOf(carol.ask(ServerMembers{"s"}).(Members)); got != members {
		t.Errorf("members %s", got)
	}
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

// TestWhatCannotBeReplayedIsNotShown: a channel with an event that this version does not know, or that
// does not fit to those before it, is refused. It must not show, or go on from, what it could read.
func TestWhatCannotBeReplayedIsNotShown(t *testing.T) {
	message := func(index int64) []byte { e := posted{Index: index, Author: "a", Text: "x"}; return e.Append(nil) }
	for name, event := range map[string]persistence.Event{
		"an unknown type":     {Type: "edited", Version: 1, Data: message(1)},
		"another version":     {Type: "posted", Version: 2, Data: message(1)},
		"behind a lost event": {Type: "posted", Version: 1, Data: message(2)},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, nil)
			root := d.n.system.Root
			d.n.disk = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *persistence.Recover:
					event.Seq = 2
					first := persistence.Event{Seq: 1, Type: "posted", Version: 1, Data: message(0)}
					ctx.Send(m.ReplyTo, &persistence.Recovered{Ref: m.Ref, Epoch: 1, Seq: 2, Events: []persistence.Event{first, event}})
				case *answer:
					d.seen <- m
				}
			}))
			root.Send(root.Spawn(channelProps(d)), &countMessages{Caller: Caller{PID: d.n.disk}})
			if reply := (<-d.seen).(*answer).Reply; codeOf(reply) != StorageDown {
				t.Errorf("heard %v", reply)
			}
		})
	}
}

// TestWhoWaitsBehindARefusedEventHearsOfABrokenDisk: the journal refuses a post, and the channel cannot be
// read afterwards. Whether the post before is on disk is not known, and its author hears that at once.
func TestWhoWaitsBehindARefusedEventHearsOfABrokenDisk(t *testing.T) {
	d := newDisk(t, nil)
	root := d.n.system.Root
	var again error
	d.n.disk = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *persistence.Recover:
			ctx.Send(m.ReplyTo, &persistence.Recovered{Ref: m.Ref, Epoch: 1, Err: again})
			again = persistence.ErrUnavailable
		case *persistence.Append:
			if m.Event.Seq == 2 {
				ctx.Send(m.ReplyTo, &persistence.Rejected{Epoch: 1, Seq: 2, Err: persistence.ErrBusy})
			}
		case *answer:
			d.seen <- m
		}
	}))
	c := root.Spawn(channelProps(d))
	for ref := uint64(1); ref <= 2; ref++ {
		root.Send(c, &post{Caller: Caller{PID: d.n.disk, Ref: ref}, Author: "a", Post: &Post{Text: "x"}})
	}
	for _, want := range []answer{{Ref: 2, Reply: Busy}, {Ref: 1, Reply: OutcomeUnknown}, {Ref: 3, Reply: StorageDown}} {
		if got := (<-d.seen).(*answer); got.Ref != want.Ref || codeOf(got.Reply) != want.Reply {
			t.Fatalf("heard %v of %d, want %v of %d", got.Reply, got.Ref, want.Reply, want.Ref)
		}
		if want.Ref == 2 {
			root.Send(c, &countMessages{Caller: Caller{PID: d.n.disk, Ref: 3}})
		}
	}
}

// TestAPasswordThatWasHashedBeforeTheDiskFailed: whoever waits for it is told that nothing can be kept now.
func TestAPasswordThatWasHashedBeforeTheDiskFailed(t *testing.T) {
	for name, command := range map[string]any{
		"register": Register{"carol", "p"}, "login": Login{"alice", "p"}, "change": ChangePassword{"p", "q"},
		"create": CreateServer{"t", "p"}, "join": JoinServer{"s", "p"}, "delete": DeleteServer{"s", "p"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				files, sick, synced := failingJournal()
				p := startNode(t, persistence.Config{FS: files}, nil)
				alice, bob, other := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "dave")
				alice.ask(CreateServer{"s", "p"})
				work := make(chan *hashWork, 1)
				root := p.node.system.Root
				p.node.passwords = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
					if w, ok := ctx.Message().(*hashWork); ok {
						work <- w
					}
				}))
				defer root.Stop(p.node.passwords)
				asker := alice
				if _, joins := command.(JoinServer); joins {
					asker = bob
				}
				asker.send(command)
				w := <-work
				sick.Store(true)
				close(synced)
				if reply := other.ask(Logout{}); codeOf(reply) != StorageDown {
					t.Fatalf("the disk fails: %v", reply)
				}
				root.Send(w.ReplyTo, &hashDone{Ref: w.Ref, Match: true, Hash: "h"})
				if reply := asker.hear(); reply != (Refused{Code: StorageDown}) {
					t.Errorf("heard %v", reply)
				}
				sick.Store(false)
			})
		})
	}
}
