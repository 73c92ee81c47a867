package check

import (
	"maps"
	"slices"
	"sync"
)

// Stream holds the pushes that one connection gets of a channel. It is due a push of
// every message from the moment of its subscription on, except its own posts.
type Stream struct {
	c   *Channel
	own *Lane // the lane of the same connection, nil if it does not post

	mu      sync.Mutex
	begun   bool
	ended   bool
	early   []span         // pushed before the answer to the subscription came
	from    int64          // index of the first message whose push is due
	next    int64          // all indexes below are known: pushed, its own, or in missing
	latest  int64          // highest index pushed so far, -1 before the first
	missing map[int64]bool // indexes that were passed over: the push is yet to come, the post is its own, or the push is lost
}

// span is the indexes from from up to, but not including, to.
type span struct{ from, to int64 }

// Stream begins a stream. Own is the lane of the same connection in this channel, or nil
// if it does not post there.
func (c *Channel) Stream(own *Lane) *Stream {
	s := &Stream{c: c, own: own, latest: -1, missing: map[int64]bool{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams = append(c.streams, s)
	return s
}

// Begin is called when the subscription is answered. Amount is the number of messages in
// that answer, so pushes are due from that index on.
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

// mostEarly is how many spans are kept of pushes that come before the subscription is
// answered. One is enough, unless the provider leaves indexes out, repeats them or mixes
// their order.
const mostEarly = 1 << 16

// before keeps the index of a push that came before the subscription was answered. Called
// with the lock held.
func (s *Stream) before(index int64) {
	switch last := len(s.early) - 1; {
	case last >= 0 && s.early[last].to == index:
		s.early[last].to++
	case last < mostEarly:
		s.early = append(s.early, span{index, index + 1})
	}
}

// Pushed takes a push and returns the message's stamp. It returns false, and reports the
// push, if nobody posted that text.
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

// Own notes the index of the connection's own post, which is not pushed to it.
func (s *Stream) Own(index int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass(index)
}

// pass notes an own post: it moves on past its index, or removes the index from missing.
// Called with the lock held.
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
	case s.ended, index >= 0 && index < s.from: // the stream has ended, or the push is older than the subscription
		return
	case index >= s.next:
		s.passOver(index)
	case !s.missing[index]:
		s.c.book.report(PushDoubled, "%s: %d", s.c, index)
		return
	case index < s.latest:
		s.c.book.report(PushReordered, "%s: %d after %d", s.c, index, s.latest)
	}
	delete(s.missing, index) // the index may be in missing although nothing is wrong: the answer to a later, own post may come first
	s.latest = max(s.latest, index)
}

// passOver moves on past an index, noting those before it as missing. Called with the
// lock held.
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

// behind is how many of the channel's first total messages have not been pushed yet. The
// connection's own posts are counted too while their index is not known.
func (s *Stream) behind(total int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun || s.ended {
		return 0
	}
	return max(total-s.next, 0) + int64(len(s.missing))
}

// settle ends the stream when every push of the channel's first total messages should
// have come. Those that have not are lost, whatever comes later.
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

// Stop ends the stream because its connection or subscription has ended. Pushes that have
// not come are not due any more, except those that a later push has passed over.
func (s *Stream) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	maps.DeleteFunc(s.missing, func(index int64, _ bool) bool { return index > s.latest })
}

// finish reports the pushes that never came. Called with the channel's lock held, after
// the history has shown whose post is at each index. If the history was not read, that is
// not known for posts of unknown outcome: then as many missing pushes are not reported as
// the connection has such posts.
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

// isOwn tells whether the message at an index is the connection's own post. Its answer
// may not have told the index.
func (s *Stream) isOwn(index int64) bool {
	return s.own != nil && index < int64(len(s.c.places)) && s.c.places[index] != 0 && s.c.places[index].lane() == s.own.ID
}
