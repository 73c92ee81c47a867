package actors

import (
	"sync/atomic"
	"testing"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhatACrashedServersChannelsHadToDoLeavesTheGate has a server crash whose channel has posts
// in its mailbox. They are lost with the channel, and nobody ever answers them; but they must not
// count for as long as the connection lives, since in the end nobody else would be let in.
func TestWhatACrashedServersChannelsHadToDoLeavesTheGate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		goOn := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Inspect, c.Processors = true, 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*post); is && kind == KindChannel && armed.CompareAndSwap(true, false) {
					<-goOn
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		armed.Store(true)
		for range 10 {
			alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		time.Sleep(time.Second) // until somebody steps in for the one who is held up
		if err := p.Crash("provider/servers/s"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		close(goOn)
		for range 10 {
			alice.hear()
		}
		if n := p.Counters().InFlight; n == 0 {
			t.Fatal("no post was lost")
		}
		time.Sleep((lostAfter + 2) * p.node.cfg.Deadline)
		if n := p.Counters().InFlight; n != 0 {
			t.Errorf("%d posts count for ever", n)
		}
	})
}
