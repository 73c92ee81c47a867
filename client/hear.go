package client

import (
	"context"
	"errors"
	"slices"
	"time"
)

// What a subscription hears, and what it makes of it. A track takes messages
// only from the connection that it is attached to: what an earlier one brought
// may be of a channel that is no more.

// early is what came on a connection before the subscription was attached to it.
type early struct {
	conn    *Conn
	events  []Event
	counted map[string]int // by channel, which of the events counts what found no room
	missed  bool           // there was no room even for that
}

// maxEarly bounds the messages that are kept. Those beyond it are counted, to be
// read from the history. As many more channels and endings are kept; beyond that the
// subscription attaches once more.
const maxEarly = 1024

func (e *early) take(event Event) {
	if event.Kind == Unsubscribed {
		delete(e.counted, event.Channel) // what comes after it is of another channel
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

// hear takes a push; it is called by the connection's reader and never waits.
func (s *Subscription) hear(conn *Conn, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == Unsubscribed {
		s.endings++
	}
	s.take(conn, e)
}

// take accepts an event, or keeps it until it can be told apart. Called with the lock held.
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

// letIn accepts what came early on the connection. Called with the lock held.
func (s *Subscription) letIn(conn *Conn) {
	came := s.early
	s.early = early{}
	if came.conn != conn {
		return
	}
	for _, e := range came.events {
		s.accept(e)
	}
	if came.missed {
		s.attached = nil
	}
}

// accept takes an event. Called with the lock held.
func (s *Subscription) accept(e Event) {
	switch {
	case e.Kind == Posted:
		s.track(e.Channel).push(e.Message)
	case e.Kind == counted:
		t := s.track(e.Channel)
		t.known = max(t.known, e.Index+1)
	case e.Channel == s.at.channel:
		if s.cause == nil {
			s.cause = e.Cause
		}
	case e.Cause.Code == ChannelGone:
		s.retire(e.Channel)
	}
}

// track is the channel's track. One that was not found by a survey is of a
// channel made after it, and begins with its first message. Called with the
// lock held.
func (s *Subscription) track(channel string) *track {
	t := s.tracks[channel]
	if t == nil {
		t = &track{channel: channel}
		t.start(0, 0, nil)
		s.tracks[channel] = t
	}
	return t
}

// retire ends the track of a deleted channel. Called with the lock held.
func (s *Subscription) retire(channel string) {
	if t := s.tracks[channel]; t != nil {
		delete(s.tracks, channel)
		s.endings++
		s.dying = append(s.dying, t)
	}
}

// last is the message that stands before what is delivered next in a channel,
// if it is known, and whether the channel is.
func (s *Subscription) last(channel string) (last *Message, started bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tracks[channel]; t != nil {
		return t.last, true
	}
	return nil, false
}

// started reports whether it was attached before.
func (s *Subscription) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// ownPost is a post of ours that is under way. The provider does not push it to
// us; its answer may fill a gap.
type ownPost struct {
	s       *Subscription
	t       *track // of its channel, if there is one yet
	endings int    // how often a channel had ended when it began
	told    *Conn  // where that would be told from then on
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

// counted tells, among ourselves, that a message is there and not what it says.
const counted Kind = -1

// ends says what became of a post that was made on a connection. Its message is
// heard like a push where it is certainly the one at that place, and read from
// the history otherwise. Where it is in doubt, or a channel has ended meanwhile, or
// may have without our being told, and nobody knows which one it went to, all is
// counted anew.
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

// recount has it count once more, also what it is just about to have counted.
func (s *Subscription) recount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	s.nudge()
}

// detach begins to attach to a connection. What becomes doubtful from now on may
// come too late for it. The original pushes nothing that would have to be told apart.
func (s *Subscription) detach(conn *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = false
	if !conn.Original() {
		s.attached = nil
	}
}

// deliverable is the next event to deliver.
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
	for _, t := range s.tracks { // in no order, so that a busy channel does not keep others waiting
		if m, ready := t.pop(); ready {
			return Event{Kind: Posted, Message: m}, true
		}
	}
	return Event{}, false
}

// gap is what is missing first, and how long to wait for it to be filled.
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

// historyPage is how many messages are asked for at once.
const historyPage = 100

// fetch reads a part of the history that is missing.
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
