// Package dispatch gives actors their turns: the engine's mailboxes and dispatcher, done
// differently. It knows the engine alone, and of actors no more than that they handle messages.
package dispatch

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Scheduler gives mailboxes their turns, on as many goroutines as there are
// processors, and on those that make the work (Turns): while they are at it nobody
// is woken for a little more. The engine's own starts a goroutine for each wake, and
// leaves it with a busy actor for as long as that is busy: on a machine that has too
// much to do all of them take turns, and who has one message waits for all of them.
// Here a turn is short, and who has had one and wants another goes behind those
// who have had none.
type Scheduler struct {
	processors int
	longTurn   time.Duration
	write      atomic.Pointer[func(busy bool) bool] // see Turns

	mu       sync.Mutex // held for the time of a push or pop
	light    runQueue   // woken, or shared
	heavy    runQueue   // had a turn and have more to do
	due      int        // mailboxes in both
	picks    uint64
	runners  int
	idle     []*runner
	active   atomic.Int32 // who give turns, or will before they sleep; changed under mu
	making   int          // those of them who make work
	makers   []*Turns     // all that have begun and not left
	patient  []func()     // to be called when all is quiet
	asked    time.Time    // since when there is one
	watch    *time.Timer
	watching bool
	watched  uint64 // picks at the last look
	surplus  bool   // a runner may go
	closed   bool
	ended    sync.WaitGroup
}

// runner is one of the goroutines.
type runner struct {
	called chan struct{} // has room for one
}

func (r *runner) wake() { r.called <- struct{}{} }

// sleeper is who gives turns when he is woken: a runner, or who makes work.
type sleeper interface{ wake() }

// How long turns are, and when somebody steps in for those whose turn is too long.
const (
	turnLength   = 8                      // messages
	sharedLength = 64                     // messages, of the few actors that everybody waits for
	heavyEvery   = 4                      // of so many turns one is of those who wait for another
	writeEvery   = 32                     // turns, at the latest
	calmEvery    = 256                    // likewise: who waits for quiet is worth more of them
	enough       = 32                     // mailboxes are due for each who is at it: one more is woken
	yieldAfter   = 50 * time.Microsecond  // goroutines that are no actors have their turn
	unquiet      = 500 * time.Microsecond // so long at the most somebody waits for quiet
	goesWell     = 16                     // picks in such a time: a runner who has stepped in is not needed
	moreRunners  = 64                     // than there are processors, at the most
)

// LongTurn is for how long nobody has come for another mailbox when somebody steps in.
const LongTurn = 2 * time.Millisecond

// New makes a scheduler with so many goroutines. longTurn is LongTurn, but where a test
// wants nobody to step in.
func New(processors int, longTurn time.Duration) *Scheduler {
	s := &Scheduler{processors: processors, longTurn: longTurn}
	nothing := func(bool) bool { return false }
	s.write.Store(&nothing)
	s.watch = time.AfterFunc(time.Hour, s.look)
	s.watch.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for range processors {
		s.start()
	}
	return s
}

// start adds a runner, under mu.
func (s *Scheduler) start() {
	s.runners++
	s.active.Add(1)
	r := &runner{called: make(chan struct{}, 1)}
	s.ended.Go(func() { s.run(r) })
}

// wake lets a mailbox have a turn; it never waits.
func (s *Scheduler) wake(m *Mailbox) {
	s.mu.Lock()
	s.light.push(m)
	s.due++
	var other sleeper
	if s.due > int(s.active.Load())*enough {
		other = s.rouse()
	}
	if other == nil {
		s.attend()
	}
	s.mu.Unlock()
	if other != nil {
		other.wake()
	}
}

// attend begins to look, under mu.
func (s *Scheduler) attend() {
	if !s.watching && !s.closed {
		s.watching, s.watched = true, s.picks
		s.watch.Reset(s.longTurn)
	}
}

// Quiet has tell called when all is quiet: no turn is due, and those who make work have
// nothing to read or write just now, for they see to it (Turns.Quiet); but soon in any
// case. It is called from a turn, and tell makes work for actors.
func (s *Scheduler) Quiet(tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.patient) == 0 {
		s.asked = time.Now()
	}
	s.patient = append(s.patient, tell)
	s.attend() // the one who would see to it may have a long turn
}

func (s *Scheduler) late() bool { return len(s.patient) > 0 && time.Since(s.asked) > unquiet }

// calm tells one who waits for quiet, and reports whether there was one. A caller who does
// not make work leaves that to those who do, unless it is late.
func (s *Scheduler) calm(maker bool) bool {
	s.mu.Lock()
	if len(s.patient) == 0 || !maker && s.making > 0 && !s.late() {
		s.mu.Unlock()
		return false
	}
	tell := s.patient[0]
	s.patient = slices.Delete(s.patient, 0, 1)
	s.mu.Unlock()
	tell()
	return true
}

// writeAll writes what is due, for a caller who is not counted any more: what is
// said from now on is not left to him.
func (s *Scheduler) writeAll() {
	for (*s.write.Load())(false) { //nolint:revive // some at a time
	}
}

// rouse takes one who sleeps, under mu; the caller wakes him. Who makes work comes
// first: he is needed soon in any case.
func (s *Scheduler) rouse() sleeper {
	for _, t := range s.makers {
		if t.rise() {
			return t
		}
	}
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	r := s.idle[n-1]
	s.idle = s.idle[:n-1]
	s.active.Add(1)
	return r
}

// look finds a runner when none has come for another mailbox for so long: who makes a
// large answer takes his time, and the others must not wait for it. When all goes
// well again, the runners that were added go.
func (s *Scheduler) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.due+len(s.patient) > 0
	if s.watching = !s.closed && (waiting || s.runners > s.processors); !s.watching {
		return
	}
	switch done := s.picks - s.watched; {
	case done == 0 && waiting:
		if r := s.rouse(); r != nil {
			r.wake()
		} else if s.runners < s.processors+moreRunners {
			s.start()
		}
	case done >= goesWell && s.runners > s.processors:
		s.surplus = true
	}
	s.watched = s.picks
	s.watch.Reset(s.longTurn)
}

// run gives turns until there is no need of the runner.
func (s *Scheduler) run(r *runner) {
	last := time.Now()
	m := s.next(nil, false)
	for turns := 1; ; turns++ {
		if m == nil {
			if !(*s.write.Load())(false) && !s.calm(false) && !s.rest(r) {
				return
			}
			m = s.next(nil, false)
			continue
		}
		more := m.turn(m.length())
		if turns%writeEvery == 0 {
			if s.spare(m, more) {
				return
			}
			(*s.write.Load())(true)
			if turns%calmEvery == 0 {
				s.calm(false)
			}
			more = false
		}
		if now := time.Now(); now.Sub(last) > yieldAfter {
			runtime.Gosched()
			last = now
		}
		m = s.next(m, more)
	}
}

// length is how many messages a turn may have.
func (m *Mailbox) length() int {
	if m.shared {
		return sharedLength
	}
	return turnLength
}

// next puts a mailbox back that has had its turn and has more to do, and takes the
// one whose turn it is now; nil when nobody's is.
func (s *Scheduler) next(last *Mailbox, more bool) *Mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putBack(last, more)
	s.picks++
	from := &s.light
	if from.first == nil || s.picks%heavyEvery == 0 && s.heavy.first != nil {
		from = &s.heavy
	}
	m := from.pop()
	if m != nil {
		s.due--
	}
	return m
}

// spare puts a mailbox back, and reports whether its runner may go, though there is work.
func (s *Scheduler) spare(m *Mailbox, more bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putBack(m, more)
	if s.surplus {
		s.end()
		return true
	}
	return false
}

// end counts out a runner, under mu.
func (s *Scheduler) end() {
	s.surplus = false
	s.runners--
	s.active.Add(-1)
	s.relieve()
}

// relieve is called under mu when one has gone for good. Where he was the only one who was
// at it, another comes for what is due, who waits for quiet, or what is said and not written.
func (s *Scheduler) relieve() {
	if s.active.Load() > 0 {
		return
	}
	if other := s.rouse(); other != nil {
		other.wake()
	}
}

// putBack is called under mu.
func (s *Scheduler) putBack(m *Mailbox, more bool) {
	switch {
	case !more:
		return
	case m.shared:
		s.light.push(m)
	default:
		s.heavy.push(m)
	}
	s.due++
}

// rest has a runner sleep until there is work, and reports false if it is to end.
func (s *Scheduler) rest(r *runner) bool {
	s.mu.Lock()
	switch {
	case s.surplus, s.due+len(s.patient) == 0 && (s.closed || s.runners > s.processors):
		s.end()
		s.mu.Unlock()
		return false
	case s.due > 0, len(s.patient) > 0 && (s.making == 0 || s.late()):
		s.mu.Unlock()
		return true
	}
	s.active.Add(-1)
	s.idle = append(s.idle, r)
	s.mu.Unlock()
	s.writeAll()
	<-r.called
	return true
}

// Stop ends the goroutines. Called once, after the actors stopped.
func (s *Scheduler) Stop() {
	s.mu.Lock()
	s.closed = true
	s.watch.Stop()
	idle := s.idle
	s.idle = nil
	s.active.Add(int32(len(idle))) //nolint:gosec // a few
	s.mu.Unlock()
	for _, r := range idle {
		r.wake()
	}
	s.ended.Wait()
}

// State is how a scheduler is at a moment.
type State struct {
	Processors int
	Runners    int // its goroutines
	Asleep     int // of them
	Due        int // mailboxes
	ForQuiet   int // who wait for it
	Given      uint64
}

// State may be asked at any time.
func (s *Scheduler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{s.processors, s.runners, len(s.idle), s.due, len(s.patient), s.picks}
}

// runQueue is of mailboxes, linked by next.
type runQueue struct{ first, last *Mailbox }

func (q *runQueue) push(m *Mailbox) {
	if q.first == nil {
		q.first = m
	} else {
		q.last.next = m
	}
	q.last = m
}

func (q *runQueue) pop() *Mailbox {
	m := q.first
	if m == nil {
		return nil
	}
	if q.first, m.next = m.next, nil; q.first == nil {
		q.last = nil
	}
	return m
}
