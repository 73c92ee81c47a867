package actors

import (
	"slices"
	"time"
)

// Turns is how a goroutine that makes work for actors does it too: a wake of another
// goroutine costs as much as a request. It is that goroutine's alone.
type Turns struct {
	of  *scheduler
	at  bool // it is counted among those who give turns
	as  runner
	bed Bed
}

// Bed is where a goroutine of transport sleeps for a moment.
type Bed interface {
	Sleep(most time.Duration) // until Wake, which may have come before
	Wake()
}

// Turns returns what a goroutine of transport needs for that. write writes some
// of what was handed to the Outboxes, and reports whether there is more; it is called
// by whoever gives turns, on any goroutine, until the provider stops.
func (p *Provider) Turns(write func() (more bool), bed Bed) *Turns {
	p.node.scheduler.write.Store(&write)
	t := &Turns{of: p.node.scheduler, as: runner{wake: bed.Wake}, bed: bed}
	return t
}

// Begin says that the caller is about to make work, and will give turns.
func (t *Turns) Begin() {
	if !t.at {
		t.at = true
		t.of.mu.Lock()
		t.of.active.Add(1)
		t.of.mu.Unlock()
	}
}

// Give gives turns for a while, and reports whether more are due. The caller comes
// back soon then; otherwise it may sleep.
func (t *Turns) Give() (more bool) {
	s := t.of
	begun := time.Now()
	m := s.next(nil, false)
	for turns := 1; ; turns++ {
		if m == nil {
			return !t.leave()
		}
		again := m.turn(m.length())
		if turns%8 == 0 && time.Since(begun) > yieldAfter {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.putBack(m, again)
			return true
		}
		m = s.next(m, again)
	}
}

// leave ends the caller's part, unless there is work.
func (t *Turns) leave() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.due > 0 {
		return false
	}
	t.at = false
	t.of.active.Add(-1)
	return true
}

// Given tells whether somebody is at it, who will write before he sleeps.
func (t *Turns) Given() bool { return t.of.active.Load() > 0 }

// Await sleeps until there are turns to give, if that is any moment: while the journal
// writes, requests gather, and what came of all of them is done in one go. It reports
// false at once when nothing is expected.
func (t *Turns) Await() bool {
	s := t.of
	if s.soon == nil || !s.soon() {
		return false
	}
	s.mu.Lock()
	if s.due > 0 {
		s.mu.Unlock()
		return true
	}
	s.idle = append(s.idle, &t.as)
	s.mu.Unlock()
	t.bed.Sleep(nap)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := slices.Index(s.idle, &t.as); n >= 0 {
		s.idle = slices.Delete(s.idle, n, n+1)
		return true
	}
	t.at = true
	return true
}
