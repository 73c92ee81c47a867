package actors

import (
	"slices"
	"sync/atomic"
	"time"
)

// Turns is how a goroutine that makes work for actors does it too, instead of waking
// another, which costs as much as a request. It is that goroutine's alone.
type Turns struct {
	of     *scheduler
	at     bool // it is counted among those who give turns
	away   atomic.Bool
	since  bool   // it was away at the last look; under mu
	others func() // somebody has to do what the goroutine did
}

// Turns returns what a goroutine of transport needs for that. write writes some
// of what was handed to the Outboxes, and reports whether there is more; it is called
// by whoever gives turns, on any goroutine, until the provider stops. busy says that
// there are turns to give, so that more may come to the same connections. others is called
// when the goroutine is kept by the disk, see Work.
func (p *Provider) Turns(write func(busy bool) (more bool), others func()) *Turns {
	s := p.node.scheduler
	s.write.Store(&write)
	t := &Turns{of: s, others: others}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.helpers = append(s.helpers, t)
	return t
}

// Begin says that the caller is about to make work, and will give turns.
func (t *Turns) Begin() {
	if !t.at {
		t.at = true
		t.of.comes()
	}
}

func (s *scheduler) comes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active.Add(1)
	s.makers++
}

// goes is called under mu.
func (s *scheduler) goes() {
	s.active.Add(-1)
	s.makers--
}

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

// Late tells whether there is work that should not wait for quiet any longer.
func (t *Turns) Late() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	return t.of.late()
}

// Work does what was to be done when all is quiet, which may wait for the disk, if there
// is something, and reports whether there was, or whether others was called meanwhile:
// then the caller ends.
func (t *Turns) Work() (did, replaced bool) {
	j, some := t.of.take(true)
	if !some {
		return false, false
	}
	t.away.Store(true)
	tell := j.do()
	if replaced = !t.away.CompareAndSwap(true, false); replaced {
		t.of.mu.Lock()   // the other has begun when it is free
		t.of.mu.Unlock() //nolint:staticcheck // nothing is to be done
	} else {
		t.of.back()
	}
	tell()
	return true, replaced
}

// replace has others called for a goroutine that is away for too long, and reports
// whether it is away. The caller has mu.
func (t *Turns) replace() bool {
	was := t.since
	t.since = t.away.Load()
	if was && t.since && t.away.CompareAndSwap(true, false) {
		t.at, t.since = false, false
		t.of.makers--
		t.others()
	}
	return t.since
}

// End ends the caller's part, and reports whether it may sleep: nothing is to be done.
func (t *Turns) End() bool {
	s := t.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due+len(s.jobs) > 0 {
		return false
	}
	t.at = false
	s.goes()
	return true
}

// Leave ends the caller's part for good, whatever is to be done: he ends.
func (t *Turns) Leave() {
	s := t.of
	s.mu.Lock()
	defer s.mu.Unlock()
	s.helpers = slices.DeleteFunc(s.helpers, func(other *Turns) bool { return other == t })
	if t.at {
		t.at = false
		s.goes()
	}
}

// Given tells whether somebody is at it, who will write before he sleeps.
func (t *Turns) Given() bool { return t.of.active.Load() > 0 }

// Call has somebody who sleeps, if there is one, help to write.
func (t *Turns) Call() {
	s := t.of
	s.mu.Lock()
	r := s.rouse()
	s.mu.Unlock()
	if r != nil {
		r.wake <- struct{}{}
	}
}
