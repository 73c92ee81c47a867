package drive

import (
	"context"
	"time"
)

// clock tells the time and waits. A pacer uses one to start actions on schedule.
type clock interface {
	Now() time.Time
	// Until waits until the moment, or returns at once if it has passed. It returns the
	// context's error if the context ends first.
	Until(ctx context.Context, moment time.Time) error
	Close()
}

// plainClock waits with the runtime's timers. On an idle process on Linux they fire up to
// a millisecond late, since the runtime's poller waits in whole milliseconds.
type plainClock struct{}

// Now is the current time.
func (plainClock) Now() time.Time { return time.Now() }

// Until waits for the moment with a timer.
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

// Close does nothing, since there is nothing to free.
func (plainClock) Close() {}

// sleep waits for a while, or until the context ends; then it returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	return plainClock{}.Until(ctx, time.Now().Add(d))
}
