package client

import (
	"context"
	"fmt"
	"sync"
)

// finding is what a channel was found to have.
type finding struct {
	amount int64
	start  int64    // where delivery is to begin, if it has not begun
	before *Message // what stands before that place
	anew   bool     // it is another channel than the one that was delivered so far
}

// attach subscribes on a connection, or with the original asks anew, and finds
// out what was missed. The survey comes after the subscription, so that what is
// posted in between is heard, or counted, or both.
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

// subscribe asks for pushes, where there are such. It tells from which message
// on they come, or -1 where that is not told.
func (s *Subscription) subscribe(ctx context.Context, conn *Conn) (from int64, err error) {
	if conn.Original() {
		return -1, nil
	}
	if !enter(ctx, s.c.wiring) {
		return -1, fmt.Errorf("subscribe: %w", ctx.Err())
	}
	defer leave(s.c.wiring)
	s.mu.Lock()
	s.wired = conn
	s.mu.Unlock()
	if from, err = conn.Subscribe(ctx, s.at.server, s.at.channel); err != nil {
		return -1, err
	}
	s.mu.Lock()
	s.told = conn
	s.mu.Unlock()
	if s.at.channel == "" {
		from = -1
	}
	return from, nil
}

// survey looks at channels, some at a time; from is where pushes begin, or -1.
func (s *Subscription) survey(ctx context.Context, conn *Conn, channels []string, from int64) (map[string]finding, error) {
	const atOnce = 8
	var mu sync.Mutex
	var failed error
	found := map[string]finding{}
	places := make(chan struct{}, atOnce)
	var looking sync.WaitGroup
	for _, channel := range channels {
		places <- struct{}{}
		looking.Go(func() {
			defer leave(places)
			f, err := s.findAgain(ctx, conn, channel, from)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				found[channel] = f
			case CodeOf(err) == NoSuchChannel && s.at.channel == "": // deleted meanwhile
			case failed == nil:
				failed = err
			}
		})
	}
	looking.Wait()
	return found, failed
}

// findAgain is find that is repeated while the provider is busy: to begin with all
// channels anew, since one of many was refused, would make it busier still.
func (s *Subscription) findAgain(ctx context.Context, conn *Conn, channel string, from int64) (finding, error) {
	pauses := newBusyPauses()
	for {
		f, err := s.find(ctx, conn, channel, from)
		if CodeOf(err) != Busy || !pause(ctx, pauses.NextBackOff()) {
			return f, err
		}
	}
}

// find looks at one channel. Whether it is another one than before is told by
// the message that was delivered last: a channel that was deleted and made again
// holds another one in its place, or none. from is where pushes begin, or -1.
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

// startAt is where delivery begins in a channel: at the index that was wanted,
// or else with what is pushed, or else with what comes after what was counted.
func (s *Subscription) startAt(amount, pushed int64) int64 {
	switch {
	case s.from >= 0:
		return min(s.from, amount)
	case pushed >= 0:
		return min(pushed, amount)
	}
	return amount
}

// newest is how many messages a channel has, and the last of them.
func newest(ctx context.Context, conn *Conn, server, channel string) (int64, *Message, error) {
	page, err := conn.Latest(ctx, server, channel, 1, -1)
	if err != nil || len(page.Messages) == 0 {
		return page.Total, nil, err
	}
	return page.Total, &page.Messages[0], nil
}

// look reads one message, nil where there is none.
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

// settle brings the tracks in line with what was found, and then lets in what
// was heard on this connection meanwhile.
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
				t.forget() // nothing tells whether it is the same channel
			}
			t.known = max(t.known, f.amount)
		} else {
			s.track(channel).start(f.start, f.amount, f.before)
		}
	}
	for channel := range s.tracks {
		if _, there := found[channel]; !there {
			s.retire(channel) // deleted while nobody listened
		}
	}
	s.letIn(conn)
}
