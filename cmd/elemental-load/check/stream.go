package check

import (
	"maps"
	"slices"
	"sync"
)

// Stream is what one connection hears of a channel, and what it is owed: every
// message from the moment of its subscription on, but for its own.
type Stream struct {
	c   *Channel
	own *Lane // of the same connection, nil if it does not post

	mu      sync.Mutex
	begun   bool
	ended   bool
	early   []span         // heard before the subscription was answered
	from    int64          // the first that is owed
	next    int64          // behind all that it knows of
	latest  int64          // the index of the latest push, -1 before
	missing map[int64]bool // passed over: yet to come, its own, or lost
}

// span is the places from from on, before to.
type span struct{ from, to int64 }

// Stream begins a stream. Own is the lane of the same connection in this channel,
// or nil.
func (c *Channel) Stream(own *Lane) *Stream {
	s := &Stream{c: c, own: own, latest: -1, missing: map[int64]bool{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams = append(c.streams, s)
	return s
}

// Begin says from which index on messages are owed: the amount that the answer to
// the subscription told.
func (s *Stream) Begin(amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.from, s.next = true, amount, amount
	s.c.book.streams.Add(1)
	for _, e := range s.early {
		for index := max(e.from, amount); index < e.to; index++ {
			s.heard(index)
		}
	}
	s.early = nil
}

// mostEarly bounds what is kept of what comes before a subscription is answered: it is one
// span, unless the provider leaves places out, or tells them twice or in another order.
const mostEarly = 1 << 16

// before keeps what is heard before the subscription is answered. Called with the lock held.
func (s *Stream) before(index int64) {
	switch last := len(s.early) - 1; {
	case last >= 0 && s.early[last].to == index:
		s.early[last].to++
	case last < mostEarly:
		s.early = append(s.early, span{index, index + 1})
	}
}

// Pushed takes a push. It returns the message's stamp, false where its text is
// nobody's.
func (s *Stream) Pushed(index int64, text []byte) (Stamp, bool) {
	s.c.book.pushes.Add(1)
	stamp, ok := s.c.book.Read(text)
	if ok {
		s.c.mu.Lock()
		s.c.note(index, stamp, "pushed")
		ok = s.c.lanes[stamp.Lane] != nil || !s.c.book.ours(stamp.Lane)
		s.c.mu.Unlock()
	}
	if !ok {
		s.c.book.report(Foreign, "%s at %d, pushed: %.80q", s.c, index, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ok && s.own != nil && stamp.Lane == s.own.ID:
		s.c.book.report(PushOwn, "%s: %d", s.c, index)
		s.pass(index)
	case s.begun:
		s.heard(index)
	default:
		s.before(index)
	}
	return stamp, ok
}

// Own notes where a post of the same connection stands, which is not pushed to it.
func (s *Stream) Own(index int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass(index)
}

// pass goes on behind an own post, or forgets that it had passed it over. Called with the
// lock held.
func (s *Stream) pass(index int64) {
	switch {
	case !s.begun || s.ended:
	case index >= s.next:
		s.passOver(index)
	default:
		delete(s.missing, index)
	}
}

// heard judges the index of a push. Called with the lock held.
func (s *Stream) heard(index int64) {
	switch {
	case s.ended, index >= 0 && index < s.from: // owed no more, and not yet
		return
	case index >= s.next:
		s.passOver(index)
	case !s.missing[index]:
		s.c.book.report(PushDoubled, "%s: %d", s.c, index)
		return
	case index < s.latest:
		s.c.book.report(PushReordered, "%s: %d after %d", s.c, index, s.latest)
	}
	delete(s.missing, index) // the answer to an own, later post may come first
	s.latest = max(s.latest, index)
}

// passOver goes on behind an index that was heard. Called with the lock held.
func (s *Stream) passOver(index int64) {
	if index-s.next > mostGap {
		s.c.book.report(Misplaced, "%s: a push tells index %d where %d was due", s.c, index, s.next)
		return
	}
	for ; s.next < index; s.next++ {
		s.missing[s.next] = true
	}
	s.next++
}

// behind is how many of the channel's messages up to total have not come, its own
// ones that were not told among them.
func (s *Stream) behind(total int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun || s.ended {
		return 0
	}
	return max(total-s.next, 0) + int64(len(s.missing))
}

// settle ends the stream when all of the channel's first total messages should have
// come: what is missing of them is lost, whatever comes later.
func (s *Stream) settle(total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun || s.ended {
		return
	}
	for ; s.next < total; s.next++ {
		s.missing[s.next] = true
	}
	s.ended = true
}

// Stop ends the stream with its connection or subscription. What had not come by
// then is owed no more, but for what a later push has passed over.
func (s *Stream) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	maps.DeleteFunc(s.missing, func(index int64, _ bool) bool { return index > s.latest })
}

// finish reports what never came. Called with the channel's lock held, once the
// history has told whose each place is; where it was not read, as many places as the
// connection has posts of unknown outcome may be its own.
func (s *Stream) finish(read bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := make([]int64, 0, len(s.missing))
	for index := range s.missing {
		if !s.isOwn(index) {
			lost = append(lost, index)
		}
	}
	slices.Sort(lost)
	if s.own != nil && !read {
		lost = lost[min(s.own.unsure(), len(lost)):]
	}
	for _, index := range lost {
		s.c.book.report(PushLost, "%s: %d", s.c, index)
	}
}

// isOwn tells a post of the same connection whose answer did not say its place.
func (s *Stream) isOwn(index int64) bool {
	return s.own != nil && index < int64(len(s.c.places)) && s.c.places[index] != 0 && s.c.places[index].lane() == s.own.ID
}
