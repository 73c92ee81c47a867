package transport

import (
	"strings"
	"testing"
	"time"

	"elemental/actors"
	"elemental/protocol"
)

// TestWhatThePollerIsToldOnlyOnce comes in while the poller is busy, so the system tells of all of it
// at once: the poller reads on without being told again.
func TestWhatThePollerIsToldOnlyOnce(t *testing.T) {
	const ping = `{"call":"ping"}`
	t.Run("more than it reads at a time", func(t *testing.T) {
		behindABusyPoller(t, func(c *client) { c.send(strings.Repeat(" ", protocol.ResumeBytes) + ping) }).expect(yes)
	})
	t.Run("a request and the end", func(t *testing.T) {
		c := behindABusyPoller(t, func(c *client) {
			c.send(ping)
			c.closeWrite()
		})
		c.expect(yes)
		c.expectEnd()
	})
}

// behindABusyPoller has a client do something while the poller, which reads it, does not look.
func behindABusyPoller(t *testing.T, do func(*client)) *client {
	at, goOn := make(chan struct{}), make(chan struct{})
	cfg := testConfig()
	cfg.Processors = 1
	s, l := startStation(t, cfg, func(r *actors.Request) any {
		if _, is := r.Command.(actors.ProviderName); is {
			at <- struct{}{}
			<-goOn
		}
		return agreeable(r)
	})
	clients := [2]*client{}
	for i := range clients {
		clients[i] = dial(t, l)
		clients[i].send(`{"call":"ping"}`)
		clients[i].expect(yes)
		c := s.session(t, i).out.(*conn)
		for start := time.Now(); c.ready.state.Load() != idle; time.Sleep(time.Millisecond) { // a pace for looking
			if time.Since(start) > patienceOfTests {
				t.Fatal("no poller reads it")
			}
		}
	}
	clients[0].send(`{"call":"getprovidername"}`)
	<-at
	do(clients[1])
	close(goOn)
	return clients[1]
}
