package check

import (
	"sync"
	"time"
)

// Lane is the posts of one connection in one channel, which the provider has to
// keep in order. A connection that comes back begins a new one, since a post whose
// answer was lost may still take effect later.
type Lane struct {
	ID uint32
	c  *Channel

	mu   sync.Mutex
	sent uint32
	odd  map[uint32]outcome // what is not acknowledged, or not yet

	// Of reading the history back, by one goroutine.
	next    uint32
	skipped map[uint32]bool // acknowledged, and later ones were seen before them
}

type outcome uint8

const (
	underWay outcome = iota
	refused
	unsure
)

// Lane begins a lane in the channel.
func (c *Channel) Lane() *Lane {
	b := c.book
	l := &Lane{ID: b.worker<<laneBits | b.lanes.Add(1)&(1<<laneBits-1), c: c, odd: map[uint32]outcome{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lanes[l.ID] = l
	return l
}

// Channel is where the lane is.
func (l *Lane) Channel() *Channel { return l.c }

// Next is the stamp of the next post, which is under way from now on. It is called
// in the order in which the posts are sent.
func (l *Lane) Next(due, sent time.Duration) Stamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stamp{Lane: l.ID, Number: l.sent, Due: due, Sent: sent}
	l.odd[l.sent] = underWay
	l.sent++
	return s
}

// Acknowledged notes a post that the provider has on disk, at an index; below 0,
// the provider did not tell it.
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

// Refused notes a post of which the provider says that nothing was done.
func (l *Lane) Refused(number uint32) { l.ended(number, refused) }

// Unsure notes a post that nobody knows the end of.
func (l *Lane) Unsure(number uint32) {
	l.c.book.unsure.Add(1)
	l.ended(number, unsure)
}

func (l *Lane) ended(number uint32, how outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.odd[number] = how
}

// unsure is how many posts have an outcome that nobody knows.
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

// outcome is what became of a post; ok is false for one that was not sent.
func (l *Lane) outcome(number uint32) (how outcome, acknowledged, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	how, odd := l.odd[number]
	return how, !odd, number < l.sent
}

// read takes the next message of the lane that the history has.
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
		if acknowledged { // what had no answer may have been done later
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

// skipTo notes what was passed over: all that may still come, out of order.
func (l *Lane) skipTo(number uint32) {
	for ; l.next < number; l.next++ {
		if l.skipped == nil {
			l.skipped = map[uint32]bool{}
		}
		l.skipped[l.next] = true
	}
}

// finish reports what was acknowledged and did not come.
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
