package screen

import (
	"context"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
)

// Limits of what waits between the client and the screen.
const (
	mostStatuses = 64
	mostTraffic  = 1024
	batch        = 256 // how many events or objects of the wire go to the screen in one message
)

// feeds bring to the screen what happens without being asked for. The screen takes one message at
// a time and may stop for a while (when an image is on the terminal), so each feed has its limit.
type feeds struct {
	ctx      context.Context
	statuses chan client.Status // if it is full the client waits, since no status may be missed
	traffic  chan client.Traffic
	missed   atomic.Int64 // how many objects of the wire found no room
	send     func(tea.Msg)
}

func newFeeds(ctx context.Context) *feeds {
	return &feeds{
		ctx: ctx, statuses: make(chan client.Status, mostStatuses),
		traffic: make(chan client.Traffic, mostTraffic),
	}
}

// status is the function for client.Options.Status.
func (f *feeds) status(s client.Status) {
	select {
	case f.statuses <- s:
	case <-f.ctx.Done():
	}
}

// trace is the function for client.Options.Trace.
func (f *feeds) trace(t client.Traffic) {
	select {
	case f.traffic <- t:
	default:
		f.missed.Add(1)
	}
}

// start begins to pass things on with send. It has to be called before anything is subscribed.
func (f *feeds) start(send func(tea.Msg)) {
	f.send = send
	go f.passStatuses()
	go f.passTraffic()
}

func (f *feeds) passStatuses() {
	for {
		select {
		case s := <-f.statuses:
			f.send(statusMsg{s})
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *feeds) passTraffic() {
	for {
		select {
		case first := <-f.traffic:
			f.send(trafficMsg{gather(first, f.traffic), f.missed.Swap(0)})
		case <-f.ctx.Done():
			return
		}
	}
}

// passEvents passes a subscription's events to the screen until the subscription ends.
func (f *feeds) passEvents(server string, s *client.Subscription) {
	for {
		select {
		case first, more := <-s.Events():
			if !more {
				f.send(unsubscribedMsg{server, s.Err()})
				return
			}
			f.send(eventsMsg{server, gather(first, s.Events())})
		case <-f.ctx.Done():
			return
		}
	}
}

// gather returns first and what else is in the channel now, up to batch values in all.
func gather[T any](first T, rest <-chan T) []T {
	all := []T{first}
	for len(all) < batch {
		select {
		case next, more := <-rest:
			if !more {
				return all // the next receive notices the end
			}
			all = append(all, next)
		default:
			return all
		}
	}
	return all
}
