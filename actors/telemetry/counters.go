package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"elemental/persistence/meter"
)

// This file counts what the provider does, for the inspector: a few atomic additions
// for a request, and none where Options.Inspect is not set.

// Counters is what was counted since the start. All of it only grows, but for what is
// under way. It is empty without Options.Inspect.
type Counters struct {
	Calls         map[string]CallCount // by the name on the wire; other names under OtherCalls
	Posts, Pushes uint64               // messages that were published, and what came of it to subscribers
	RequestBytes  uint64               // of the requests that were answered

	InFlight      int64 // requests at the gate now
	InFlightBytes int64 // theirs
	StateBytes    int64 // about what users, servers and channels take in memory now
}

// CallCount is what came of one call.
type CallCount struct {
	Answers map[string]uint64 // "" for success
	Took    meter.Times       // from its turn in its session to its answer, but of those that are Untimed
}

// OtherCalls is what calls are counted under that Options.Calls does not name.
const OtherCalls = "other"

// Untimed is the time of an answer that says nothing about how long a call takes.
const Untimed time.Duration = -1

// counters are a node's; nil without Options.Inspect.
type counters struct {
	calls                map[string]*callCounter // not changed after the start
	posts, pushes, bytes atomic.Uint64
}

type callCounter struct {
	ok      atomic.Uint64
	refused sync.Map // code to *atomic.Uint64
	took    meter.Histogram
}

func newCounters(calls []string) *counters {
	c := &counters{calls: map[string]*callCounter{OtherCalls: {}}}
	for _, name := range calls {
		c.calls[name] = &callCounter{}
	}
	return c
}

func (c *counters) answered(name, code string, took time.Duration, bytes int) {
	call := c.calls[name]
	if call == nil {
		call = c.calls[OtherCalls]
	}
	if code != "" {
		call.refuse(code)
	} else {
		call.ok.Add(1)
	}
	if took != Untimed {
		call.took.Add(took)
	}
	c.bytes.Add(uint64(max(bytes, 0)))
}

func (c *callCounter) refuse(code string) {
	n, known := c.refused.Load(code)
	if !known {
		n, _ = c.refused.LoadOrStore(code, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// Counters may be called at any time.
func (l Look) Counters() Counters {
	c := l.of.counters
	if c == nil {
		return Counters{}
	}
	all := Counters{Posts: c.posts.Load(), Pushes: c.pushes.Load(), RequestBytes: c.bytes.Load(), Calls: make(map[string]CallCount, len(c.calls))}
	for name, call := range c.calls {
		all.Calls[name] = call.count()
	}
	return all
}

func (c *callCounter) count() CallCount {
	count := CallCount{Answers: map[string]uint64{"": c.ok.Load()}, Took: c.took.Times()}
	c.refused.Range(func(code, n any) bool {
		count.Answers[code.(string)] = n.(*atomic.Uint64).Load()
		return true
	})
	return count
}
