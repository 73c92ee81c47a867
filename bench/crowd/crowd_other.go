//go:build !linux

package crowd

import (
	"context"
	"errors"
)

// Crowd would be connections to one server.
type Crowd struct{}

// New fails: waiting for many connections at once is written for Linux alone.
func New(string, Scanner) (*Crowd, error) {
	return nil, errors.New("the benchmarks run on Linux alone")
}

// Size is how many members there are.
func (*Crowd) Size() int { return 0 }

// Join is never called.
func (*Crowd) Join(context.Context, int) error { return errors.ErrUnsupported }

// Run is never called.
func (*Crowd) Run(context.Context, Load) (Result, error) { return Result{}, errors.ErrUnsupported }

// Close is never called.
func (*Crowd) Close() {}
