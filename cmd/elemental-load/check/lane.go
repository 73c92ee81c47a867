package check

import (
	"sync"
	"time"
)

// Lane holds the posts of one connection in one channel. The provider has to keep their
// order. A client that connects again begins a new lane, since a post whose answer was
// lost may still take effect later.
type Lane struct {
	ID uint32
	c  *Channel

	mu   sync.Mutex
	sent uint32
	odd  map[uint32]outcome // posts that are not acknowledged (yet), by number

	// Used only while the history is read back, by one goroutine.
	next    uint32
	skipped map[uint32]bool // numbers that the history has passed over so far: they come later, or not at all
}

type outcome uint8

const (
	underWay outcome = iota
	refused
	unsure
)

// Lane begins a new lane in the channel, for one connection.
func (c *Channel) Lane() *Lane {
	b := c.book
	l := &Lane{ID: b.worker<<laneBits | b.lanes.Add(1)&(1<<laneBits-1), c: c, odd: map[uint32]outcome{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lanes[l.ID] = l
	return l
}

// Channel is the channel that the lane is in.
func (l *Lane) Channel() *Channel { return l.c }

// Next makes the stamp of the next post, which is under way from now on. It must be
// called in the order in which the posts are sent.
func (l *Lane) Next(due, sent time.Duration) Stamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stamp{Lane: l.ID, Number: l.sent, Due: due, Sent: sent}
	l.odd[l.sent] = underWay
	l.sent++
	return s
}

// Acknowledged notes that a post is on disk, at that index of the channel. The index is
// below 0 if the provider did not tell it.
func (l *Lane) Acknowledged(number uint32, index int64) {
	l.mu.Lock()
	delete(l.odd, number)
	l.mu.Unlock()
	l.c.book.acknowledged.Add(1)
	if index >= 0 {
		l.c.mu.Lock()
		defer l.c.mu.Unlock()
		l.c.note(index, Stamp{Lane: l.ID, Number: number}, "acknowledged")
	}
}

// Refused notes a post that the provider has refused, which means that nothing was done.
func (l *Lane) Refused(number uint32) { l.ended(number, refused) }

// Unsure notes a post whose outcome nobody knows.
func (l *Lane) Unsure(number uint32) {
	l.c.book.unsure.Add(1)
	l.ended(number, unsure)
}

func (l *Lane) ended(number uint32, how outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.odd[number] = how
}

// unsure is how many posts have an unknown outcome.
func (l *Lane) unsure() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, how := range l.odd {
		if how == unsure {
			n++
		}
	}
	return n
}

func (l *Lane) used() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent > 0
}

// outcome is what became of a post. Ok is false if no such post was sent.
func (l *Lane) outcome(number uint32) (how outcome, acknowledged, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	how, odd := l.odd[number]
	return how, !odd, number < l.sent
}

// read takes the next message of this lane in the history, which is at index at.
func (l *Lane) read(number uint32, at int64) {
	b := l.c.book
	how, acknowledged, sent := l.outcome(number)
	switch {
	case !sent:
		b.report(Foreign, "%s at %d: post %d of lane %d, which has sent %d", l.c, at, number, l.ID, l.sent)
		return
	case !acknowledged && how == refused:
		b.report(Undone, "%s at %d: post %d of lane %d", l.c, at, number, l.ID)
	case number < l.next && l.skipped[number]:
		delete(l.skipped, number)
		if acknowledged { // a post without an answer may have taken effect later, so its order does not matter
			b.report(Reordered, "%s at %d: post %d of lane %d comes after post %d", l.c, at, number, l.ID, l.next-1)
		}
	case number < l.next:
		b.report(Doubled, "%s at %d: post %d of lane %d", l.c, at, number, l.ID)
		return
	}
	l.skipTo(number)
	l.next = max(l.next, number+1)
	if acknowledged {
		b.found.Add(1)
	}
}

// skipTo notes the posts before number that have not come yet: they may still come, out
// of order.
func (l *Lane) skipTo(number uint32) {
	for ; l.next < number; l.next++ {
		if l.skipped == nil {
			l.skipped = map[uint32]bool{}
		}
		l.skipped[l.next] = true
	}
}

// finish reports the acknowledged posts that the history does not have.
func (l *Lane) finish() {
	l.skipTo(l.sent)
	for number := range l.sent {
		if !l.skipped[number] {
			continue
		}
		if _, acknowledged, _ := l.outcome(number); acknowledged {
			l.c.book.report(Lost, "%s: post %d of lane %d", l.c, number, l.ID)
		}
	}
}
