package drive

import (
	"context"
	"time"
)

// clock is the time that a pacer goes by.
type clock interface {
	Now() time.Time
	// Until waits until a moment, not at all for one that has passed. It returns
	// the context's error if that ends first.
	Until(ctx context.Context, moment time.Time) error
	Close()
}

// plainClock waits with the runtime's timers. On Linux they come up to a
// millisecond late while nothing else is to be done, since the runtime's poller
// waits in whole ones.
type plainClock struct{}

// Now is the present.
func (plainClock) Now() time.Time { return time.Now() }

// Until waits.
func (plainClock) Until(ctx context.Context, moment time.Time) error {
	wait := time.Until(moment)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close does nothing.
func (plainClock) Close() {}
