package inspector

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"elemental/actors/telemetry"
)

// cost is what the inspector itself takes: the time in which its own code collects,
// encodes and writes events (not that in which it waits for an actor, its turn, or a
// client), and what it sends. What the actors do for it is counted, and its time is told
// by what one of it takes: to measure each would be dearer than what is measured.
type cost struct {
	busy  atomic.Int64  // nanoseconds that were measured
	heard atomic.Uint64 // hops, by those who follow
	bytes atomic.Int64

	once sync.Once // measures what one takes
	each telemetry.EffortTimes
	hear time.Duration
}

// longestWrite is what a write of an event takes at most: a longer one waited for its client.
const longestWrite = time.Millisecond

// working is deferred with the time at which work began.
func (c *cost) working(begun time.Time) { c.busy.Add(int64(time.Since(begun))) }

// wrote counts a write of events.
func (c *cost) wrote(begun time.Time) { c.busy.Add(int64(min(time.Since(begun), longestWrite))) }

// counted is about the time of what was done in the actors for those who look, since the start.
func (s *Server) counted() time.Duration {
	effort, heard := s.provider.Effort(), s.cost.heard.Load()
	if effort == (telemetry.Effort{}) && heard == 0 {
		return 0
	}
	s.cost.once.Do(s.cost.measure)
	return s.cost.each.Took(effort) + time.Duration(heard)*s.cost.hear //nolint:gosec // small
}

// measure finds out what one of what is counted takes, on the goroutine of who asks first.
func (c *cost) measure() {
	defer c.working(time.Now())
	c.each = telemetry.MeasureEffort()
	const requests, hops = 1 << 8, 1 << 5
	s := &Server{}
	f := s.following(telemetry.Filter{Count: 1})
	begun := time.Now()
	for i := range requests * hops {
		f.hear(telemetry.Hop{Trace: telemetry.TraceID{byte(i / hops)}, Where: "session"})
		f.note(<-f.hops)
	}
	c.hear = max(time.Since(begun)/(requests*hops), 1)
}

// costNow is what is told of it.
type costNow struct {
	CPU      float64 `json:"cpu"`      // share of one processor, lately: the sum of these two
	Measured float64 `json:"measured"` // of the inspector's own goroutines
	Counted  float64 `json:"counted"`  // in the actors: how often, times what one takes
	Streams  int     `json:"streams"`
	Watches  int     `json:"watches"`
	Follows  int     `json:"follows"`
	Bytes    int64   `json:"bytes"`
}

// costAt is a look at the cost, and the shares since the one before.
type costAt struct {
	at            time.Time
	busy, counted time.Duration
	measuredShare float64
	countedShare  float64
}

// look takes another one, unless the last was a moment ago.
func (c *costAt) look(busy, counted time.Duration) {
	now := time.Now()
	span := now.Sub(c.at)
	if span <= costEvery/2 {
		return
	}
	share := func(before, now time.Duration) float64 { return float64(max(now-before, 0)) / float64(span) }
	*c = costAt{now, busy, counted, share(c.busy, busy), share(c.counted, counted)}
}

func (h *hub) cost() costNow {
	h.server.counted() // the first time it takes a while
	h.mu.Lock()
	defer h.mu.Unlock()
	all := &h.server.cost
	h.costs.look(time.Duration(all.busy.Load()), h.server.counted())
	measured, counted := h.costs.measuredShare, h.costs.countedShare
	return costNow{measured + counted, measured, counted, len(h.streams), h.watches, len(h.follows), all.bytes.Load()}
}

// countingWriter counts the bytes of an answer.
type countingWriter struct {
	http.ResponseWriter
	cost *cost
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.cost.bytes.Add(int64(n))
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
