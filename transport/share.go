package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// This file limits what connections may have together, so that many greedy ones cost the
// others neither memory nor time.

// commons is what all connections of a listener share.
type commons struct {
	unread      atomic.Int64 // bytes that clients have not read yet, see conn.account
	unreadMost  int64
	connections atomic.Int64
	polite      atomic.Int64 // the last request of a client that waits for its answers
	together    func() int   // how many posts may be sent ahead now
	ahead       turnstile    // for posts of clients that do not wait for their answers
	heavy       turnstile    // for requests whose answers may be large
	images      turnstile    // for large images, until they are on disk
	large       turnstile    // for large requests, from when they are large until the session has them
}

// How many requests of a kind may be under way at the same time.
const (
	heavyAtOnce  = 8  // with large answers
	imagesAtOnce = 2  // with large images: posts wait for the disk behind them
	largeAtOnce  = 32 // larger than strangers may send
	heavyPages   = 16 // a large answer counts as much as so many requests for a few messages
	aheadEach    = 6  // sent ahead, for each processor; with more, other clients would wait noticeably longer
	aheadAlone   = 64 // times as many while nobody else asks
	aheadShare   = 4  // one connection may have a quarter of them, so that a slow channel delays nobody else
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
	s.images.open = func(under int) bool { return under < imagesAtOnce } // who waits has a turn in large too, so not for clients to read
	s.large.open = func(under int) bool { return under < largeAtOnce }
	return s
}

// share is how many posts one connection may have sent ahead now.
func (s *commons) share() int { return max(1, s.together()/aheadShare) }

// lately tells whether a moment was within the last second or so.
func (l *Listener) lately(moment int64) bool {
	return moment != 0 && l.now.Load()-moment < int64(time.Second)
}

// crowded tells whether clients together leave too much unread, and a client with this many
// unread bytes has more than its share.
func (s *commons) crowded(bytes int) bool {
	return s.unread.Load() > s.unreadMost && int64(bytes)*s.connections.Load() > s.unreadMost
}

// look makes those who wait look again whether they may pass. With shut all may, because the
// provider stops.
func (s *commons) look(shut bool) {
	s.ahead.look(shut)
	s.heavy.look(shut)
	s.images.look(shut)
	s.large.look(shut)
}

// turnstile lets a limited number of requests pass at a time. Addresses take turns, and requests of
// one address pass in the order in which they came. So who has many connections makes those at
// other addresses wait for few of them.
type turnstile struct {
	open func(under int) bool // tells whether the next may pass when so many are under way; under mu

	mu    sync.Mutex // held for a moment
	under int        // turns that are taken
	lines map[netip.Addr][]*waiter
	turns []netip.Addr // of the lines; the first is next
	shut  bool         // everybody may pass
}

// waiter is the reader of a connection that waits for n turns.
type waiter struct {
	n    int
	pass chan struct{} // closed when it has them
}

// enter waits for n turns.
func (t *turnstile) enter(n int, from netip.Addr) {
	if t.try(n) {
		return
	}
	w := &waiter{n, make(chan struct{})}
	t.add(w, from)
	<-w.pass
}

func (t *turnstile) add(w *waiter, from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = map[netip.Addr][]*waiter{}
	}
	if len(t.lines[from]) == 0 {
		t.turns = append(t.turns, from)
	}
	t.lines[from] = append(t.lines[from], w)
	t.next()
}

// next lets those pass who may, under the mutex.
func (t *turnstile) next() {
	for len(t.turns) > 0 && (t.shut || t.open(t.under)) {
		from := t.turns[0]
		t.turns = t.turns[1:]
		line := t.lines[from]
		w := line[0]
		line[0] = nil
		if line = line[1:]; len(line) > 0 {
			t.lines[from] = line
			t.turns = append(t.turns, from)
		} else {
			delete(t.lines, from)
		}
		t.under += w.n
		close(w.pass)
	}
}

// try takes n turns if it can do so at once.
func (t *turnstile) try(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.turns) > 0 || !t.open(t.under) {
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
	t.next()
}

// look makes those who wait look again.
func (t *turnstile) look(shut bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut = t.shut || shut
	t.next()
}

// wanted tells whether somebody waits for a turn.
func (t *turnstile) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.turns) > 0
}

// beginLarge waits until the request that comes in may be a large one. Only the reader calls it. It
// waits for the client to read first: nobody else may have to wait for that too.
func (c *conn) beginLarge() {
	if c.large.Load() != 0 {
		return
	}
	c.waitRead()
	c.shared.commons.large.enter(1, c.from)
	c.large.Store(c.shared.now.Load())
}

// endLarge is called when the session has the request, or nobody will get it.
func (c *conn) endLarge() {
	if c.large.Swap(0) != 0 {
		c.shared.commons.large.leave(1)
	}
}

// account adds what waits for this client to the sum of all, under the outbox's mutex. Small
// changes are added later, since most answers are written at once.
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

// While too much is unread in all, nobody gets a large answer. How long a client with more than
// its share may read nothing then, and how long it may take for everything: a few that read slowly
// would else keep all others waiting for minutes.
const (
	noticed = time.Second
	tooSlow = 5 * time.Second // also for a large request that others wait for
)

// hogs tells whether a client has more than its share of the unread bytes and does not read, or
// reads too slowly.
func (l *Listener) hogs(c *conn) bool {
	if !l.late(c.out.wrote.Load(), noticed) && !l.late(c.out.behind.Load(), tooSlow) {
		return false
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return l.commons.crowded(c.unread())
}
