package inspector

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"elemental/actors/telemetry"
)

// cost is what the inspector itself takes. The time in which its own code collects,
// encodes and writes events is measured, without the time in which it waits for an actor,
// a turn or a client. The bytes that it sends are counted. Work that actors do for it is
// only counted, and its time is estimated from the time that one such step takes:
// measuring each one would cost more than the step.
type cost struct {
	busy  atomic.Int64  // nanoseconds measured so far
	heard atomic.Uint64 // hops that followings have received
	bytes atomic.Int64

	once sync.Once // guards the measuring of each and hear
	each telemetry.EffortTimes
	hear time.Duration
}

// longestWrite is the most time that writing an event counts. A write that takes longer
// has waited for its client.
const longestWrite = time.Millisecond

// working adds the time since begun. It is deferred where work begins.
func (c *cost) working(begun time.Time) { c.busy.Add(int64(time.Since(begun))) }

// wrote adds the time of writing events.
func (c *cost) wrote(begun time.Time) { c.busy.Add(int64(min(time.Since(begun), longestWrite))) }

// counted estimates the time that actors have spent on work for the inspector since the
// start. It is zero if they have done none.
func (s *Server) counted() time.Duration {
	effort, heard := s.provider.Effort(), s.cost.heard.Load()
	if effort == (telemetry.Effort{}) && heard == 0 {
		return 0
	}
	s.cost.once.Do(s.cost.measure)
	return s.cost.each.Took(effort) + time.Duration(heard)*s.cost.hear //nolint:gosec // small
}

// measure finds out how long one counted step takes. It runs on the goroutine that asks
// first.
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

// costNow is the cost in an answer.
type costNow struct {
	CPU      float64 `json:"cpu"`      // share of one processor, lately: the sum of the next two
	Measured float64 `json:"measured"` // of that, the inspector's own goroutines
	Counted  float64 `json:"counted"`  // of that, in the actors: number of steps, times what one takes
	Streams  int     `json:"streams"`
	Watches  int     `json:"watches"`
	Follows  int     `json:"follows"`
	Bytes    int64   `json:"bytes"`
}

// costAt is the cost at a moment, with the shares since the moment before.
type costAt struct {
	at            time.Time
	busy, counted time.Duration
	measuredShare float64
	countedShare  float64
}

// look notes the cost now, unless the last time was only a moment ago.
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
	h.server.counted() // before the lock, since the first call takes a while
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

// Unwrap lets http.ResponseController reach the writer below.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
