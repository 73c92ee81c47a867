package screen

import (
	"context"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
)

// Bounds of what waits between the client and the screen.
const (
	mostStatuses = 64
	mostTraffic  = 1024
	batch        = 256 // events and traffic that go to the screen at once
)

// feeds bring to the screen what happens without being asked for. The screen
// takes messages one at a time and may be away for a while (an image is on the
// terminal), so that each feed has its bound.
type feeds struct {
	ctx      context.Context
	statuses chan client.Status // full, the client waits: none may be missed
	traffic  chan client.Traffic
	missed   atomic.Int64 // traffic that found no room
	send     func(tea.Msg)
}

func newFeeds(ctx context.Context) *feeds {
	return &feeds{
		ctx: ctx, statuses: make(chan client.Status, mostStatuses),
		traffic: make(chan client.Traffic, mostTraffic),
	}
}

// status is client.Options.Status.
func (f *feeds) status(s client.Status) {
	select {
	case f.statuses <- s:
	case <-f.ctx.Done():
	}
}

// trace is client.Options.Trace.
func (f *feeds) trace(t client.Traffic) {
	select {
	case f.traffic <- t:
	default:
		f.missed.Add(1)
	}
}

// start begins to pass on. It has to be called before anything is subscribed.
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

// passEvents brings a subscription's events to the screen until it ends.
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

// gather is first and what is there besides, up to a batch.
func gather[T any](first T, rest <-chan T) []T {
	all := []T{first}
	for len(all) < batch {
		select {
		case next, more := <-rest:
			if !more {
				return all // the next receive tells
			}
			all = append(all, next)
		default:
			return all
		}
	}
	return all
}
