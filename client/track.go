package client

import (
	"cmp"
	"slices"
	"time"
)

// track is how far a subscription has come in one channel. Messages may come to it in any order,
// twice or not at all; it gives them out once each and in order. gap says what is missing, and
// fill takes it from the history.
type track struct {
	channel string
	next    int64 // index of the message to deliver next
	known   int64 // the channel has at least that many messages
	held    []Message
	own     int       // posts of this client under way, whose answers may fill a gap
	since   time.Time // since when a gap is left to these posts; zero if there is none
	dropped bool      // a push was dropped, since held was full
	last    *Message  // the message just before next, if it is known; else nil
}

// ownPatience is how long a gap waits for the answers of this client's own posts before it is
// read from the history.
const ownPatience = 100 * time.Millisecond

// maxHeld is how many pushed messages of a channel wait for a slow consumer. Further ones are
// dropped and read from the history later.
const maxHeld = 256

// push takes a pushed message, with any index.
func (t *track) push(m Message) {
	t.known = max(t.known, m.Index+1)
	if len(t.held) >= maxHeld {
		t.dropped = true
		return
	}
	t.insert(m)
}

// fill takes a page of the history.
func (t *track) fill(page []Message) {
	for _, m := range page {
		t.insert(m)
	}
}

// insert puts a message into held, which stays in order and has each index once. Messages that
// were delivered already are ignored.
func (t *track) insert(m Message) {
	if m.Index < t.next {
		return
	}
	i, there := slices.BinarySearchFunc(t.held, m, func(a, b Message) int { return cmp.Compare(a.Index, b.Index) })
	if !there {
		t.held = slices.Insert(t.held, i, m)
	}
}

// start sets where delivery begins, how many messages the channel has at least, and which message
// stands before the beginning.
func (t *track) start(next, known int64, last *Message) {
	t.next, t.known, t.last = next, max(t.known, known), last
	t.held = slices.DeleteFunc(t.held, func(m Message) bool { return m.Index < next })
}

// forget drops all that was heard about messages that are not delivered yet.
func (t *track) forget() { t.known, t.held = t.next, nil }

// pop takes the next message, and reports whether it is there.
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

// gap returns the part of the history, from begin up to but not including end, that is missing
// before anything more can be delivered. It is to be read when wait has passed, unless it is
// filled by then. missing is false if there is no gap.
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
