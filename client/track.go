package client

import (
	"cmp"
	"slices"
	"time"
)

// track is how far a subscription is in one channel. It turns what comes in
// any order, twice or not at all, into each message once and in order: what is
// missing is told by gap and brought by fill.
type track struct {
	channel string
	next    int64 // the index that is delivered next
	known   int64 // the channel has at least that many messages
	held    []Message
	own     int       // posts of ours under way; their answers may fill a gap
	since   time.Time // when a gap was first left to them
	dropped bool      // a push found no room
	last    *Message  // what stands before next, if that is known
}

// ownPatience is how long a gap is left to posts of ours that are under way.
const ownPatience = 100 * time.Millisecond

// maxHeld is how many pushes of a channel wait for a slow consumer. What finds
// no room is read from the history later.
const maxHeld = 256

// push takes a message that may be any of the channel.
func (t *track) push(m Message) {
	t.known = max(t.known, m.Index+1)
	if len(t.held) >= maxHeld {
		t.dropped = true
		return
	}
	t.insert(m)
}

// fill takes a part of the history.
func (t *track) fill(page []Message) {
	for _, m := range page {
		t.insert(m)
	}
}

// insert keeps held in order, each index once.
func (t *track) insert(m Message) {
	if m.Index < t.next {
		return
	}
	i, there := slices.BinarySearchFunc(t.held, m, func(a, b Message) int { return cmp.Compare(a.Index, b.Index) })
	if !there {
		t.held = slices.Insert(t.held, i, m)
	}
}

// start says where delivery begins, and which message stands before that.
func (t *track) start(next, known int64, last *Message) {
	t.next, t.known, t.last = next, max(t.known, known), last
	t.held = slices.DeleteFunc(t.held, func(m Message) bool { return m.Index < next })
}

// forget drops what is believed of messages to come.
func (t *track) forget() { t.known, t.held = t.next, nil }

// pop is the next message, if it is there.
func (t *track) pop() (Message, bool) {
	if len(t.held) == 0 || t.held[0].Index != t.next {
		return Message{}, false
	}
	m := t.held[0]
	t.held[0] = Message{}
	t.held = t.held[1:]
	t.next++
	t.last, t.since = &m, time.Time{}
	if t.next >= t.known {
		t.dropped = false
	}
	return m, true
}

// gap is the part of the history that is missing before anything more can be
// delivered; it is to be read after wait, unless it is filled by then.
func (t *track) gap(now time.Time) (begin, end int64, wait time.Duration, missing bool) {
	end = t.known
	if len(t.held) > 0 {
		end = t.held[0].Index
	}
	if t.next >= end {
		return 0, 0, 0, false
	}
	if t.own > 0 && !t.dropped {
		if t.since.IsZero() {
			t.since = now
		}
		wait = max(t.since.Add(ownPatience).Sub(now), 0)
	}
	return t.next, end, wait, true
}
