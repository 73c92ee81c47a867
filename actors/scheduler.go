package actors

import (
	"runtime"
	"sync"
	"time"
)

// scheduler gives mailboxes their turns, on as many goroutines as there are
// processors. The engine's own starts a goroutine for each wake, and leaves it
// with a busy actor for as long as that is busy: on a machine that has too much
// to do all of them take turns, and who has one message waits for all of them.
// Here a turn is short, and who has had one and wants another goes behind those
// who have had none.
type scheduler struct {
	processors int

	mu       sync.Mutex // held for the time of a push or pop
	light    runQueue   // woken, or shared
	heavy    runQueue   // had a turn and have more to do
	picks    uint64
	runners  int
	idle     []*runner
	watch    *time.Timer
	watching bool
	watched  uint64 // picks at the last look
	surplus  bool   // a runner may go
	closed   bool
	ended    sync.WaitGroup
}

// runner is one of the goroutines.
type runner struct {
	wake chan struct{} // has room for one
}

// How long turns are, and when somebody steps in for those whose turn is too long.
const (
	turnLength   = 8                     // messages
	sharedLength = 64                    // messages, of the few actors that everybody waits for
	heavyEvery   = 4                     // of so many turns one is of those who wait for another
	yieldAfter   = 50 * time.Microsecond // goroutines that are no actors have their turn
	longTurn     = 2 * time.Millisecond
	goesWell     = 16 // picks in such a time: a runner who has stepped in is not needed
	moreRunners  = 64 // than there are processors, at the most
)

func newScheduler(processors int) *scheduler {
	s := &scheduler{processors: processors}
	s.watch = time.AfterFunc(time.Hour, s.look)
	s.watch.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for range processors {
		s.start()
	}
	return s
}

// processors is how many actors may have their turn at the same time.
func (cfg *Config) processors() int {
	if cfg.Processors > 0 {
		return cfg.Processors
	}
	return runtime.GOMAXPROCS(0)
}

// start adds a runner, under mu.
func (s *scheduler) start() {
	s.runners++
	r := &runner{wake: make(chan struct{}, 1)}
	s.ended.Go(func() { s.run(r) })
}

// wake lets a mailbox have a turn; it never waits.
func (s *scheduler) wake(m *mailbox) {
	var sleeper *runner
	s.mu.Lock()
	s.light.push(m)
	if n := len(s.idle); n > 0 {
		sleeper, s.idle = s.idle[n-1], s.idle[:n-1]
	} else if !s.watching && !s.closed {
		s.watching, s.watched = true, s.picks
		s.watch.Reset(longTurn)
	}
	s.mu.Unlock()
	if sleeper != nil {
		sleeper.wake <- struct{}{}
	}
}

// look adds a runner when none has come for another mailbox for so long: who makes a
// large answer takes his time, and the others must not wait for it. When all goes
// well again, the runners that were added go.
func (s *scheduler) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.light.first != nil || s.heavy.first != nil
	if s.watching = !s.closed && (waiting || s.runners > s.processors); !s.watching {
		return
	}
	switch done := s.picks - s.watched; {
	case done == 0 && waiting && len(s.idle) == 0 && s.runners < s.processors+moreRunners:
		s.start()
	case done >= goesWell && s.runners > s.processors:
		s.surplus = true
	}
	s.watched = s.picks
	s.watch.Reset(longTurn)
}

// run gives turns until there is no need of the runner.
func (s *scheduler) run(r *runner) {
	last := time.Now()
	s.mu.Lock()
	for m := s.pick(r); m != nil; m = s.pick(r) {
		length := turnLength
		if m.shared {
			length = sharedLength
		}
		more := m.turn(length)
		if now := time.Now(); now.Sub(last) > yieldAfter {
			runtime.Gosched()
			last = now
		}
		s.mu.Lock()
		switch {
		case more && m.shared:
			s.light.push(m)
		case more:
			s.heavy.push(m)
		}
	}
}

// pick waits for a mailbox and takes it; it is nil when the runner is to end. The
// caller holds mu, which is released.
func (s *scheduler) pick(r *runner) *mailbox {
	for {
		if s.surplus {
			s.surplus = false
			s.runners--
			s.mu.Unlock()
			return nil
		}
		s.picks++
		from := &s.light
		if from.first == nil || s.picks%heavyEvery == 0 && s.heavy.first != nil {
			from = &s.heavy
		}
		m := from.pop()
		if m == nil && (s.closed || s.runners > s.processors) {
			s.runners--
		} else if m == nil {
			s.idle = append(s.idle, r)
			s.mu.Unlock()
			<-r.wake
			s.mu.Lock()
			continue
		}
		s.mu.Unlock()
		return m
	}
}

// stop ends the goroutines. Called once, after the actors stopped.
func (s *scheduler) stop() {
	s.mu.Lock()
	s.closed = true
	s.watch.Stop()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, r := range idle {
		r.wake <- struct{}{}
	}
	s.ended.Wait()
}

// runQueue is of mailboxes, linked by next.
type runQueue struct{ first, last *mailbox }

func (q *runQueue) push(m *mailbox) {
	if q.first == nil {
		q.first = m
	} else {
		q.last.next = m
	}
	q.last = m
}

func (q *runQueue) pop() *mailbox {
	m := q.first
	if m == nil {
		return nil
	}
	if q.first, m.next = m.next, nil; q.first == nil {
		q.last = nil
	}
	return m
}
