// Package measure counts and times what a run does: every process records into
// intervals of a second, and one collector puts the intervals of all of them
// together.
package measure

import (
	"sync"
	"time"
)

// Reason is a refusal or a failure of an operation; code is empty for a failure.
type Reason struct{ Operation, Code, Text string }

// shards is how many goroutines can record at a time without waiting.
const shards = 4

// Recorder takes the measurements of one process. Its methods may be called from
// any goroutine.
type Recorder struct {
	shards [shards]shard
}

type shard struct {
	mu  sync.Mutex
	now Interval
	_   [64]byte // its neighbour is another processor's
}

// NewRecorder is without a measurement.
func NewRecorder() *Recorder {
	r := &Recorder{}
	for i := range r.shards {
		r.shards[i].now = newInterval()
	}
	return r
}

// Done records an operation that was due, sent and over at these moments. Turn
// spreads those who record at a time: any number of the caller's.
func (r *Recorder) Done(turn int, operation string, due, sent, over time.Time) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	o := s.now.operation(operation)
	o.Done++
	o.Corrected.record(over.Sub(due))
	o.Uncorrected.record(over.Sub(sent))
}

// Refused records a provider's no.
func (r *Recorder) Refused(turn int, operation, code, reason string) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	s.now.operation(operation).Refused++
	s.now.Reasons[Reason{operation, code, reason}]++
}

// Failed records an operation without an answer.
func (r *Recorder) Failed(turn int, operation string, cause error) {
	s := r.enter(turn)
	defer s.mu.Unlock()
	s.now.operation(operation).Failed++
	s.now.Reasons[Reason{operation, "", cause.Error()}]++
}

// Blame is who is to blame when an action begins late.
type Blame int

// Who may be to blame.
const (
	Generator Blame = iota // this process was too slow
	Provider               // too much was unanswered
	Nobody                 // the client may act only every so often
)

// Started records that an action of a part began, how long after it was due.
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

// Beat records how late this process was for something that waits for nobody: a
// measure of how it fares, also where nothing is due.
func (r *Recorder) Beat(late time.Duration) {
	s := r.enter(0)
	defer s.mu.Unlock()
	s.now.late(late)
}

// tooLate is a delay of the generator's own that a reader has to know of.
const tooLate = 10 * time.Millisecond

// Finished records that an action of a part is over, however it went.
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

// Take gives what was recorded since the last call.
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
