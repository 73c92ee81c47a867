package client

import (
	"context"
	"errors"
	"slices"
	"time"
)

// This file is about what a subscription hears and what it does with it. A track takes messages
// only from the connection that the subscription is attached to: what an earlier connection
// brought may be of a channel that was deleted since.

// early holds what came on a connection before the subscription was attached to it.
type early struct {
	conn    *Conn
	events  []Event
	counted map[string]int // by channel: the place in events of the counted event for messages that found no room
	missed  bool           // events were lost, since there was no room even for those, or an end to a subscription of this place was dropped
}

// maxEarly limits how many events early keeps in full. Of further messages it only notes per
// channel how far they go, so that they are read from the history later. These notes and the ends
// of channels may take as many places again. If that is not enough, the subscription attaches
// once more.
const maxEarly = 1024

func (e *early) take(event Event) {
	if event.Kind == Unsubscribed {
		delete(e.counted, event.Channel) // messages after it belong to another channel
	} else if len(e.events) >= maxEarly {
		if i, there := e.counted[event.Channel]; there {
			e.events[i].Index = max(e.events[i].Index, event.Index)
			return
		}
		event = Event{Kind: counted, Message: Message{Channel: event.Channel, Index: event.Index}}
	}
	if len(e.events) >= 2*maxEarly {
		e.missed = true
		return
	}
	if event.Kind == counted {
		e.counted[event.Channel] = len(e.events)
	}
	e.events = append(e.events, event)
}

// hear takes a push. The connection's reader calls it, so it never waits.
func (s *Subscription) hear(conn *Conn, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == Unsubscribed {
		s.endings++
	}
	s.take(conn, e)
}

// take takes in an event of the connection that the subscription is attached to, and keeps one of
// another connection until it is attached to that one. Called with the lock held.
func (s *Subscription) take(conn *Conn, e Event) {
	if conn == s.attached {
		s.accept(e)
		s.nudge()
		return
	}
	if s.early.conn != conn {
		s.early = early{conn: conn, counted: map[string]int{}}
	}
	s.early.take(e)
}

// answered is called when the provider has answered subscribe. What came on the connection before
// was for another subscription of this client. It is dropped if this one was not told of ends
// meanwhile, since it may be of a channel that is gone; the survey, which follows, counts all that
// is there. Only that there was an end to a subscription of this place is kept.
func (s *Subscription) answered(conn *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == conn {
		return
	}
	came := s.early
	s.told, s.early = conn, early{conn: conn, counted: map[string]int{}}
	s.early.missed = came.conn == conn && (came.missed || slices.ContainsFunc(came.events, s.isEnd))
}

// letIn takes in what came on the connection before the subscription was attached to it. Called
// with the lock held. An end among that may be the end of an earlier subscription to the same
// place, so the subscription attaches once more: that tells. The end of a channel of the server
// may have come before the survey, which then found the next channel of that name. What it counted
// there is dropped with the track, so the channels are counted again.
func (s *Subscription) letIn(conn *Conn) {
	came := s.early
	s.early = early{}
	if came.conn != conn {
		return
	}
	for _, e := range came.events {
		if s.isEnd(e) {
			came.missed = true
			break
		}
		s.stale = s.stale || e.Kind == Unsubscribed
		s.accept(e)
	}
	if came.missed {
		s.attached, s.told = nil, nil
	}
}

// isEnd reports whether an event tells of the end of a subscription to this place.
func (s *Subscription) isEnd(e Event) bool {
	return e.Kind == Unsubscribed && e.Channel == s.at.channel
}

// accept takes in an event. Called with the lock held.
func (s *Subscription) accept(e Event) {
	switch {
	case s.cause != nil: // what comes after the end may be of another channel of that name
	case e.Kind == Posted:
		s.track(e.Channel).push(e.Message)
	case e.Kind == counted:
		t := s.track(e.Channel)
		t.known = max(t.known, e.Index+1)
	case s.isEnd(e):
		s.cause = e.Cause
	case e.Cause.Code == ChannelGone:
		s.retire(e.Channel)
	}
}

// track returns the channel's track. If the survey did not find the channel, it was made
// afterwards: its new track begins with its first message. Called with the lock held.
func (s *Subscription) track(channel string) *track {
	t := s.tracks[channel]
	if t == nil {
		t = &track{channel: channel}
		t.start(0, 0, nil)
		s.tracks[channel] = t
	}
	return t
}

// retire ends the track of a channel that was deleted; what it still holds is delivered before
// the Deleted event. Called with the lock held.
func (s *Subscription) retire(channel string) {
	if t := s.tracks[channel]; t != nil {
		delete(s.tracks, channel)
		s.endings++
		s.dying = append(s.dying, t)
	}
}

// last returns the message before the one that is delivered next in a channel, or nil if it is
// not known. started says whether the channel has a track.
func (s *Subscription) last(channel string) (last *Message, started bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tracks[channel]; t != nil {
		return t.last, true
	}
	return nil, false
}

// started reports whether the subscription was attached before.
func (s *Subscription) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// ownPost is a post of this client that is under way, as one subscription sees it. The provider
// does not push it to the connection that posted it, so its answer may fill a gap.
type ownPost struct {
	s       *Subscription
	t       *track // the channel's track, if its gaps may wait for this post; else nil
	endings int    // the subscription's endings when the post began
	told    *Conn  // the connection that tells of each end of a channel, when the post began; may be nil
}

func (s *Subscription) postBegins(channel string) *ownPost {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tracks[channel]
	if t != nil && s.attached != nil && !s.attached.Original() {
		t.own++
	} else {
		t = nil
	}
	return &ownPost{s, t, s.endings, s.told}
}

// counted is a kind of Event for use inside this package only: it says that there is a message at
// an index, but not what it says.
const counted Kind = -1

// ends is called when a post that was made on the connection on has ended. If the message is
// certainly the one at its index, it is taken in like a push; otherwise it is read from the
// history. The subscription counts again if it is doubtful whether the message was posted. It
// also does so if a channel has ended since the post began, or may have ended without the
// subscription being told: then nobody knows which of two channels of the same name has the
// message.
func (o *ownPost) ends(on *Conn, m Message, certain, doubtful bool) {
	s := o.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.t != nil {
		o.t.own--
	}
	posted := m.Index >= 0
	switch {
	case doubtful, posted && (o.endings != s.endings || on != o.told || on != s.wired):
		s.stale = true
	case posted && certain:
		s.take(on, Event{Kind: Posted, Message: m})
	case posted:
		s.take(on, Event{Kind: counted, Message: m})
	}
	s.nudge()
}

// recount makes the subscription count its channels again, also if a count is under way.
func (s *Subscription) recount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	s.nudge()
}

// detach is the first step of attaching to a connection. It clears stale first, so that what
// becomes doubtful from now on leads to one more count. The original provider pushes nothing, so
// with it the subscription can stay attached.
func (s *Subscription) detach(conn *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = false
	if !conn.Original() {
		s.attached = nil
	}
}

// deliverable returns the next event to deliver, and whether there is one.
func (s *Subscription) deliverable() (Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dying) > 0 {
		t := s.dying[0]
		if m, ready := t.pop(); ready {
			return Event{Kind: Posted, Message: m}, true
		}
		s.dying = slices.Delete(s.dying, 0, 1)
		return Event{Kind: Deleted, Message: Message{Server: s.at.server, Channel: t.channel}}, true
	}
	for _, t := range s.tracks { // in random order, so that a busy channel does not hold up others
		if m, ready := t.pop(); ready {
			return Event{Kind: Posted, Message: m}, true
		}
	}
	return Event{}, false
}

// gap returns the gap to be read first, and how long to wait before that, since something else
// may fill it. first is nil if nothing is missing.
func (s *Subscription) gap() (first *track, begin, end int64, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, t := range s.tracks {
		b, e, w, missing := t.gap(now)
		if missing && (first == nil || w < wait) {
			first, begin, end, wait = t, b, e, w
		}
	}
	return first, begin, end, wait
}

// historyPage is how many messages are read from the history with one request.
const historyPage = 100

// fetch reads a missing part of a channel's history. If the provider sends only fewer messages at
// once, it asks for fewer.
func (s *Subscription) fetch(conn *Conn, t *track, begin, end int64) error {
	end = min(end, begin+historyPage)
	var page []Message
	var err error
	for {
		page, err = conn.Messages(s.ctx, s.at.server, t.channel, begin, end)
		if CodeOf(err) != TooManyMessages || end-begin < 2 {
			break
		}
		end = begin + (end-begin)/2
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch code := CodeOf(err); {
	case s.attached != conn || s.tracks[t.channel] != t || errors.Is(err, context.Canceled):
		return nil // the channel was deleted, or the subscription has moved on or ended, in the meantime
	case err == nil:
		t.fill(page)
	case code == OutOfRange: // the channel is shorter than it was, so it was deleted and made again
		t.forget()
		s.attached = nil
	case code == NoSuchChannel && s.at.channel == "":
		s.retire(t.channel)
		return nil
	}
	return err
}
