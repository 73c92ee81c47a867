// Package measure counts and times what a run does. Every process records into intervals
// of a second, and one collector puts the intervals of all processes together.
package measure

import (
	"sync"
	"time"
)

// Reason says why an operation was refused or failed. Code is empty for a failure.
type Reason struct{ Operation, Code, Text string }

// shards is how many goroutines can record at the same time without waiting for each
// other.
const shards = 4

// Recorder takes the measurements of one process. Its methods may be called from any
// goroutine.
type Recorder struct {
	shards [shards]shard
}

type shard struct {
	mu  sync.Mutex
	now Interval
	_   [64]byte // keeps the shards in different cache lines, since different processors write them
}

// NewRecorder makes a recorder without measurements.
func NewRecorder() *Recorder {
	r := &Recorder{}
	for i := range r.shards {
		r.shards[i].now = newInterval()
	}
	return r
}

// Done records an operation that succeeded, with the times at which it was due, sent and
// over. Turn is any number of the caller's; it spreads the callers over the shards.
func (r *Recorder) Done(turn int, operation string, due, sent, over time.Time) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	o := s.now.operation(operation)
	o.Done++
	o.Corrected.record(over.Sub(due))
	o.Uncorrected.record(over.Sub(sent))
}

// Refused records an operation that the provider refused.
func (r *Recorder) Refused(turn int, operation, code, reason string) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	s.now.operation(operation).Refused++
	s.now.Reasons[Reason{operation, code, reason}]++
}

// Failed records an operation that got no answer.
func (r *Recorder) Failed(turn int, operation string, cause error) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	s.now.operation(operation).Failed++
	s.now.Reasons[Reason{operation, "", cause.Error()}]++
}

// Blame says why an action began late.
type Blame int

// The reasons why an action began late.
const (
	Generator Blame = iota // this process was too slow
	Provider               // too many actions were unanswered
	Nobody                 // the client may act only at certain intervals
)

// Started records that an action began, late after it was due. Part is the scenario's
// index in the mix.
func (r *Recorder) Started(turn, part int, late time.Duration, blame Blame) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	s.now.Started[part]++
	switch blame {
	case Generator:
		s.now.late(late)
	case Provider:
		s.now.HeldBack++
	}
}

// Beat records how late this process was for something that waits for nobody. So its own
// delay is also known when no action is due.
func (r *Recorder) Beat(late time.Duration) {
	s := r.enter(0)
	defer s.mu.Unlock()
	s.now.late(late)
}

// tooLate is a delay of the generator that readers of the result must know of.
const tooLate = 10 * time.Millisecond

// Finished records that an action is over, whatever its outcome.
func (r *Recorder) Finished(turn, part int) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	s.now.Finished[part]++
}

func (r *Recorder) enter(turn int) *shard {
	s := &r.shards[uint(turn)%shards]
	s.mu.Lock()
	return s
}

// Take returns what was recorded since the last call.
func (r *Recorder) Take() *Interval {
	all := newInterval()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		taken := s.now
		s.now = newInterval()
		s.mu.Unlock()
		all.Add(&taken)
	}
	return &all
}
