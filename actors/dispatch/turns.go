package dispatch

import (
	"slices"
	"time"
)

// Turns is how a goroutine that makes work for actors does it too, instead of waking
// another, which costs as much as a request. It is that goroutine's alone.
type Turns struct {
	of     *Scheduler
	call   func() // has the goroutine come and Begin
	awake  bool   // it has begun, and has not ended since
	asleep bool   // it is not counted among those who give turns; under mu
}

// Turns returns what such a goroutine needs for that. write writes some of what was said
// to those outside, and reports whether there is more; it is called
// by whoever gives turns, on any goroutine, until Stop. busy says that
// there are turns to give, so that more may come to the same ones. call is called
// after End when there are turns to give again: the goroutine comes soon, and Begins. It is
// called on any goroutine, with locks of the scheduler held, and must not wait or come back.
func (s *Scheduler) Turns(write func(busy bool) (more bool), call func()) *Turns {
	s.write.Store(&write)
	return &Turns{of: s, call: call, asleep: true}
}

// Begin says that the caller is about to make work, and will give turns. Nobody counts on
// him before the first time: he may have ended already.
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

// rise counts the goroutine among those who give turns, under mu, and reports whether
// it was not.
func (t *Turns) rise() bool {
	if !t.asleep {
		return false
	}
	t.asleep = false
	t.of.active.Add(1)
	t.of.making++
	return true
}

// lie is the reverse.
func (t *Turns) lie() {
	t.asleep = true
	t.of.active.Add(-1)
	t.of.making--
}

func (t *Turns) wake() { t.call() }

// giveTime is how long Give gives turns before there is something else to do.
const giveTime = 200 * time.Microsecond

// Give gives turns for a while, and reports whether more are due. The caller comes
// back soon then; otherwise it may sleep.
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

// Late tells whether somebody waits for quiet for too long.
func (t *Turns) Late() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	return t.of.late()
}

// Quiet says that all is quiet, or that it is late, and reports whether somebody waited
// for that: then turns are due.
func (t *Turns) Quiet() (due bool) { return t.of.calm(true) }

// End ends the caller's part, and reports whether it may sleep: nothing is to be done.
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

// Leave ends the caller's part for good, though he may just have been called: another
// does what is to be done.
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

// Given tells whether somebody is at it, who will write before he sleeps.
func (t *Turns) Given() bool { return t.of.active.Load() > 0 }

// Call has somebody who sleeps, if there is one, help to write.
func (t *Turns) Call() {
	s := t.of
	s.mu.Lock()
	sleeper := s.rouse()
	s.mu.Unlock()
	if sleeper != nil {
		sleeper.wake()
	}
}
