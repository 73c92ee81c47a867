// Package crew lets one or several processes make the load of a run together.
package crew

import (
	"context"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
)

// Crew is the processes that make the load. Its steps are called one after another.
type Crew interface {
	// Connect connects all clients.
	Connect(ctx context.Context, tell drive.Tell) error
	// Load makes the load, beginning at start. It ends early when the context does. It
	// returns how long it took until every action that was begun was over; 0 if it ended
	// before start.
	Load(ctx context.Context, start time.Time) (time.Duration, error)
	// Check returns what each process has found.
	Check(ctx context.Context, history bool, tell drive.Tell) ([]*drive.Outcome, error)
	// Close ends whatever is left.
	Close()
}

// alone is a crew that consists of this process.
type alone struct {
	worker  *drive.Worker
	collect *measure.Collector
}

// Alone makes the load in this process. Book is the one that the world was made with.
func Alone(world *drive.World, book *check.Book, collect *measure.Collector) (Crew, error) {
	worker, err := drive.NewWorker(world, 0, 1, book)
	if err != nil {
		return nil, err
	}
	return &alone{worker, collect}, nil
}

// Connect connects all clients, and passes on what was measured meanwhile.
func (a *alone) Connect(ctx context.Context, tell drive.Tell) error {
	taken, err := a.worker.Connect(ctx, tell)
	a.collect.Connected(taken)
	return err
}

// Load makes the load, and passes on what was measured in each second.
func (a *alone) Load(ctx context.Context, start time.Time) (time.Duration, error) {
	a.worker.Load(ctx, start, a.collect.Second)
	return max(time.Since(start), 0), nil
}

// Check checks, and passes on what was measured since the load.
func (a *alone) Check(ctx context.Context, history bool, tell drive.Tell) ([]*drive.Outcome, error) {
	o, err := a.worker.Check(ctx, history, tell)
	a.collect.Late(o.Late)
	return []*drive.Outcome{o}, err
}

// Close closes all connections.
func (a *alone) Close() { a.worker.Close() }
