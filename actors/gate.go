package actors

import (
	"context"
	"fmt"
	"sync/atomic"
)

// gate limits the work that the whole node has admitted and not yet answered.
// A session enters before it asks anybody and leaves when it answers.
type gate struct {
	maxRequests, maxBytes int64
	requests, bytes       atomic.Int64
	unawaited             atomic.Int64  // those of them whose client has hung up
	empty                 chan struct{} // gets a sign when nobody waits for an answer; has room for one
}

func newGate(requests, bytes int) *gate {
	return &gate{maxRequests: int64(requests), maxBytes: int64(bytes), empty: make(chan struct{}, 1)}
}

func (g *gate) enter(bytes int) bool {
	requests, total := g.requests.Add(1), g.bytes.Add(int64(bytes))
	if requests > g.maxRequests || total > g.maxBytes {
		g.leave(bytes)
		return false
	}
	return true
}

func (g *gate) leave(bytes int) {
	g.bytes.Add(-int64(bytes))
	g.requests.Add(-1)
	g.look()
}

// abandon notes that nobody waits any more for the answers of n requests; a negative n takes
// that back.
func (g *gate) abandon(n int) {
	g.unawaited.Add(int64(n))
	g.look()
}

func (g *gate) look() {
	if g.awaited() > 0 {
		return
	}
	select {
	case g.empty <- struct{}{}:
	default:
	}
}

func (g *gate) awaited() int64 { return g.requests.Load() - g.unawaited.Load() }

// drained waits until nobody waits for an answer any more. It does not wait for requests
// whose client has hung up: those may never be answered. It is called when nobody enters
// any more.
func (g *gate) drained(ctx context.Context) error {
	for {
		n := g.awaited()
		if n <= 0 {
			return nil
		}
		select {
		case <-g.empty:
		case <-ctx.Done():
			return fmt.Errorf("%d requests were left unanswered: %w", n, ctx.Err())
		}
	}
}

type gateView struct {
	Requests    int64 `json:"requests"`
	MaxRequests int64 `json:"maxRequests"`
	Bytes       int64 `json:"bytes"`
	MaxBytes    int64 `json:"maxBytes"`
}

func (g *gate) view() gateView {
	return gateView{Requests: g.requests.Load(), MaxRequests: g.maxRequests, Bytes: g.bytes.Load(), MaxBytes: g.maxBytes}
}
