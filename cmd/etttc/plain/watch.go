package plain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// errAway ends a run whose provider was away for too long.
var errAway = errors.New("the provider stayed away")

// mostTraffic is how many objects of the wire may wait to be printed.
const mostTraffic = 1024

// news is what the client has reported of its connection and what is not told yet. The client
// must not wait, so only the newest status is kept, and traffic beyond mostTraffic is only
// counted.
type news struct {
	mu      sync.Mutex
	status  *client.Status
	traffic []client.Traffic
	lost    int
	some    chan struct{} // holds a value when there is news
}

func (n *news) hearStatus(status client.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status = &status
	n.ring()
}

func (n *news) hearTraffic(t client.Traffic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.traffic) >= mostTraffic {
		n.lost++
		return
	}
	n.traffic = append(n.traffic, t)
	n.ring()
}

func (n *news) ring() {
	select {
	case n.some <- struct{}{}:
	default:
	}
}

// take returns all news and forgets it.
func (n *news) take() (status *client.Status, traffic []client.Traffic, lost int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	status, traffic, lost = n.status, n.traffic, n.lost
	n.status, n.traffic, n.lost = nil, nil, 0
	return status, traffic, lost
}

// watch tells how the connection fares. If the provider stays away for Config.Timeout and no
// person is there to decide, it calls giveUp. The returned function ends the watch and returns
// when everything has been told.
func (s *session) watch(giveUp context.CancelCauseFunc) (end func()) {
	n := &news{some: make(chan struct{}, 1)}
	s.c.Options.Status = n.hearStatus
	if s.c.Raw {
		s.c.Options.Trace = n.hearTraffic
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.tellNews(n, giveUp, stop)
	}()
	return func() {
		close(stop)
		<-done
	}
}

func (s *session) tellNews(n *news, giveUp context.CancelCauseFunc, stop <-chan struct{}) {
	tooLong := time.NewTimer(0)
	tooLong.Stop()
	defer tooLong.Stop()
	online, away := false, false
	for {
		select {
		case <-n.some:
		case <-tooLong.C:
			giveUp(fmt.Errorf("%w for %v", errAway, s.c.Timeout))
		case <-stop:
			s.tellTraffic(n.take())
			return
		}
		status, traffic, lost := n.take()
		s.tellTraffic(status, traffic, lost)
		switch {
		case status == nil || status.State == client.Closed:
		case status.State == client.Online:
			s.tellOnline(*status, away)
			tooLong.Stop()
			online, away = true, false
		case online && !away:
			away = true
			s.tellAway(*status)
			if !s.interactive {
				tooLong.Reset(s.c.Timeout)
			}
		}
	}
}

func (s *session) tellTraffic(_ *client.Status, traffic []client.Traffic, lost int) {
	for _, t := range traffic {
		s.out.wire(t)
	}
	if lost > 0 {
		s.out.notice(fmt.Sprintf("%d more went over the wire, too fast to be printed", lost))
	}
}

func (s *session) tellOnline(status client.Status, again bool) {
	switch {
	case status.Err != nil:
		s.refused.Store(true)
		s.out.status(status, "connected, but logged out: "+commands.Explain(status.Err))
	case again:
		s.out.status(status, "connected again")
	default:
		s.out.status(status, "")
	}
}

func (s *session) tellAway(status client.Status) {
	why := "connection lost"
	if status.Err != nil {
		why += " (" + commands.Explain(status.Err) + ")"
	}
	status.State = client.Offline // the client may be trying to reconnect already
	s.out.status(status, why+", trying again")
}
