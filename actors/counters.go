package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"elemental/persistence/meter"
)

// This file counts what the provider does, for the inspector: a few atomic additions
// for a request, and none where Config.Inspect is not set.

// Counters is what was counted since the start. All of it only grows, but for what is
// under way. It is empty without Config.Inspect.
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
	Answers map[Code]uint64 // "" for success
	Took    meter.Times     // from its turn in its session to its answer
}

// OtherCalls is what calls are counted under that Config.Calls does not name.
const OtherCalls = "other"

// counters are a node's; nil without Config.Inspect. All methods do nothing then.
type counters struct {
	calls                map[string]*callCounter // not changed after the start
	posts, pushes, bytes atomic.Uint64
}

type callCounter struct {
	ok      atomic.Uint64
	refused sync.Map // Code to *atomic.Uint64
	took    meter.Histogram
}

func newCounters(cfg *Config) *counters {
	if !cfg.Inspect {
		return nil
	}
	c := &counters{calls: map[string]*callCounter{OtherCalls: {}}}
	for _, name := range cfg.Calls {
		c.calls[name] = &callCounter{}
	}
	return c
}

// answered counts a session's answer.
func (c *counters) answered(f *flight) {
	if c == nil {
		return
	}
	call := c.calls[f.req.Call]
	if call == nil {
		call = c.calls[OtherCalls]
	}
	if refused, no := f.reply.(Refused); no {
		call.refuse(refused.Code)
	} else {
		call.ok.Add(1)
	}
	call.took.Add(time.Since(f.begun))
	c.bytes.Add(uint64(max(f.req.Bytes, 0)))
}

func (c *callCounter) refuse(code Code) {
	n, known := c.refused.Load(code)
	if !known {
		n, _ = c.refused.LoadOrStore(code, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// published counts a message that the router was given.
func (c *counters) published() {
	if c != nil {
		c.posts.Add(1)
	}
}

// pushed counts the subscribers that were sent one.
func (c *counters) pushed(n int) {
	if c != nil && n > 0 {
		c.pushes.Add(uint64(n))
	}
}

// Counters may be called at any time.
func (p *Provider) Counters() Counters {
	n := p.node
	all := Counters{
		InFlight:      max(n.gate.requests.Load(), 0),
		InFlightBytes: max(n.gate.bytes.Load(), 0),
		StateBytes:    max(n.state.used.Load(), 0),
	}
	c := n.counters
	if c == nil {
		return all
	}
	all.Posts, all.Pushes, all.RequestBytes = c.posts.Load(), c.pushes.Load(), c.bytes.Load()
	all.Calls = make(map[string]CallCount, len(c.calls))
	for name, call := range c.calls {
		all.Calls[name] = call.count()
	}
	return all
}

func (c *callCounter) count() CallCount {
	count := CallCount{Answers: map[Code]uint64{"": c.ok.Load()}, Took: c.took.Times()}
	c.refused.Range(func(code, n any) bool {
		count.Answers[code.(Code)] = n.(*atomic.Uint64).Load()
		return true
	})
	return count
}
