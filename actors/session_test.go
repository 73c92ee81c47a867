package actors

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhoHangsUpHasNoMoreUnderWay has requests of many connections that ended wait for a server
// that is held up: they count until they are done, or for two deadlines at the most.
func TestWhoHangsUpHasNoMoreUnderWay(t *testing.T) {
	const most = 10
	bubble(t, func(t *testing.T) {
		var handled atomic.Int32
		goOn := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.InFlightRequests, c.Processors = most, 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*serverChannels); is && kind == KindServer {
					handled.Add(1)
					<-goOn
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		var guests []*guest
		for range 3 * most {
			guests = append(guests, enter(t, p, "alice"))
		}
		for _, g := range guests {
			g.send(ServerChannels{"s"})
			g.session.Close()
		}
		time.Sleep(time.Second) // until somebody steps in for the one who is held up
		if n := p.Counters().InFlight; n != most {
			t.Errorf("%d requests are under way", n)
		}
		if reply := alice.ask(JoinedServers{}); codeOf(reply) != Busy {
			t.Errorf("one more: %v", reply)
		}
		close(goOn)
		synctest.Wait()
		if n := handled.Load(); n != most || p.Counters().InFlight != 0 {
			t.Errorf("%d requests came to the server, and %d are under way", n, p.Counters().InFlight)
		}
		if reply := alice.ask(ServerChannels{"s"}); codeOf(reply) != "" {
			t.Errorf("after all: %v", reply)
		}
	})
}

// TestAHangUpEndsWhatIsAnsweredAtOnce: posts whose answers wait for that of an earlier one are not under
// way any more, and one that was not admitted never was.
func TestAHangUpEndsWhatIsAnsweredAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.InFlightRequests = 2 })
		alice := enter(t, p, "alice")
		p.node.dir = nobody{}
		for _, claimed := range []string{"", "bob", ""} { // is on its way, refused, and one too many
			alice.session.Send(&Request{Command: &Post{Server: "s", Channel: "c"}, Claimed: claimed, Bytes: 10})
		}
		synctest.Wait()
		if n := p.Counters().InFlight; n != 2 {
			t.Fatalf("%d requests are under way before", n)
		}
		alice.session.Close()
		synctest.Wait()
		if n := p.Counters().InFlight; n != 1 {
			t.Errorf("%d requests are under way after", n)
		}
	})
}

// TestAHangUpIsForgotten when nobody answers any more: a mailbox is lost with its actor.
func TestAHangUpIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
		s := p.Connect(newOutbox(), netip.Addr{})
		p.node.dir = nobody{}
		s.Send(&Request{Command: Login{"alice", "p"}, Bytes: 10})
		synctest.Wait()
		s.Close()
		p.node.system.Root.Send(s.pid, &overdue{}) // its timer may have been due just then
		time.Sleep(2*p.node.cfg.Deadline - time.Second)
		if n := p.Counters().InFlight; n != 1 {
			t.Errorf("%d requests are under way", n)
		}
		time.Sleep(2 * time.Second)
		if n := p.Counters().InFlight; n != 0 {
			t.Errorf("%d requests are under way for ever", n)
		}
	})
}

// nobody is a Directory where all messages are lost.
type nobody struct{}

func (nobody) Tell(actor.SenderContext, addressed) {}

func (nobody) Squeeze(actor.SenderContext) {}

// TestAHangUpDuringALoginThatSubscribesIsForgotten: the login itself is answered, and its client
// waits for what the session asks by itself. What it counts for is done with that: a stop would
// wait for it.
func TestAHangUpDuringALoginThatSubscribesIsForgotten(t *testing.T) {
	for name, last := range map[string]func(msg any) bool{
		"list":      func(msg any) bool { _, is := msg.(*joinedServers); return is },
		"subscribe": func(msg any) bool { _, is := msg.(*subscribe); return is },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { hangUpDuringLogin(t, last) })
		})
	}
}

func hangUpDuringLogin(t *testing.T, last func(msg any) bool) {
	var armed atomic.Bool
	came, goOn := make(chan struct{}, 10), make(chan struct{})
	p, stop := startStoppable(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.AutoSubscribe, c.Processors = true, 4
		c.Fault = func(kind Kind, msg any) {
			if kind != KindDirectory && armed.Load() && last(msg) {
				came <- struct{}{}
				<-goOn
			}
		}
	})
	alice := enter(t, p, "alice")
	for _, server := range []string{"s", "t", "u"} {
		alice.ask(CreateServer{server, ""})
	}
	armed.Store(true)
	other := p.Connect(newOutbox(), netip.Addr{})
	other.Send(&Request{Command: Login{"alice", "p"}, Bytes: 10})
	<-came
	other.Close()
	alice.session.Close()
	time.Sleep(time.Second)
	if n := p.Counters().InFlight; n != 1 {
		t.Errorf("%d requests are under way before the answers", n)
	}
	close(goOn)
	synctest.Wait()
	if n := p.Counters().InFlight; n != 0 {
		t.Errorf("%d requests are under way after them", n)
	}
	stop()
}

// TestAStopDoesNotWaitForWhoHasHungUp: what he asked, nobody may ever answer.
func TestAStopDoesNotWaitForWhoHasHungUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, stop := startStoppable(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.Deadline = time.Minute })
		s := p.Connect(newOutbox(), netip.Addr{})
		p.node.dir = nobody{}
		s.Send(&Request{Command: Login{"alice", "p"}, Bytes: 10})
		s.Close()
		synctest.Wait()
		before := time.Now()
		stop()
		if took := time.Since(before); took >= time.Second || p.Counters().InFlight != 1 {
			t.Errorf("it took %v, and %d requests are under way", took, p.Counters().InFlight)
		}
	})
}

// TestPostsToDifferentChannelsWaitForEachOther: a client sends two without waiting, and the channel of the
// first is slow. The second one takes effect only after it, also where just the servers differ.
func TestPostsToDifferentChannelsWaitForEachOther(t *testing.T) {
	for _, then := range []Post{{Server: "s", Channel: "other"}, {Server: "t", Channel: "general"}} {
		bubble(t, func(t *testing.T) {
			var held atomic.Bool
			goOn := make(chan struct{})
			p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
				c.Processors = 4
				c.Fault = func(kind Kind, msg any) {
					if _, is := msg.(*post); is && kind == KindChannel && held.CompareAndSwap(true, false) {
						<-goOn
					}
				}
			})
			alice, reader := enter(t, p, "alice"), enter(t, p, "alice")
			for _, each := range []any{CreateServer{"s", ""}, CreateServer{"t", ""}, CreateChannel{"s", "other"}} {
				alice.ask(each)
			}
			held.Store(true)
			alice.send(&Post{Server: "s", Channel: "general"})
			alice.send(&then)
			synctest.Wait()
			if got := reader.ask(CountMessages{then.Server, then.Channel}); got != (Amount{0}) {
				t.Errorf("while the first is under way, of the second there are %v", got)
			}
			close(goOn)
			alice.hear()
			alice.hear()
			if got := reader.ask(CountMessages{then.Server, then.Channel}); got != (Amount{1}) {
				t.Errorf("after both, of the second there are %v", got)
			}
		})
	}
}

// TestASessionThatCrashesAtItsEndHangsUp: its client is not left alone, and its user is not online.
func TestASessionThatCrashesAtItsEndHangsUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				_, asks := msg.(*Request)
				_, ends := msg.(*actor.Stopping)
				if kind == KindSession && (asks || ends) && armed.Load() {
					panic("injected")
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		bob.ask(CreateServer{"s", ""})
		alice.ask(JoinServer{"s", ""})
		armed.Store(true)
		alice.send(Ping{})
		synctest.Wait()
		armed.Store(false)
		members, _ := bob.ask(ServerMembers{"s"}).(Members)
		if got := fmt.Sprint(members.Members); !alice.out.closed.Load() || got != "[{bob true} {alice false}]" {
			t.Errorf("the connection is closed: %v; members %s", alice.out.closed.Load(), got)
		}
	})
}

// TestASessionThatCrashesAtALogoutStillHasItsUser: at the session's end the router is told only of
// a user that it has.
func TestASessionThatCrashesAtALogoutStillHasItsUser(t *testing.T) {
	s := &session{user: "alice"}
	midway(t, func(ctx actor.Context) { s.depart(ctx, &flight{req: &Request{Command: Logout{}}}, Done{}) })
	if s.user != "alice" {
		t.Error("nobody tells the router that she has gone")
	}
}

func TestASessionGivesUpOnAnswersThatNeverCome(t *testing.T) {
	n := &node{cfg: DefaultConfig(), gate: newGate(1000, 1000)}
	s := &session{node: n}
	keep := func(ref uint64, age time.Duration) {
		if !n.gate.enter(1) {
			t.Fatal("the gate is full")
		}
		s.makeOrphan(&flight{ref: ref, req: &Request{Bytes: 1}})
		s.orphans[ref] = orphan{bytes: 1, since: time.Now().Add(-age)}
	}
	for ref := range uint64(maxOrphans) {
		keep(ref, 3*n.cfg.Deadline)
	}
	keep(maxOrphans, 0)
	s.forgetLost()
	if len(s.orphans) != 1 || n.gate.requests.Load() != 1 || n.gate.bytes.Load() != 1 {
		t.Errorf("%d late, %d at the gate", len(s.orphans), n.gate.requests.Load())
	}
	s.orphanDone(maxOrphans)
	if n.gate.requests.Load() != 0 {
		t.Error("a late answer does not free its place")
	}
}
