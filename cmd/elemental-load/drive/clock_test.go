package drive

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeClock is a clock on which time passes only when somebody waits for it, or when pass
// is called.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Until(ctx context.Context, moment time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if moment.After(c.now) {
		c.now = moment
	}
	return ctx.Err()
}

func (c *fakeClock) Close() {}

// pass lets time go by without anybody waiting for it.
func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestRealClock: the real clock waits no shorter than it should, and ends with the
// context.
func TestRealClock(t *testing.T) {
	c := newClock()
	defer c.Close()
	for _, wait := range []time.Duration{0, time.Microsecond, 300 * time.Microsecond, 45 * time.Millisecond} {
		moment := time.Now().Add(wait)
		if err := c.Until(context.Background(), moment); err != nil || time.Now().Before(moment) {
			t.Errorf("%v: it is %v before its time, %v", wait, time.Until(moment), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Until(ctx, time.Now().Add(time.Hour)); err == nil {
		t.Error("it waits on after the end of the context")
	}
}

// BenchmarkClock tells by how much the clocks are late for a wait of half a millisecond,
// as a median.
func BenchmarkClock(b *testing.B) {
	for name, c := range map[string]clock{"finest": newClock(), "plain": plainClock{}} {
		b.Run(name, func(b *testing.B) {
			late := make([]time.Duration, b.N)
			for i := range late {
				moment := time.Now().Add(500 * time.Microsecond)
				if err := c.Until(context.Background(), moment); err != nil {
					b.Fatal(err)
				}
				late[i] = time.Since(moment)
			}
			slices.Sort(late)
			b.ReportMetric(float64(late[b.N/2].Microseconds()), "µs-late")
		})
		c.Close()
	}
}
