package actors

import (
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
func (nobody) Squeeze(actor.SenderContext)         {}

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

// TestBytesUnderWayAreBounded has few requests, which are too large together: the one that is too much
// is told so, and a smaller one still has room.
func TestBytesUnderWayAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.InFlightBytes = 100 })
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")
		p.node.dir = nobody{}
		ask := func(g *guest, bytes int) {
			g.session.Send(&Request{Command: &Post{Server: "s", Channel: "c"}, Bytes: bytes})
			synctest.Wait()
		}
		ask(alice, 60)
		ask(bob, 41)
		if reply := bob.hear(); codeOf(reply) != Busy {
			t.Errorf("more than all may have: %v", reply)
		}
		ask(carol, 40)
		if n := p.Counters().InFlight; n != 2 {
			t.Errorf("%d requests are under way", n)
		}
		alice.session.Close()
		carol.session.Close()
	})
}
