package client

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// finding is what the survey found out about a channel.
type finding struct {
	amount int64
	start  int64    // index to begin delivery with, if it has not begun yet
	before *Message // the message just before start, or nil
	anew   bool     // the channel is not the one that was delivered so far: that one was deleted
}

// attach subscribes on a connection and finds out what was missed. With the original provider it
// only looks for what is new. It looks after it has subscribed, so that a message posted in
// between is pushed, or counted, or both, but never missed.
func (s *Subscription) attach(ctx context.Context, conn *Conn) error {
	s.detach(conn)
	from, err := s.subscribe(ctx, conn)
	if err != nil {
		return err
	}
	channels := []string{s.at.channel}
	if s.at.channel == "" {
		if channels, err = conn.Channels(ctx, s.at.server); err != nil {
			return err
		}
	}
	found, err := s.survey(ctx, conn, channels, from)
	if err != nil {
		return err
	}
	s.settle(conn, found)
	return nil
}

// subscribe asks the provider for pushes, if it has any. from is the index of the first message
// that is pushed, or -1 if the provider does not say.
func (s *Subscription) subscribe(ctx context.Context, conn *Conn) (from int64, err error) {
	if conn.Original() {
		return -1, nil
	}
	if err := s.c.wiring.Acquire(ctx, 1); err != nil {
		return -1, fmt.Errorf("subscribe: %w", err)
	}
	defer s.c.wiring.Release(1)
	s.mu.Lock()
	s.wired = conn
	s.mu.Unlock()
	if from, err = conn.Subscribe(ctx, s.at.server, s.at.channel); err != nil {
		return -1, err
	}
	s.answered(conn)
	if s.at.channel == "" {
		from = -1
	}
	return from, nil
}

// survey looks at all channels, up to eight at a time. from is the index of the first message
// that is pushed, or -1. It returns the first error, if any.
func (s *Subscription) survey(ctx context.Context, conn *Conn, channels []string, from int64) (map[string]finding, error) {
	const atOnce = 8
	var mu sync.Mutex
	found := map[string]finding{}
	var looking errgroup.Group
	looking.SetLimit(atOnce)
	for _, channel := range channels {
		looking.Go(func() error {
			f, err := s.findAgain(ctx, conn, channel, from)
			if CodeOf(err) == NoSuchChannel && s.at.channel == "" {
				return nil // deleted since the channels were listed
			}
			mu.Lock()
			defer mu.Unlock()
			found[channel] = f
			return err
		})
	}
	return found, looking.Wait()
}

// findAgain calls find and repeats it while the provider is busy. If one refusal made the survey
// of all channels begin again, the provider would be busier still.
func (s *Subscription) findAgain(ctx context.Context, conn *Conn, channel string, from int64) (finding, error) {
	pauses := newBusyPauses()
	for {
		f, err := s.find(ctx, conn, channel, from)
		if CodeOf(err) != Busy || !pause(ctx, pauses.NextBackOff()) {
			return f, err
		}
	}
}

// find looks at one channel. To tell whether it is still the same channel it compares the message
// that was delivered last: a channel that was deleted and made again has another message at that
// index, or none. from is the index of the first message that is pushed, or -1.
func (s *Subscription) find(ctx context.Context, conn *Conn, channel string, from int64) (finding, error) {
	amount, newest, err := newest(ctx, conn, s.at.server, channel)
	if err != nil {
		return finding{}, err
	}
	f := finding{amount: amount}
	last, known := s.last(channel)
	if !known && !s.started() {
		f.start = s.startAt(amount, from)
		f.before = newest
		if newest != nil && newest.Index != f.start-1 {
			f.before, err = s.look(ctx, conn, channel, f.start-1)
		}
		return f, err
	}
	if last == nil {
		return f, nil
	}
	there := newest
	if newest != nil && newest.Index > last.Index {
		there, err = s.look(ctx, conn, channel, last.Index)
	}
	f.anew = there == nil || *there != *last
	return f, err
}

// startAt returns the index with which delivery begins in a channel: the one that the caller
// asked for, else the first that is pushed, else the one after the last message that was counted.
// It is never beyond the channel's end.
func (s *Subscription) startAt(amount, pushed int64) int64 {
	switch {
	case s.from >= 0:
		return min(s.from, amount)
	case pushed >= 0:
		return min(pushed, amount)
	}
	return amount
}

// newest returns how many messages a channel has, and the last of them or nil.
func newest(ctx context.Context, conn *Conn, server, channel string) (int64, *Message, error) {
	page, err := conn.Latest(ctx, server, channel, 1, -1)
	if err != nil || len(page.Messages) == 0 {
		return page.Total, nil, err
	}
	return page.Total, &page.Messages[0], nil
}

// look reads one message of the channel. It returns nil if there is none at that index.
func (s *Subscription) look(ctx context.Context, conn *Conn, channel string, index int64) (*Message, error) {
	if index < 0 {
		return nil, nil
	}
	there, err := conn.Messages(ctx, s.at.server, channel, index, index+1)
	if CodeOf(err) == OutOfRange || err == nil && len(there) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &there[0], nil
}

// settle updates the tracks to what the survey found. Then it takes in what was heard on this
// connection in the meantime.
func (s *Subscription) settle(conn *Conn, found map[string]finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.attached = true, conn
	for channel, f := range found {
		if t := s.tracks[channel]; t != nil && (f.anew || f.amount < t.next) {
			s.retire(channel)
		}
		if t := s.tracks[channel]; t != nil {
			if t.last == nil {
				t.forget() // without a last message nothing tells whether the channel is the same
			}
			t.known = max(t.known, f.amount)
		} else {
			s.track(channel).start(f.start, f.amount, f.before)
		}
	}
	for channel := range s.tracks {
		if _, there := found[channel]; !there {
			s.retire(channel) // deleted while there was no connection
		}
	}
	s.letIn(conn)
}
