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
	pipelining  atomic.Int64 // connections with more than one request under way
	together    int64
	heavy       turnstile
}

func newCommons(cfg *Config) *commons {
	s := &commons{unreadMost: int64(cfg.UnreadBytes), together: int64(cfg.Together)}
	s.heavy.free = heavyAtOnce
	s.heavy.changed.L = &s.heavy.mu
	return s
}

// leastWindow is what a connection may have under way however many pipeline.
const leastWindow = 1

// window is how many requests a connection may have under way now. Those that
// pipeline share a number of requests that keeps everybody busy: with more, the
// work would only wait in longer lines, and everybody else's in front of it.
func (s *commons) window(most int) int {
	n := s.pipelining.Load()
	if n == 0 {
		return most
	}
	return min(most, max(leastWindow, int(s.together/n)))
}

// crowded tells whether clients together leave too much unread, and whoever has
// so many bytes more than his share of it.
func (s *commons) crowded(bytes int) bool {
	return s.unread.Load() > s.unreadMost && int64(bytes)*s.connections.Load() > s.unreadMost
}

// turnstile lets a few at a time make a large answer.
type turnstile struct {
	mu      sync.Mutex // held for a moment
	changed sync.Cond  // for connections' readers, which wait for their turn
	free    int
	shut    bool
}

// heavyAtOnce is how many large answers are made at a time.
const heavyAtOnce = 8

// enter waits for a turn. Unread answers of others may hold it up until the
// watcher has parted with those who do not read.
func (s *commons) enterHeavy() {
	t := &s.heavy
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.shut && (t.free == 0 || s.unread.Load() > s.unreadMost) {
		t.changed.Wait()
	}
	t.free--
}

// tryHeavy takes a turn if there is one to be had.
func (s *commons) tryHeavy() bool {
	t := &s.heavy
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free <= 0 || s.unread.Load() > s.unreadMost {
		return false
	}
	t.free--
	return true
}

func (s *commons) leaveHeavy() {
	s.heavy.mu.Lock()
	defer s.heavy.mu.Unlock()
	s.heavy.free++
	s.heavy.changed.Signal()
}

// look has those who wait look again; shut lets all pass, when the provider stops.
func (s *commons) look(shut bool) {
	s.heavy.mu.Lock()
	defer s.heavy.mu.Unlock()
	s.heavy.shut = s.heavy.shut || shut
	s.heavy.changed.Broadcast()
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
