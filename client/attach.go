package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// survey is how many messages each channel of a subscription has.
type survey map[string]int64

// attach subscribes on a connection, or with the original asks anew, and finds
// out what was missed.
func (s *Subscription) attach(ctx context.Context, conn *Conn) error {
	found, err := s.ask(ctx, conn)
	if err != nil {
		return err
	}
	anew := map[string]bool{}
	if conn != s.where() {
		if anew, err = s.findAnew(ctx, conn, found); err != nil {
			return err
		}
	}
	s.settle(conn, found, anew)
	return nil
}

// ask subscribes and counts. Counts come after the subscription, so that what
// is posted in between is heard, or counted, or both.
func (s *Subscription) ask(ctx context.Context, conn *Conn) (survey, error) {
	if !enter(ctx, s.c.wiring) {
		return nil, fmt.Errorf("subscribe: %w", ctx.Err())
	}
	defer leave(s.c.wiring)
	if !conn.Original() {
		amount, err := conn.Subscribe(ctx, s.at.server, s.at.channel)
		if err != nil || s.at.channel != "" {
			return survey{s.at.channel: amount}, err
		}
	}
	if s.at.channel != "" {
		amount, err := count(ctx, conn, s.at.server, s.at.channel)
		return survey{s.at.channel: amount}, err
	}
	return s.askEach(ctx, conn)
}

// askEach counts the messages of all channels of the server.
func (s *Subscription) askEach(ctx context.Context, conn *Conn) (survey, error) {
	channels, err := conn.Channels(ctx, s.at.server)
	if err != nil {
		return nil, err
	}
	found := survey{}
	for _, channel := range channels {
		amount, err := count(ctx, conn, s.at.server, channel)
		if CodeOf(err) == NoSuchChannel {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		found[channel] = amount
	}
	return found, nil
}

// count counts without the interval of gettotalmessages, where there is a way.
func count(ctx context.Context, conn *Conn, server, channel string) (int64, error) {
	if conn.Original() {
		return conn.Total(ctx, server, channel)
	}
	page, err := conn.Latest(ctx, server, channel, 0, -1)
	return page.Total, err
}

// findAnew finds the channels that were deleted and made again while nobody
// listened: they hold another message, or none, where the last one that was
// delivered should be.
func (s *Subscription) findAnew(ctx context.Context, conn *Conn, found survey) (map[string]bool, error) {
	anew := map[string]bool{}
	for channel := range found {
		last := s.last(channel)
		if last == nil {
			continue
		}
		there, err := conn.Messages(ctx, s.at.server, channel, last.Index, last.Index+1)
		if err != nil && CodeOf(err) != OutOfRange && CodeOf(err) != NoSuchChannel {
			return nil, err
		}
		if len(there) != 1 || !same(there[0], *last, conn.Original()) {
			anew[channel] = true
		}
	}
	return anew, nil
}

// same compares what was delivered with what is there. The time of an own post
// is not known with the original.
func same(a, b Message, original bool) bool {
	return a.Author == b.Author && a.Text == b.Text && (original || a.Time.Equal(b.Time))
}

// last is the message of a channel that was delivered last, or nil.
func (s *Subscription) last(channel string) *Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tracks[channel]; t != nil {
		return t.last
	}
	return nil
}

// settle brings the tracks in line with what was found.
func (s *Subscription) settle(conn *Conn, found survey, anew map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.begun
	s.begun, s.attached = true, conn
	for channel, amount := range found {
		if t := s.tracks[channel]; anew[channel] || t != nil && t.settled && amount < t.next {
			s.retire(channel)
		}
		t := s.track(channel)
		switch {
		case t.settled:
			t.known = max(t.known, amount)
		case first && s.from < 0:
			t.start(amount, amount)
		case first:
			t.start(min(s.from, amount), amount)
		default:
			t.start(0, amount)
		}
	}
	s.settleOthers(found)
}

// settleOthers sees to the channels that were not found: deleted while nobody
// listened, or, where something came, made while we asked. Called with the lock held.
func (s *Subscription) settleOthers(found survey) {
	for channel, t := range s.tracks {
		_, there := found[channel]
		switch {
		case there:
		case !t.settled:
			t.start(0, 0)
		case len(t.held) == 0 && t.own == 0:
			s.retire(channel)
		}
	}
}

// track is the channel's track, with a new one for a new channel. Called with
// the lock held.
func (s *Subscription) track(channel string) *track {
	t := s.tracks[channel]
	if t == nil {
		t = &track{channel: channel}
		s.tracks[channel] = t
	}
	return t
}

// retire ends the track of a deleted channel. Called with the lock held.
func (s *Subscription) retire(channel string) {
	t := s.tracks[channel]
	if t == nil {
		return
	}
	delete(s.tracks, channel)
	s.dying = append(s.dying, t)
}

// hear takes a push; it is called by the connection's reader and never waits.
func (s *Subscription) hear(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Kind == Posted:
		s.listenTo(e.Channel).push(e.Message)
	case e.Channel == s.at.channel:
		if s.cause == nil {
			s.cause = e.Cause
		}
	case e.Cause.Code == ChannelGone:
		s.retire(e.Channel)
	}
	s.nudge()
}

// listenTo is track for a channel that may have been made since it was counted.
// Called with the lock held.
func (s *Subscription) listenTo(channel string) *track {
	_, known := s.tracks[channel]
	t := s.track(channel)
	if !known && s.begun && s.at.channel == "" {
		t.start(0, 0)
	}
	return t
}

// postBegins says that a post of ours is under way; its answer may fill a gap.
func (s *Subscription) postBegins(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listenTo(channel).own++
}

// postEnds says what became of it. A post that is not certainly of that text
// only tells that there is a message.
func (s *Subscription) postEnds(channel string, m Message, certain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tracks[channel]
	if t == nil {
		return // deleted meanwhile
	}
	t.own = max(t.own-1, 0)
	switch {
	case m.Index >= 0 && certain:
		t.push(m)
	case m.Index >= 0:
		t.known = max(t.known, m.Index+1)
	case t.known == 0 && t.own == 0 && s.at.channel == "":
		delete(s.tracks, channel) // there may be no such channel
	}
	s.nudge()
}

// take is the next event to deliver.
func (s *Subscription) take() (Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.dying) > 0 {
		t := s.dying[0]
		if m, ready := t.pop(); ready {
			return Event{Kind: Posted, Message: m}, true
		}
		s.dying = slices.Delete(s.dying, 0, 1)
		if t.settled {
			return Event{Kind: Deleted, Message: Message{Server: s.at.server, Channel: t.channel}}, true
		}
	}
	for _, t := range s.tracks { // in no order, so that a busy channel does not keep others waiting
		if m, ready := t.pop(); ready {
			return Event{Kind: Posted, Message: m}, true
		}
	}
	return Event{}, false
}

// gap is what is missing first.
func (s *Subscription) gap() (t *track, begin, end int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tracks {
		if begin, end, missing := t.gap(); missing {
			return t, begin, end
		}
	}
	return nil, 0, 0
}

// historyPage is how many messages are asked for at once.
const historyPage = 100

// fetch reads a part of the history that is missing.
func (s *Subscription) fetch(t *track, begin, end int64) error {
	end = min(end, begin+historyPage)
	var page []Message
	var err error
	for {
		page, err = s.c.Messages(s.ctx, s.at.server, t.channel, begin, end)
		if CodeOf(err) != TooManyMessages || end-begin < 2 {
			break
		}
		end = begin + (end-begin)/2
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch code := CodeOf(err); {
	case s.tracks[t.channel] != t || errors.Is(err, context.Canceled):
		return nil // deleted, or over, meanwhile
	case err == nil:
		t.fill(page)
	case code == OutOfRange: // shorter than it was: made anew
		t.forget()
		s.attached = nil
	case code == NoSuchChannel && s.at.channel == "":
		s.retire(t.channel)
		return nil
	}
	return err
}
