package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"elemental/persistence/meter"
)

// This file counts what the provider does, for the inspector. With Options.Inspect a request
// costs a few atomic additions, without it none.

// Counters is what was counted since the start. The numbers only grow, except those of what is
// under way now. Without Options.Inspect there are only the latter.
type Counters struct {
	Calls         map[string]CallCount // by the name on the wire; those not in Options.Calls under "other"
	Posts, Pushes uint64               // messages that were posted, and pushes that were sent for them
	RequestBytes  uint64               // bytes of the requests that were answered

	InFlight      int64 // requests at the gate now
	InFlightBytes int64 // their bytes
	StateBytes    int64 // roughly the memory of users, servers and channels now
}

// CallCount is what was counted of one call.
type CallCount struct {
	Answers map[string]uint64 // by the code of the refusal, "" for success
	Took    meter.Times       // from the begin of the request in its session to its answer, without those that are Untimed
}

// otherCalls is the name under which all calls are counted that Options.Calls does not list.
const otherCalls = "other"

// Untimed stands for the time of an answer that is not timed, because it says nothing about
// how long a call takes.
const Untimed time.Duration = -1

// counters are the counters of a node; nil without Options.Inspect.
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
	c := &counters{calls: map[string]*callCounter{otherCalls: {}}}
	for _, name := range calls {
		c.calls[name] = &callCounter{}
	}
	return c
}

func (c *counters) answered(name, code string, took time.Duration, bytes int) {
	call := c.calls[name]
	if call == nil {
		call = c.calls[otherCalls]
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

// Counters returns what was counted so far.
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
