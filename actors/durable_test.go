package actors

import (
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

// TestWhoAskedTheJournalHearsOfItsCrash: a channel whose snapshot was lost in it makes the next one, and who
// reads old messages is told at once, and can read them then.
func TestWhoAskedTheJournalHearsOfItsCrash(t *testing.T) {
	const posts = 3 * persistence.PageItems
	bubble(t, func(t *testing.T) {
		var saves, reads atomic.Int32
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				first := false
				switch msg.(type) {
				case *persistence.SaveSnapshot:
					first = saves.Add(1) == 1
				case *persistence.ReadItems:
					first = reads.Add(1) == 1
				}
				if first {
					panic("injected")
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		for range posts {
			alice.send(&Post{Server: "s", Channel: "general"})
		}
		for range posts {
			alice.hear()
		}
		for want := range int32(2) {
			p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
			synctest.Wait()
			if n := saves.Load(); n != want+1 {
				t.Fatalf("%d snapshots were made, not %d", n, want+1)
			}
		}
		asked := time.Now()
		if reply := alice.ask(GetMessages{"s", "general", 0, 1, true, true}); codeOf(reply) != StorageDown || time.Since(asked) > time.Second {
			t.Errorf("after %v: %v", time.Since(asked), reply)
		}
		if reply, _ := alice.ask(GetMessages{"s", "general", 0, 1, true, true}).(Messages); len(reply.List) != 1 || reads.Load() != 2 {
			t.Errorf("after the crash there are %v, read %d times", reply.List, reads.Load())
		}
	})
}

// TestBusyMeansThatNothingWasDone lets the journal refuse for want of room
// while earlier posts are on their way to the disk.
func TestBusyMeansThatNothingWasDone(t *testing.T) {
	p := startNode(t, persistence.Config{MaxWaitingRecords: 1}, nil)
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	posted, busy := 0, 0
	for range 50 {
		for range 40 {
			alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		for range 40 {
			switch reply := alice.hear().(type) {
			case *Posted:
				posted++
			case Refused:
				if reply.Code != Busy {
					t.Fatalf("refused: %v", reply)
				}
				busy++
			}
		}
	}
	if total := alice.ask(CountMessages{"s", "general"}); total != (Amount{int64(posted)}) || busy == 0 {
		t.Errorf("%v messages, %d acknowledged, %d busy", total, posted, busy)
	}
}

// crashAtCreation crashes the journal at the word that a channel is made, when something else
// that is asked of it waits in its server's mailbox.
type crashAtCreation struct {
	armed atomic.Bool
	asked chan struct{}
}

func (c *crashAtCreation) before(kind Kind, msg any) {
	switch m := msg.(type) {
	case *createChannel:
		if kind == KindServer && c.armed.Load() {
			<-c.asked
		}
	case *persistence.Append:
		if m.Event.Type == "channelCreated" && c.armed.CompareAndSwap(true, false) {
			panic("injected")
		}
	}
}

func (c *crashAtCreation) behind(kind Kind, msg any) {
	if _, is := msg.(*post); is && kind == KindDirectory && c.armed.Load() {
		close(c.asked)
	}
}

// TestAChannelThatIsRefusedKeepsNothing posts to a channel before its creation is on disk, which
// the journal then refuses: the post must not be acknowledged, and the next channel that is made
// has the same number but is another one.
func TestAChannelThatIsRefusedKeepsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &crashAtCreation{asked: make(chan struct{})}
		p, stop := startStoppable(t, persistence.Config{FS: files}, func(cfg *Config) {
			cfg.Processors, cfg.Fault, cfg.FaultAfter = 4, c.before, c.behind
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		c.armed.Store(true)
		alice.send(CreateChannel{"s", "x"})
		synctest.Wait()
		bob.send(&Post{Server: "s", Channel: "x", Text: "early"})
		if reply := alice.hear(); codeOf(reply) != OutcomeUnknown {
			t.Errorf("creation: %v", reply)
		}
		if reply := bob.hear(); codeOf(reply) == "" {
			t.Errorf("a post to a channel that was never made: %v", reply)
		}
		if reply := alice.ask(CreateChannel{"s", "y"}); reply != (Done{}) {
			t.Fatalf("another channel: %v", reply)
		}
		if reply := alice.ask(CountMessages{"s", "y"}); reply != (Amount{0}) {
			t.Errorf("in a new channel there are %v", reply)
		}
		if reply := alice.ask(&Post{Server: "s", Channel: "y", Text: "kept"}); codeOf(reply) != "" {
			t.Errorf("a post to the new channel: %v", reply)
		}
		stop()
		p, _ = startStoppable(t, persistence.Config{FS: files}, nil)
		alice = enter(t, p, "alice")
		reply, _ := alice.ask(LatestMessages{Server: "s", Channel: "y", Count: 10, Before: -1}).(Messages)
		if len(reply.List) != 1 || reply.List[0].Text != "kept" {
			t.Errorf("after a restart the new channel has %v", reply.List)
		}
	})
}

// TestWhatIsNotOnDiskYetDoesNotExistForOthers posts to what is being made while the disk is slow.
func TestWhatIsNotOnDiskYetDoesNotExistForOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		creation any
		to       Post
		want     Code
	}{
		"channel": {CreateChannel{"s", "x"}, Post{Server: "s", Channel: "x"}, NoSuchChannel},
		"server":  {CreateServer{"t", ""}, Post{Server: "t", Channel: "general"}, NoSuchServer},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var slow atomic.Bool
				goOn, files := make(chan struct{}), &vfstest.Faulty{FS: vfstest.NewMem()}
				files.Before = func(op vfstest.Op, name string) {
					if op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && slow.Load() {
						<-goOn
					}
				}
				p := startNode(t, persistence.Config{FS: files}, nil)
				alice, other := enter(t, p, "alice"), enter(t, p, "alice")
				alice.ask(CreateServer{"s", ""})
				slow.Store(true)
				alice.send(tt.creation)
				synctest.Wait()
				other.send(&tt.to)
				synctest.Wait()
				close(goOn)
				if reply := alice.hear(); reply != (Done{}) {
					t.Fatalf("creation: %v", reply)
				}
				if reply := other.hear(); codeOf(reply) != tt.want {
					t.Errorf("a post before that: %v", reply)
				}
				if reply := other.ask(&tt.to); codeOf(reply) != "" {
					t.Errorf("a post after that: %v", reply)
				}
			})
		})
	}
}
