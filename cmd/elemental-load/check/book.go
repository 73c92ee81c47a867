// Package check keeps book of what was posted, acknowledged, pushed and read
// back, and says what of it must never happen. It knows nothing of sockets and
// is told from many goroutines.
//
//	Book ── Channel ─┬─ Lane    the posts of one connection in it, in order
//	                 └─ Stream  what one connection hears of it
//
// A place in a channel costs 8 bytes while the book is kept.
package check

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Violation is a kind of what must never happen.
type Violation string

// The violations, worst first.
const (
	Lost          Violation = "lost"           // acknowledged, and not in the history
	Undone        Violation = "refused-done"   // refused, and in the history all the same
	Doubled       Violation = "doubled"        // in the history twice
	Reordered     Violation = "reordered"      // in the history in another order than one connection posted
	Misplaced     Violation = "misplaced"      // two messages were told for one place, or history and acknowledgement differ
	Foreign       Violation = "foreign"        // a text that nobody posted
	PushLost      Violation = "push-lost"      // a subscriber that stayed connected was never told
	PushDoubled   Violation = "push-doubled"   // a subscriber was told twice
	PushReordered Violation = "push-reordered" // a subscriber was told of a place after a later one
	PushOwn       Violation = "push-own"       // a connection was told what it had posted itself
)

// About says each violation in a sentence, in the order of their weight.
var About = []struct {
	Kind Violation
	Says string
}{
	{Lost, "acknowledged messages that the history does not have"},
	{Undone, "messages that were refused and are in the history all the same"},
	{Doubled, "messages that the history has twice"},
	{Reordered, "messages of one connection that the history has in another order"},
	{Misplaced, "places of a channel for which two different messages were told"},
	{Foreign, "messages with a text that nobody posted"},
	{PushLost, "messages that a connected subscriber was never told"},
	{PushDoubled, "messages that a subscriber was told twice"},
	{PushReordered, "messages that a subscriber was told after a later one"},
	{PushOwn, "messages that were pushed to the connection that had posted them"},
}

// Report is how often a violation was seen, and the first few.
type Report struct {
	Kind     Violation
	Count    int64
	Examples []string
}

// Counts is what the book has seen.
type Counts struct {
	Acknowledged, Found, Unsure, Pushes, Streams int64
}

// Book is the bookkeeping of one process's part of a run.
type Book struct {
	run    string
	worker uint32

	lanes                                        atomic.Uint32
	acknowledged, found, unsure, pushes, streams atomic.Int64

	mu       sync.Mutex
	channels []*Channel
	byName   map[[2]string]*Channel
	reports  map[Violation]*Report
}

// The bits of a lane's number that count the lanes of a worker; those above say
// which worker it is.
const laneBits = 26

// MostWorkers is how many processes can share a run.
const MostWorkers = 1 << (32 - laneBits)

// New opens a book. Run is the run's name, without spaces; worker is this
// process's number, below MostWorkers.
func New(run string, worker int) *Book {
	return &Book{run: run, worker: uint32(worker), reports: map[Violation]*Report{}, byName: map[[2]string]*Channel{}}
}

// Counts is what was seen so far.
func (b *Book) Counts() Counts {
	return Counts{b.acknowledged.Load(), b.found.Load(), b.unsure.Load(), b.pushes.Load(), b.streams.Load()}
}

// Reports are the violations so far, worst first.
func (b *Book) Reports() []Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Report
	for _, a := range About {
		if r := b.reports[a.Kind]; r != nil {
			all = append(all, Report{r.Kind, r.Count, slices.Clone(r.Examples)})
		}
	}
	return all
}

// mostExamples is how many violations of a kind are told in full.
const mostExamples = 5

func (b *Book) report(kind Violation, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.reports[kind]
	if r == nil {
		r = &Report{Kind: kind}
		b.reports[kind] = r
	}
	if r.Count++; len(r.Examples) < mostExamples {
		r.Examples = append(r.Examples, fmt.Sprintf(format, args...))
	}
}

// Channels are all channels of the book.
func (b *Book) Channels() []*Channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.channels)
}

// Channel is a channel that this run has made, and what was told of its places.
type Channel struct {
	Server, Name string
	book         *Book

	mu      sync.Mutex
	places  []place // by index
	lanes   map[uint32]*Lane
	streams []*Stream
}

// place is which message stands at an index: its lane and number, 0 if unknown.
type place uint64

func placeOf(s Stamp) place        { return place(s.Lane)<<32 | place(s.Number) + 1 }
func (p place) lane() uint32       { return uint32((p - 1) >> 32) }
func (p place) number() uint32     { return uint32(p - 1) }
func (p place) String() string     { return fmt.Sprintf("post %d of lane %d", p.number(), p.lane()) }
func (c *Channel) String() string  { return c.Server + "/" + c.Name }
func (b *Book) ours(n uint32) bool { return n>>laneBits == b.worker }

// Channel is the channel of that name; at the first time it is empty, or was filled
// by other processes of the run.
func (b *Book) Channel(server, name string) *Channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byName[[2]string{server, name}]
	if c == nil {
		c = &Channel{Server: server, Name: name, book: b, lanes: map[uint32]*Lane{}}
		b.byName[[2]string{server, name}] = c
		b.channels = append(b.channels, c)
	}
	return c
}

// mostGap is how far beyond what is known an index may be; more is no place of a
// channel that a run has filled.
const mostGap = 1 << 24

// note keeps which message stands at an index. Called with the lock held.
func (c *Channel) note(index int64, s Stamp, from string) {
	if index < 0 || index > int64(len(c.places))+mostGap {
		c.book.report(Misplaced, "%s: index %d (%s)", c, index, from)
		return
	}
	if grow := int(index) + 1 - len(c.places); grow > 0 {
		c.places = append(c.places, make([]place, grow)...)
	}
	switch had, is := c.places[index], placeOf(s); had {
	case 0:
		c.places[index] = is
	case is:
	default:
		c.book.report(Misplaced, "%s at %d: %v, and %v (%s)", c, index, had, is, from)
	}
}

// Used tells whether anybody has posted, listened or read in the channel.
func (c *Channel) Used() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		if l.used() {
			return true
		}
	}
	return len(c.streams) > 0 || len(c.places) > 0
}

// Behind is how much the channel's subscribers have not heard of its first total
// messages, posts of their own whose place was not told among it.
func (c *Channel) Behind(total int64) (all int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		all += s.behind(total)
	}
	return all
}

// Settle ends all subscriptions of the channel at a moment at which its first total
// messages should have come to them.
func (c *Channel) Settle(total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		s.settle(total)
	}
}
