package client

import (
	"context"
	"fmt"
	"sync"
)

// finding is what a channel was found to have.
type finding struct {
	amount int64
	before *Message // what stands before the place where delivery is, or is to begin
	anew   bool     // it is another channel than the one that was delivered so far
}

// attach subscribes on a connection, or with the original asks anew, and finds
// out what was missed. The survey comes after the subscription, so that what is
// posted in between is heard, or counted, or both.
func (s *Subscription) attach(ctx context.Context, conn *Conn) error {
	if err := s.subscribe(ctx, conn); err != nil {
		return err
	}
	channels := []string{s.at.channel}
	if s.at.channel == "" {
		var err error
		if channels, err = conn.Channels(ctx, s.at.server); err != nil {
			return err
		}
	}
	found, err := s.survey(ctx, conn, channels)
	if err != nil {
		return err
	}
	s.settle(conn, found)
	return nil
}

// subscribe asks for pushes, where there are such.
func (s *Subscription) subscribe(ctx context.Context, conn *Conn) error {
	if conn.Original() {
		return nil
	}
	if !enter(ctx, s.c.wiring) {
		return fmt.Errorf("subscribe: %w", ctx.Err())
	}
	defer leave(s.c.wiring)
	s.mu.Lock()
	s.wired = conn
	s.mu.Unlock()
	_, err := conn.Subscribe(ctx, s.at.server, s.at.channel)
	return err
}

// survey looks at channels, some at a time.
func (s *Subscription) survey(ctx context.Context, conn *Conn, channels []string) (map[string]finding, error) {
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
			f, err := s.find(ctx, conn, channel)
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

// find looks at one channel. Whether it is another one than before is told by
// the message that was delivered last: a channel that was deleted and made again
// holds another one in its place, or none.
func (s *Subscription) find(ctx context.Context, conn *Conn, channel string) (finding, error) {
	amount, newest, err := newest(ctx, conn, s.at.server, channel)
	if err != nil {
		return finding{}, err
	}
	f := finding{amount: amount, before: newest}
	last, started := s.last(channel)
	if !started {
		if !s.started() && s.from >= 0 && s.from < amount {
			f.before, err = s.look(ctx, conn, channel, s.from-1)
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
	first := !s.begun
	s.begun, s.attached = true, conn
	for channel, f := range found {
		if t := s.tracks[channel]; t != nil && (f.anew || f.amount < t.next) {
			s.retire(channel)
		}
		switch t := s.tracks[channel]; {
		case t != nil:
			t.known = max(t.known, f.amount)
		case first && s.from < 0:
			s.track(channel).start(f.amount, f.amount, f.before)
		case first:
			s.track(channel).start(min(s.from, f.amount), f.amount, f.before)
		default:
			s.track(channel).start(0, f.amount, nil)
		}
	}
	for channel := range s.tracks {
		if _, there := found[channel]; !there {
			s.retire(channel) // deleted while nobody listened
		}
	}
	s.letIn(conn)
}
