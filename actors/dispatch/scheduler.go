// Package dispatch gives actors their turns. It replaces the engine's mailboxes and
// dispatcher (docs/architecture.md says why). It depends only on the engine, and all that it
// knows of actors is that they handle messages.
package dispatch

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Scheduler gives mailboxes their turns. It does so on as many goroutines as there are
// processors (runners), and on goroutines that make work for actors (makers, see Turns):
// while makers are awake, nobody else is woken for a little work more.
//
// The engine's own dispatcher starts a goroutine each time an actor wakes, and leaves it
// with a busy actor as long as that is busy. On an overloaded machine all those goroutines
// take turns, and an actor with one message waits for all of them. Here a turn is short, and
// a mailbox that has had one and wants another goes behind those that have had none.
type Scheduler struct {
	processors int
	longTurn   time.Duration
	write      atomic.Pointer[func(busy bool) bool] // see Turns
	unheard    func(msg any)                        // see Unheard

	mu       sync.Mutex // held for the time of a push or pop
	light    runQueue   // mailboxes that were woken, and shared ones
	heavy    runQueue   // mailboxes that had a turn and have more to do
	due      int        // mailboxes in both queues
	picks    uint64     // how often somebody came for a mailbox
	runners  int
	idle     []*runner
	active   atomic.Int32 // runners and makers that give turns, or will before they sleep; changed under mu
	making   int          // makers among them
	makers   []*Turns     // all that have begun and not left
	patient  []func()     // to be called when all is quiet, see Quiet
	asked    time.Time    // since when there is one
	watch    *time.Timer
	watching bool
	watched  uint64 // picks at the last look
	surplus  bool   // one runner may end
	closed   bool
	ended    sync.WaitGroup
}

// runner is one of the scheduler's own goroutines.
type runner struct {
	called chan struct{} // has room for one
}

func (r *runner) wake() { r.called <- struct{}{} }

// sleeper is a runner or a maker that sleeps and gives turns when it is woken.
type sleeper interface{ wake() }

// How long turns are, and when another runner steps in because a turn is too long.
const (
	turnLength   = 8                      // messages
	sharedLength = 64                     // messages, for the few actors that everybody waits for
	heavyEvery   = 4                      // one of so many turns goes to the heavy queue
	writeEvery   = 32                     // turns after which a runner writes
	calmEvery    = 256                    // turns after which a runner looks whether Quiet is late
	enough       = 32                     // with more mailboxes due for each active one, another is woken
	yieldAfter   = 50 * time.Microsecond  // then goroutines that are not actors have their turn
	unquiet      = 500 * time.Microsecond // the longest that somebody waits for quiet
	goesWell     = 16                     // with so many picks in longTurn, an extra runner is not needed
	moreRunners  = 64                     // runners at most, beyond one for each processor
)

// LongTurn is the usual longTurn of New.
const LongTurn = 2 * time.Millisecond

// New makes a scheduler with one runner for each processor. If nobody comes for another
// mailbox for longTurn, although some are due, one more runner steps in.
func New(processors int, longTurn time.Duration) *Scheduler {
	s := &Scheduler{processors: processors, longTurn: longTurn, unheard: func(any) {}}
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

// Unheard has hear called with each message that a Mortal actor has not handled before its end.
// hear is called in a turn, so it must not wait. Unheard is called before there are actors.
func (s *Scheduler) Unheard(hear func(msg any)) { s.unheard = hear }

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

// attend starts the timer of look, under mu.
func (s *Scheduler) attend() {
	if !s.watching && !s.closed {
		s.watching, s.watched = true, s.picks
		s.watch.Reset(s.longTurn)
	}
}

// Quiet has tell called once all is quiet: no turn is due, and no maker has anything to read
// or write (Turns.Quiet); or soon in any case (unquiet). Quiet is called from an actor's turn.
// tell makes work for actors.
func (s *Scheduler) Quiet(tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.patient) == 0 {
		s.asked = time.Now()
	}
	s.patient = append(s.patient, tell)
	s.attend() // whoever would call tell may have a long turn
}

func (s *Scheduler) late() bool { return len(s.patient) > 0 && time.Since(s.asked) > unquiet }

// calm calls the next function that waits for quiet, and reports whether there was one. A
// runner leaves that to the makers, unless it is late.
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

// writeAll writes everything that is due. Its caller does not count as active any more, so
// whatever is handed over from now on is somebody else's to write.
func (s *Scheduler) writeAll() {
	for (*s.write.Load())(false) { //nolint:revive // some at a time
	}
}

// rouse picks somebody who sleeps, under mu; the caller wakes him. Makers come first: they
// are needed soon in any case.
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

// look adds a runner if nobody has come for another mailbox for longTurn: an actor that makes
// a large answer takes its time, and the others must not wait for it. When things go well
// again, the added runners end.
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

// run gives turns until the runner is not needed any more.
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

// length is how many messages a turn of this mailbox may handle.
func (m *Mailbox) length() int {
	if m.shared {
		return sharedLength
	}
	return turnLength
}

// next puts the last mailbox back if it has more to do, and takes the one whose turn it is
// now; nil if none is due.
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

// spare puts a mailbox back, and reports whether its runner is to end although there is work.
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

// end counts a runner out, under mu.
func (s *Scheduler) end() {
	s.surplus = false
	s.runners--
	s.active.Add(-1)
	s.relieve()
}

// relieve is called under mu when somebody active has gone for good. If he was the last one,
// another is woken: for mailboxes that are due, for those who wait for quiet, and for what is
// not written yet.
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

// rest lets a runner sleep until there is work. It reports false if the runner is to end.
func (s *Scheduler) rest(r *runner) bool {
	s.mu.Lock()
	switch {
	case !s.surplus && (s.due > 0 || len(s.patient) > 0 && (s.making == 0 || s.late())):
		s.mu.Unlock()
		return true
	case s.surplus, s.closed, s.runners > s.processors:
		s.end()
		s.mu.Unlock()
		return false
	}
	s.active.Add(-1)
	s.idle = append(s.idle, r)
	s.mu.Unlock()
	s.writeAll()
	<-r.called
	return true
}

// Stop ends the runners. It is called once, after the actors have stopped.
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

// State is the state of a scheduler at a moment.
type State struct {
	Processors int
	Runners    int    // its goroutines
	Asleep     int    // those of them that sleep
	Due        int    // mailboxes that wait for their turn
	ForQuiet   int    // those who wait until all is quiet
	Given      uint64 // how often somebody came for a mailbox
}

// State may be called at any time.
func (s *Scheduler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{s.processors, s.runners, len(s.idle), s.due, len(s.patient), s.picks}
}

// runQueue is a queue of mailboxes, linked by next.
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
