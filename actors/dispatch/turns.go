package dispatch

import (
	"slices"
	"time"
)

// Turns lets a goroutine that makes work for actors (a maker, such as a poller of transport)
// give them their turns too, instead of waking another goroutine, which costs as much as a
// request. Only that goroutine may use it, but for Given and Call.
//
// A maker does this again and again: Begin, make work, Give, Quiet if there is nothing else
// to do, End, and sleep if End allows it.
type Turns struct {
	of     *Scheduler
	call   func() // wakes the goroutine, which then calls Begin
	awake  bool   // it has begun, and has not ended since
	asleep bool   // it does not count as active; under mu
}

// Turns makes the Turns of a maker.
//
// write writes some of what actors have said to the outside, and reports whether there is
// more. It is the same one for all makers. Whoever gives turns calls it, on any goroutine,
// until Stop. busy means that turns are due, so more may still be said to the same receivers.
//
// call is called after End when turns are due again: the goroutine must come soon and Begin.
// It is called on any goroutine, with locks of the scheduler held, so it must not wait nor
// call the scheduler.
func (s *Scheduler) Turns(write func(busy bool) (more bool), call func()) *Turns {
	s.write.Store(&write)
	return &Turns{of: s, call: call, asleep: true}
}

// Begin says that the caller is about to make work and will give turns. Before the first
// Begin nobody relies on the caller.
func (t *Turns) Begin() {
	if t.awake {
		return
	}
	t.awake = true
	s := t.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.makers, t) {
		s.makers = append(s.makers, t)
	}
	t.rise()
}

// rise makes the goroutine count as active, under mu, and reports whether it did not before.
func (t *Turns) rise() bool {
	if !t.asleep {
		return false
	}
	t.asleep = false
	t.of.active.Add(1)
	t.of.making++
	return true
}

// lie is the reverse of rise.
func (t *Turns) lie() {
	t.asleep = true
	t.of.active.Add(-1)
	t.of.making--
}

func (t *Turns) wake() { t.call() }

// giveTime is how long Give gives turns before the caller has to look for other work.
const giveTime = 200 * time.Microsecond

// Give gives turns for a while and reports whether more are due. If so, the caller must come
// back soon.
func (t *Turns) Give() (more bool) {
	s := t.of
	begun := time.Now()
	m := s.next(nil, false)
	for turns := 1; m != nil; turns++ {
		again := m.turn(m.length())
		if turns%8 == 0 && time.Since(begun) > giveTime {
			s.mu.Lock()
			s.putBack(m, again)
			s.mu.Unlock()
			return true
		}
		m = s.next(m, again)
	}
	return false
}

// Late tells whether somebody has waited for quiet for too long.
func (t *Turns) Late() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	return t.of.late()
}

// Quiet says that the caller has nothing to read or write, or that it is Late. It reports
// whether somebody waited for that; if so, turns are due.
func (t *Turns) Quiet() (due bool) { return t.of.calm(true) }

// End says that the caller wants to sleep, and reports whether it may: nothing is due.
func (t *Turns) End() bool {
	s := t.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due+len(s.patient) > 0 {
		return false
	}
	t.awake = false
	t.lie()
	return true
}

// Leave says that the caller will never come back, even if it has just been called. Somebody
// else does what is due.
func (t *Turns) Leave() {
	s := t.of
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makers = slices.DeleteFunc(s.makers, func(other *Turns) bool { return other == t })
	if !t.asleep {
		t.lie()
		s.relieve()
	}
}

// Given tells whether somebody is active and will write before he sleeps. Any goroutine may
// call it.
func (t *Turns) Given() bool { return t.of.active.Load() > 0 }

// Call wakes somebody who sleeps, if there is one, to help writing. Any goroutine may call it.
func (t *Turns) Call() {
	s := t.of
	s.mu.Lock()
	sleeper := s.rouse()
	s.mu.Unlock()
	if sleeper != nil {
		sleeper.wake()
	}
}
