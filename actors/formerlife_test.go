package actors

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// These tests have an answer that was asked for before a crash come to the restarted actor,
// which waits for another one by then.

// TestAnotherPasswordsAnswerOpensNothing has the right password compared for somebody who asks
// before a crash, and a wrong one asked for after it.
func TestAnotherPasswordsAnswerOpensNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		kind         Kind
		crash        any
		right, wrong any
		want         Code
	}{
		"user":   {KindUser, JoinedServers{}, Login{"alice", "p"}, Login{"alice", "wrong"}, WrongPassword},
		"server": {KindServer, ServerChannels{"s"}, JoinServer{"s", "sp"}, JoinServer{"s", "wrong"}, WrongServerPasswd},
	} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			p := startNode(t, persistence.Config{}, func(c *Config) {
				c.HashWorkers = 1 // who answers in turn
				c.Fault = func(kind Kind, msg any) {
					if _, is := msg.(asked); is && kind == tt.kind && armed.CompareAndSwap(true, false) {
						panic("injected")
					}
				}
			})
			alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
			alice.ask(CreateServer{"s", "sp"})
			work := make(chan *hashWork, 8)
			root, passwords := p.node.system.Root, p.node.passwords
			p.node.passwords = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if w, ok := ctx.Message().(*hashWork); ok {
					work <- w
				}
			}))
			defer root.Stop(p.node.passwords)
			crash := func() {
				armed.Store(true)
				if reply := alice.ask(tt.crash); reply != (Refused{Code: OutcomeUnknown}) {
					t.Fatalf("at the crash: %v", reply)
				}
			}
			crash()
			bob.send(tt.right)
			former := <-work
			crash()
			if reply := bob.hear(); reply != (Refused{Code: Busy}) {
				t.Errorf("before the crash: %v", reply)
			}
			carol.send(tt.wrong)
			own := <-work
			root.Send(passwords, former)
			root.Send(passwords, own)
			if reply := carol.hear(); reply != (Refused{Code: tt.want}) {
				t.Errorf("a wrong password: %v", reply)
			}
		})
	}
}

// TestAnotherReadsMessagesAnswerNothing has old messages read for somebody who asks before a
// crash, and others asked for after it.
func TestAnotherReadsMessagesAnswerNothing(t *testing.T) {
	const posts = 3 * persistence.PageItems
	var armed, slow atomic.Bool
	saved, reading, goOn := make(chan struct{}), make(chan struct{}, 9), make(chan struct{})
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpRead && strings.Contains(name, "/pages.d/") && slow.Load() {
			reading <- struct{}{}
			<-goOn
		}
	}
	p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
		c.FaultAfter = func(kind Kind, msg any) {
			if _, is := msg.(*persistence.SnapshotSaved); is && kind == KindChannel {
				close(saved)
			}
		}
		c.Fault = crashes[*countMessages](KindChannel, once(&armed))
	})
	alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	for i := range posts {
		alice.send(&Post{Server: "s", Channel: "general", Text: fmt.Sprint(i)})
	}
	for range posts {
		alice.hear()
	}
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	await(t, saved)
	slow.Store(true)
	bob.send(GetMessages{"s", "general", 0, 1, true, true})
	<-reading
	armed.Store(true)
	alice.ask(CountMessages{"s", "general"})
	bob.hear()
	carol.send(GetMessages{"s", "general", 5, 7, true, true})
	<-reading
	slow.Store(false)
	close(goOn)
	reply, _ := carol.hear().(Messages)
	if len(reply.List) != 2 || reply.List[0].Text != "5" {
		t.Errorf("messages 5 and 6 are %v", reply.List)
	}
}

// TestAPauseForAnotherRestartsNothing crashes a channel until the pause before its restart is long,
// and then its server, which stops it. Another one of that name has begun when the pause is over.
func TestAPauseForAnotherRestartsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var restarts atomic.Int32
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				switch msg.(type) {
				case *countMessages:
					if kind == KindChannel {
						panic("injected")
					}
				case *serverChannels:
					if kind == KindServer {
						panic("injected")
					}
				case *actor.Restarting:
					if kind == KindChannel {
						restarts.Add(1)
					}
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		const crashes = 5
		for range crashes {
			alice.ask(CountMessages{"s", "general"})
		}
		alice.ask(ServerChannels{"s"})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		time.Sleep(maxRestartDelay)
		if n := restarts.Load(); n != crashes-1 {
			t.Errorf("after %d crashes, of which the last was its end: %d restarts", crashes, n)
		}
	})
}
