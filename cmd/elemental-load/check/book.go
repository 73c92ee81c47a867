// Package check keeps a book of what was posted, acknowledged, pushed and read back, and
// reports what must never happen. It knows nothing of sockets. Its methods are called
// from many goroutines.
//
//	Book ── Channel ─┬─ Lane    the posts of one connection in it, in order
//	                 └─ Stream  the pushes of it that one connection gets
//
// For each message of a channel the book keeps 8 bytes.
package check

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Violation is a kind of thing that must never happen.
type Violation string

// The violations, worst first.
const (
	Lost          Violation = "lost"           // acknowledged, but not in the history
	Undone        Violation = "refused-done"   // refused, but in the history all the same
	Doubled       Violation = "doubled"        // in the history twice
	Reordered     Violation = "reordered"      // in the history in another order than its connection posted
	Misplaced     Violation = "misplaced"      // two messages were reported at one index, or history and acknowledgement differ
	Foreign       Violation = "foreign"        // a text that nobody posted
	PushLost      Violation = "push-lost"      // a subscriber that stayed connected never got the push
	PushDoubled   Violation = "push-doubled"   // a subscriber got the push twice
	PushReordered Violation = "push-reordered" // a subscriber got the push after that of a later message
	PushOwn       Violation = "push-own"       // a connection got a push of its own post
)

// About describes each violation in a sentence, worst first.
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

// Report says how often a violation was seen, with the first few examples.
type Report struct {
	Kind     Violation
	Count    int64
	Examples []string
}

// Counts says how much the book has seen so far.
type Counts struct {
	Acknowledged, Found, Unsure, Pushes, Streams int64
}

// Book is the bookkeeping of one process of a run.
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

// A lane's number has 32 bits: the low laneBits count the lanes of a worker, the others
// say which worker it is.
const laneBits = 26

// MostWorkers is how many workers can have a book in one run.
const MostWorkers = 1 << (32 - laneBits)

// New opens an empty book. Run is the run's name, without spaces. Worker is this
// process's number, from 0 to MostWorkers-1.
func New(run string, worker int) *Book {
	return &Book{run: run, worker: uint32(worker), reports: map[Violation]*Report{}, byName: map[[2]string]*Channel{}}
}

// Counts is what was seen so far.
func (b *Book) Counts() Counts {
	return Counts{b.acknowledged.Load(), b.found.Load(), b.unsure.Load(), b.pushes.Load(), b.streams.Load()}
}

// Reports lists the violations found so far, worst first.
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

// mostExamples is how many violations of each kind are kept with their details.
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

// Channels lists all channels of the book.
func (b *Book) Channels() []*Channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.channels)
}

// Channel is a channel that this run has made, with what was reported of its messages.
type Channel struct {
	Server, Name string
	book         *Book

	mu      sync.Mutex
	places  []place // by index
	lanes   map[uint32]*Lane
	streams []*Stream
}

// place says which message is at an index of a channel: its lane and number; 0 if that is
// not known.
type place uint64

func placeOf(s Stamp) place        { return place(s.Lane)<<32 | place(s.Number) + 1 }
func (p place) lane() uint32       { return uint32((p - 1) >> 32) }
func (p place) number() uint32     { return uint32(p - 1) }
func (p place) String() string     { return fmt.Sprintf("post %d of lane %d", p.number(), p.lane()) }
func (c *Channel) String() string  { return c.Server + "/" + c.Name }
func (b *Book) ours(n uint32) bool { return n>>laneBits == b.worker }

// Channel returns the channel of that name. The first call for a name makes it. Other
// processes of the run may have posted in it already.
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

// mostGap is how far an index may lie beyond all that is known. A larger one cannot be
// right in a channel that the run itself has filled.
const mostGap = 1 << 24

// note keeps which message is at an index, and reports it if another one was reported
// there. From says who told it. Called with the lock held.
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

// Used tells whether anybody has posted, subscribed or read in the channel.
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

// Behind is how many of the channel's first total messages its subscribers have not got
// yet. Posts of their own are counted too while their index is not known.
func (c *Channel) Behind(total int64) (all int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		all += s.behind(total)
	}
	return all
}

// Settle ends all subscriptions of the channel. It is called when every push of its first
// total messages should have come: those that have not are lost.
func (c *Channel) Settle(total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		s.settle(total)
	}
}
