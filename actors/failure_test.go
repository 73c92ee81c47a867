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

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

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

// TestASubscriptionDoesNotOutliveTheMembership holds a channel's recovery until
// the subscriber has left the server on another connection.
func TestASubscriptionDoesNotOutliveTheMembership(t *testing.T) {
	var hold atomic.Bool
	goOn, held := make(chan struct{}), make(chan struct{}, 1)
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Fault = func(kind Kind, msg any) {
			if _, ok := msg.(*persistence.Recovered); ok && kind == KindChannel && hold.CompareAndSwap(true, false) {
				held <- struct{}{}
				<-goOn
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	here, there := enter(t, p, "bob"), enter(t, p, "bob")
	here.ask(JoinServer{"s", ""})
	hold.Store(true)
	here.send(Subscribe{"s", "general", true})
	<-held
	if reply := there.ask(LeaveServer{"s"}); reply != (Done{}) {
		t.Fatalf("leave: %v", reply)
	}
	close(goOn)
	here.hear()
	alice.ask(&Post{Server: "s", Channel: "general", Text: "secret"})
	alice.ask(ServerMembers{"s"}) // goes through the router after the post
	here.ask(Ping{})
	if event := <-here.out.pushes; event != "unsubscribed "+string(MembershipEnded) {
		t.Errorf("heard %q", event)
	}
	if n := len(here.out.pushes); n != 0 {
		t.Errorf("a non-member heard %q", <-here.out.pushes)
	}
}

// TestALostWordIsMadeUpFor crashes the handling of messages that nobody would
// send again: the entity and the journal must stay reachable, at once and after an hour in which nothing happens.
func TestALostWordIsMadeUpFor(t *testing.T) {
	for name, lost := range map[string]string{
		"rest": "*actors.rest", "gathering": "*persistence.gathering", "wake": "*persistence.wake",
	} {
		for _, rest := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprint(name, " and ", rest), func(t *testing.T) {
				bubble(t, func(t *testing.T) { loseWord(t, lost, rest) })
			})
		}
	}
}

func loseWord(t *testing.T, lost string, rest time.Duration) {
	var armed atomic.Bool
	fired := make(chan struct{})
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.Fault = func(_ Kind, msg any) {
			if fmt.Sprintf("%T", msg) == lost && armed.CompareAndSwap(true, false) {
				close(fired)
				panic("injected")
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	armed.Store(true)
	alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
	<-fired
	time.Sleep(rest)
	if reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: "x"}).(*Posted); !ok {
		t.Errorf("a post after the crash: %v", reply)
	}
	if _, ok := alice.ask(JoinedServers{}).(Servers); !ok {
		t.Error("the user is not reachable")
	}
}

// TestAnUnreadableChannelLeavesMemory has a channel's snapshot end, and a post refused, while
// nothing of the channel can be read.
func TestAnUnreadableChannelLeavesMemory(t *testing.T) {
	for name, used := range map[string]bool{"used again": true, "left alone": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { breakChannel(t, used) })
		})
	}
}

func breakChannel(t *testing.T, used bool) {
	const folder = "servers/s/channels/general/1/"
	begun, goOn := make(chan struct{}), make(chan struct{})
	var sick atomic.Bool
	hold := sync.OnceFunc(func() { close(begun); <-goOn })
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpCreate && name == folder+"state.new.json" {
			hold()
		}
	}
	files.FailAt = func(op vfstest.Op, name string) error {
		journal := op == vfstest.OpSync && strings.HasPrefix(name, "journal/")
		if sick.Load() && (journal || op&vfstest.Reads != 0 && strings.HasPrefix(name, folder)) {
			return syscall.EIO
		}
		return nil
	}
	p := startNode(t, persistence.Config{FS: files}, func(c *Config) { c.Inspect, c.Passivate = true, time.Minute })
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	post := &Post{Server: "s", Channel: "general", Text: "x"}
	alice.ask(post)
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	<-begun
	sick.Store(true)
	if reply := alice.ask(post); reply != (Refused{Code: StorageDown}) {
		t.Fatalf("post: %v", reply)
	}
	close(goOn)
	synctest.Wait()
	sick.Store(false)
	time.Sleep(2 * time.Second)
	if used {
		if reply, ok := alice.ask(post).(*Posted); !ok {
			t.Fatalf("post: %v", reply)
		}
	}
	time.Sleep(time.Hour)
	if n := p.KindCounts()[KindChannel].Alive; n != 0 {
		t.Errorf("%d channels that nobody uses are in memory", n)
	}
}

// TestALateLoginLeavesTheGate has the subscriptions of logins come after their deadline.
func TestALateLoginLeavesTheGate(t *testing.T) {
	for _, logins := range []int{1, 2} {
		bubble(t, func(t *testing.T) {
			var held atomic.Bool
			goOn := make(chan struct{})
			p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
				c.AutoSubscribe, c.Processors = true, 4
				c.Fault = func(kind Kind, msg any) {
					if _, ok := msg.(*subscribe); ok && kind == KindServer && held.Load() {
						<-goOn
					}
				}
			})
			alice := enter(t, p, "alice")
			alice.ask(CreateServer{"s", ""})
			held.Store(true)
			for range logins {
				if reply := alice.ask(Login{"alice", "p"}); reply != (Refused{Code: OutcomeUnknown}) {
					t.Errorf("login: %v", reply)
				}
			}
			close(goOn)
			synctest.Wait()
			if n := p.node.gate.requests.Load(); n != 0 {
				t.Errorf("after %d late logins %d requests are under way", logins, n)
			}
		})
	}
}
