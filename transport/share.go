package transport

import (
	"sync"
	"sync/atomic"
	"time"
)

// This file bounds what connections may have together, so that many greedy
// ones cost the others neither memory nor time.

// commons is what all connections of a listener share.
type commons struct {
	unread      atomic.Int64 // bytes that clients have not read yet, see conn.account
	unreadMost  int64
	connections atomic.Int64
	polite      atomic.Int64 // when somebody asked last who waits for his answers
	together    func() int   // how many may be sent ahead now
	ahead       turnstile    // of posts whose clients do not wait for the answers before them
	heavy       turnstile    // of requests whose answers may be large
}

// How many requests of a kind are under way at a time.
const (
	heavyAtOnce = 8
	heavyPages  = 16 // requests for a few messages, of which so many more may be under way
	aheadEach   = 6  // sent ahead, for each processor: with more, others wait longer than when all is quiet
	aheadAlone  = 64 // times as many while nobody else asks
	aheadShare  = 4  // one connection has one in so many of them, so that a slow channel holds up nobody else
)

func (l *Listener) newCommons() *commons {
	s := &commons{unreadMost: int64(l.cfg.UnreadBytes)}
	together := l.cfg.Together
	if together == 0 {
		together = aheadEach * l.cfg.processors()
	}
	s.heavy.open = func(under int) bool { return under < heavyAtOnce*heavyPages && s.unread.Load() <= s.unreadMost }
	s.together = func() int {
		if !l.lately(s.polite.Load()) {
			return together * aheadAlone
		}
		return together
	}
	s.ahead.open = func(under int) bool { return under < s.together() }
	s.heavy.changed.L, s.ahead.changed.L = &s.heavy.mu, &s.ahead.mu
	return s
}

// share is how many one connection may have sent ahead now.
func (s *commons) share() int { return max(1, s.together()/aheadShare) }

// lately tells whether something was within the last second or so.
func (l *Listener) lately(moment int64) bool {
	return moment != 0 && l.now.Load()-moment < int64(time.Second)
}

// crowded tells whether clients together leave too much unread, and whoever has
// so many bytes more than his share of it.
func (s *commons) crowded(bytes int) bool {
	return s.unread.Load() > s.unreadMost && int64(bytes)*s.connections.Load() > s.unreadMost
}

// look has those who wait look again; shut lets all pass, when the provider stops.
func (s *commons) look(shut bool) {
	s.ahead.look(shut)
	s.heavy.look(shut)
}

// turnstile lets some requests at a time pass, in the order in which they came.
type turnstile struct {
	open func(under int) bool // tells whether the next may pass; under mu

	mu      sync.Mutex // held for a moment
	changed sync.Cond  // for connections' readers, which wait for their turn
	under   int        // way
	waiting int
	shut    bool
}

// enter waits for n turns.
func (t *turnstile) enter(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shut && (t.waiting > 0 || !t.open(t.under)) {
		t.waiting++
		t.changed.Wait()
		for !t.shut && !t.open(t.under) {
			t.changed.Wait()
		}
		t.waiting--
	}
	t.under += n
	if t.waiting > 0 && t.open(t.under) {
		t.changed.Signal()
	}
}

// try takes n turns if they are to be had.
func (t *turnstile) try(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting > 0 || !t.open(t.under) {
		return false
	}
	t.under += n
	return true
}

// leave gives turns back.
func (t *turnstile) leave(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under -= n
	t.changed.Signal()
}

func (t *turnstile) look(shut bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.shut = t.shut || shut; {
	case t.shut:
		t.changed.Broadcast()
	case t.waiting > 0 && t.open(t.under):
		t.changed.Signal()
	}
}

// account tells the others how much waits for this client, under the outbox's
// mutex. Small changes are left for later: most answers are gone at once.
func (c *conn) account() {
	const small = 4 << 10
	o := &c.out
	now := 0
	if !o.dead {
		now = c.unread()
	}
	if change := now - o.counted; now == 0 && change != 0 || change > small || change < -small {
		c.shared.commons.unread.Add(int64(change))
		o.counted = now
	}
}

// noticed is how long a client may read nothing while too much is unread in all.
const noticed = time.Second

// hogs tells whether a client holds more than its share of what may be unread,
// and does not read.
func (l *Listener) hogs(c *conn) bool {
	if !l.late(c.out.wrote.Load(), noticed) {
		return false
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return l.commons.crowded(c.unread())
}
