//go:build !linux

package crowd

import (
	"context"
	"errors"
)

// Crowd is a number of connections to one server. On this system there can be none.
type Crowd struct{}

// New fails: waiting for many connections at once is written only for Linux.
func New(string, Scanner) (*Crowd, error) {
	return nil, errors.New("the benchmarks run on Linux alone")
}

// Size is 0.
func (*Crowd) Size() int { return 0 }

// Join is never called, since there is no crowd.
func (*Crowd) Join(context.Context, int) error { return errors.ErrUnsupported }

// Run is never called, since there is no crowd.
func (*Crowd) Run(context.Context, Load) (Result, error) { return Result{}, errors.ErrUnsupported }

// Close is never called, since there is no crowd.
func (*Crowd) Close() {}
