package actors

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// TestADeletedChannelDoesNotBeginAnew lets a channel's actor start, for what
// somebody asks, only when its deletion is on its way to the journal: it finds
// no stream any more. An empty channel is not what was asked for, and an event
// of nobody's would keep the journal from ever getting shorter. Persistence, which
// wants a snapshot from the start on, gets none: nobody would remove its file.
func TestADeletedChannelDoesNotBeginAnew(t *testing.T) {
	for _, deletion := range []any{DeleteChannel{"s", "general"}, DeleteServer{"s", ""}} {
		for _, asks := range []any{
			&Post{Server: "s", Channel: "general", Text: "late"}, CountMessages{"s", "general"}, GetMessages{"s", "general", 0, 0, true, true},
		} {
			t.Run(fmt.Sprintf("%T, %T", deletion, asks), func(t *testing.T) { deleteMeanwhile(t, deletion, asks) })
		}
	}
}

func deleteMeanwhile(t *testing.T, deletion, asks any) {
	files := vfstest.NewMem()
	before, stop := startStoppable(t, persistence.Config{FS: files}, nil)
	alice := enter(t, before, "alice")
	alice.ask(CreateServer{"s", ""})
	alice.ask(&Post{Server: "s", Channel: "general", Text: "early"})
	enter(t, before, "bob").ask(JoinServer{"s", ""})
	stop()

	asked, dropped, recovered := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var saves atomic.Int32
	p, stop := startStoppable(t, persistence.Config{FS: files}, func(c *Config) {
		c.FaultAfter = func(kind Kind, msg any) {
			if _, is := msg.(*persistence.Recovered); is && kind == KindChannel {
				close(recovered)
			}
		}
		c.Fault = func(kind Kind, msg any) {
			switch m := msg.(type) {
			case channelBound:
				if kind == KindServer {
					close(asked)
				}
			case *persistence.Committed: // of the deletion; that the channel is at its end is said too late to be of help
				if kind == KindServer {
					await(t, recovered)
				}
			case *persistence.Append:
				if len(m.Drops) > 0 {
					close(dropped)
				}
			case *persistence.SaveSnapshot:
				if strings.HasPrefix(string(m.Stream), "servers/s/channels/") {
					saves.Add(1)
				}
			case *actor.Started:
				if kind == KindChannel {
					await(t, dropped)
				}
			}
		}
	})
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	bob.send(asks)
	await(t, asked)
	if reply := alice.ask(deletion); reply != (Done{}) {
		t.Fatalf("%T: %v", deletion, reply)
	}
	if reply, refused := bob.hear().(Refused); !refused || reply.Code != Busy && reply.Code != NoSuchChannel {
		t.Errorf("while it is deleted, %T: %v", asks, reply)
	}
	stop()
	if n := strings.Count(journalText(t, files), "late"); n != 0 {
		t.Errorf("the journal has %d events of nobody's", n)
	}
	if n := saves.Load(); n != 0 {
		t.Errorf("%d snapshots of nobody's", n)
	}
}

func journalText(t *testing.T, files vfs.FS) string {
	t.Helper()
	names, err := files.List("journal")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range names {
		data, err := vfs.ReadFile(files, "journal/"+name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	return text.String()
}

func await(t *testing.T, done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it does not come to that")
	}
}

// TestAChannelWhoseDeletionFailsGoesOn crashes the journal as it is to note the deletion.
func TestAChannelWhoseDeletionFailsGoesOn(t *testing.T) {
	var armed atomic.Bool
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Fault = func(_ Kind, msg any) {
			if m, ok := msg.(*persistence.Append); ok && len(m.Drops) > 0 && armed.CompareAndSwap(true, false) {
				panic("injected")
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	for _, deletion := range []any{DeleteChannel{"s", "general"}, DeleteServer{"s", ""}} {
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		armed.Store(true)
		if reply := alice.ask(deletion); reply != (Refused{Code: OutcomeUnknown}) {
			t.Fatalf("%T: %v", deletion, reply)
		}
		deadline := time.Now().Add(time.Minute)
		for posted := false; !posted; _, posted = alice.ask(&Post{Server: "s", Channel: "general", Text: "y"}).(*Posted) {
			if time.Now().After(deadline) {
				t.Fatalf("no post goes through after a failed %T", deletion)
			}
		}
	}
}

// TestASubscriptionThatADeletionOvertakes has the last step of a subscription come to the server
// after the channel's deletion, which the disk then refuses.
func TestASubscriptionThatADeletionOvertakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var full atomic.Bool
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.FailAt = func(op vfstest.Op, name string) error {
			if full.Load() && op == vfstest.OpSync && strings.HasPrefix(name, "journal/") {
				return syscall.ENOSPC
			}
			return nil
		}
		asked, deleted := make(chan struct{}), make(chan struct{})
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, ok := msg.(*subscribe); ok && kind == KindServer {
					close(asked)
					<-deleted
				}
			}
			c.FaultAfter = func(kind Kind, msg any) {
				if _, ok := msg.(*deleteChannel); ok && kind == KindDirectory {
					close(deleted) // it waits in the server's mailbox
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		full.Store(true)
		bob.send(Subscribe{"s", "general", true})
		<-asked
		for _, reply := range []any{alice.ask(DeleteChannel{"s", "general"}), bob.hear()} {
			if reply != (Refused{Code: StorageDown}) {
				t.Errorf("with a full disk: %v", reply)
			}
		}
		full.Store(false)
		time.Sleep(time.Second)
		if reply := alice.ask(&Post{Server: "s", Channel: "general", Text: "x"}); codeOf(reply) != "" {
			t.Errorf("the channel is there, and a post: %v", reply)
		}
	})
}

// TestAChannelThatIsToBeDeletedKnowsItAfterACrash crashes a channel at the word of its deletion,
// with a post to come that its server has held back: the restarted one finds no stream any more
// and does not know of its end, so the post must not get there and begin it anew.
func TestAChannelThatIsToBeDeletedKnowsItAfterACrash(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("the word was heard %t", after), func(t *testing.T) { crashToBeDeleted(t, after) })
	}
}

func crashToBeDeleted(t *testing.T, after bool) {
	files, c := vfstest.NewMem(), newCrashAtTheWord(t, after)
	p, stop := startStoppable(t, persistence.Config{FS: files}, func(cfg *Config) {
		cfg.Processors, cfg.Fault, cfg.FaultAfter = 4, c.before, c.behind
	})
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	alice.ask(CreateServer{"s", ""})
	bob.ask(JoinServer{"s", ""})
	alice.ask(&Post{Server: "s", Channel: "general", Text: "early"})
	root := p.node.system.Root
	root.Send(actor.NewPID(p.root.Address, p.root.Id+"/servers/s"), &vacant{name: "1", idle: true})
	c.resting.Store(true)
	bob.send(&Post{Server: "s", Channel: "general", Text: "late"})
	await(t, c.held)
	alice.send(DeleteChannel{"s", "general"})
	if reply, refused := bob.hear().(Refused); !refused || reply.Code != Busy && reply.Code != NoSuchChannel {
		t.Errorf("a post while it is deleted: %v", reply)
	}
	if reply := alice.hear(); reply != (Done{}) {
		t.Errorf("deletion: %v", reply)
	}
	stop()
	if n := strings.Count(journalText(t, files), "late"); n != 0 {
		t.Errorf("the journal has %d events of nobody's", n)
	}
}

// crashAtTheWord crashes a channel that is asked to rest, and then at the word of its end, and
// puts what happens meanwhile in order.
type crashAtTheWord struct {
	t                                      *testing.T
	after                                  bool // it was heard
	held, told, passedOn, again, restarted chan struct{}
	resting, deleted, crashed              atomic.Bool
	answers                                atomic.Int32 // to what its two lives since asked of the journal
}

func newCrashAtTheWord(t *testing.T, after bool) *crashAtTheWord {
	is := func() chan struct{} { return make(chan struct{}) }
	return &crashAtTheWord{t: t, after: after, held: is(), told: is(), passedOn: is(), again: is(), restarted: is()}
}

func (c *crashAtTheWord) crash(kind Kind, msg any) {
	if _, ok := msg.(*ending); ok && kind == KindChannel {
		c.crashed.Store(true)
		panic("injected")
	}
}

func (c *crashAtTheWord) before(kind Kind, msg any) {
	switch m := msg.(type) {
	case *rest:
		if kind == KindChannel {
			await(c.t, c.told)
			panic("injected") // it stays
		}
	case *persistence.Append:
		if len(m.Drops) > 0 {
			await(c.t, c.passedOn)
			await(c.t, c.again)
		}
	case *persistence.Committed:
		if kind == KindServer && c.deleted.Load() {
			await(c.t, c.restarted)
		}
	}
	if !c.after {
		c.crash(kind, msg)
	}
}

func (c *crashAtTheWord) behind(kind Kind, msg any) {
	switch msg.(type) {
	case *post:
		if kind == KindServer && c.resting.Load() {
			close(c.held)
		}
	case *deleteChannel:
		if kind == KindServer {
			c.deleted.Store(true)
			close(c.told)
		}
	case *stayed:
		if kind == KindServer {
			close(c.passedOn)
		}
	case *actor.Started:
		if kind == KindChannel && c.crashed.Load() {
			close(c.again)
		}
	case *persistence.Recovered:
		if kind == KindChannel && c.crashed.Load() && c.answers.Add(1) == 2 {
			close(c.restarted)
		}
	}
	if c.after {
		c.crash(kind, msg)
	}
}

// TestAReadThatTheDeletionOvertakesIsNoTrouble reads old messages of a channel whose files go
// before they are read, and before the channel's actor knows that the deletion is on disk.
func TestAReadThatTheDeletionOvertakesIsNoTrouble(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		before, stop := startStoppable(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, nil)
		alice := enter(t, before, "alice")
		alice.ask(CreateServer{"s", ""})
		enter(t, before, "bob").ask(JoinServer{"s", ""})
		for range persistence.PageItems {
			alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		time.Sleep(2 * time.Minute) // they are in a page
		stop()

		removed, read := make(chan struct{}), make(chan struct{})
		remove := sync.OnceFunc(func() { close(removed) })
		slow := &vfstest.Faulty{FS: files}
		slow.Before = func(op vfstest.Op, name string) {
			switch ofChannel, ofPage := strings.HasPrefix(name, "servers/s/channels/"), strings.Contains(name, "/pages.d"); {
			case ofPage && op == vfstest.OpOpen:
				<-removed
			case ofChannel && !ofPage && op == vfstest.OpRemove: // after the pages
				remove()
			}
		}
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: slow}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*persistence.Committed); is && kind == KindServer && armed.Load() {
					<-read
				}
			}
			c.FaultAfter = func(kind Kind, msg any) {
				if _, is := msg.(*persistence.ItemsRead); is && kind == KindChannel {
					close(read)
				}
			}
		})
		trouble := make(chan string, 10)
		defer p.Feed(func(h telemetry.Happening) { trouble <- h.What + " " + h.Detail })()
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		bob.send(GetMessages{"s", "general", 0, 100, true, true})
		synctest.Wait()
		armed.Store(true)
		if reply := alice.ask(DeleteChannel{"s", "general"}); reply != (Done{}) {
			t.Errorf("deletion: %v", reply)
		}
		if reply := bob.hear(); codeOf(reply) != Busy {
			t.Errorf("what is read meanwhile: %v", reply)
		}
		for len(trouble) > 0 {
			if h := <-trouble; strings.HasPrefix(h, "storage") {
				t.Errorf("operators hear %q", h)
			}
		}
	})
}

// TestAChannelThatIsDeletedAfterAllEnds crashes the journal just after it has taken the deletion: it
// is on disk, though the server hears that it may not be.
func TestAChannelThatIsDeletedAfterAllEnds(t *testing.T) {
	for _, deletion := range []any{DeleteChannel{"s", "general"}, DeleteServer{"s", ""}} {
		t.Run(fmt.Sprintf("%T", deletion), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := &census{live: map[Kind]int{}, told: map[string]int{}}
				var armed atomic.Bool
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
					cfg.Fault = c.note
					cfg.FaultAfter = func(_ Kind, msg any) {
						if m, ok := msg.(*persistence.Append); ok && len(m.Drops) > 0 && armed.CompareAndSwap(true, false) {
							panic("injected")
						}
					}
				})
				alice := enter(t, p, "alice")
				alice.ask(CreateServer{"s", ""})
				alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
				armed.Store(true)
				if reply := alice.ask(deletion); reply != (Refused{Code: OutcomeUnknown}) {
					t.Fatalf("deletion: %v", reply)
				}
				synctest.Wait()
				if c.mu.Lock(); c.live[KindChannel] != 0 {
					t.Error("the channel's actor lives on")
				}
				c.mu.Unlock()
			})
		})
	}
}
