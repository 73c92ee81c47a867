package transport

import (
	"maps"
	"slices"
	"time"
)

// watch enforces the time limits of connections. One goroutine looks at all of them in rounds, so
// that no request has to set a timer. A limit is late by one round at most.
func (l *Listener) watch() {
	round := l.cfg.round()
	ticker := time.NewTicker(round)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.tick()
			l.checkAll()
			l.commons.look(false)
		case <-l.quit:
			return
		}
	}
}

// tick sets the listener's clock.
func (l *Listener) tick() { l.now.Store(int64(time.Since(l.began)) + 1) }

// round is the time between two rounds: an eighth of the shortest limit.
func (cfg *Config) round() time.Duration {
	shortest := min(cfg.RequestTime, cfg.LoginTime, cfg.StallTime, lingerTime)
	if cfg.IdleTime > 0 {
		shortest = min(shortest, cfg.IdleTime)
	}
	return max(shortest/8, 5*time.Millisecond)
}

// checkAll looks at each connection. When thousands have to be ended at once it takes its time:
// ending them is work, and the others' requests must not wait for it.
func (l *Listener) checkAll() {
	const atOnce, pause = 4, 2 * time.Millisecond
	l.mu.Lock()
	all := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	ended := 0
	for _, c := range all {
		if l.check(c) {
			if ended++; ended%atOnce == 0 && !l.wait(pause) {
				return
			}
			l.tick() // ending thousands takes seconds
		}
	}
}

// check ends a connection that is beyond one of its time limits, and reports whether it did.
func (l *Listener) check(c *conn) bool {
	switch closing := c.closing.Load(); {
	case l.late(c.out.wrote.Load(), l.cfg.StallTime), l.hogs(c):
		c.out.wrote.Store(0) // it is counted only once
		c.out.behind.Store(0)
		if c.end.Load() != endSlow { // then it was counted when it was told
			c.noteSlow()
		}
		c.kill()
	case c.end.Load() == endSlow && l.late(closing, min(lingerTime, l.cfg.StallTime)):
		c.kill()
	case l.late(closing, 4*l.cfg.StallTime) && c.out.behind.Load() == 0 && c.quiet(): // neither reads nor waits for an answer
		c.kill()
	case closing == 0 && c.begun.Load() != unhurried && l.late(c.told.Load(), lingerTime): // its reader writes, as TLS sometimes has to
		c.kill()
	case closing == 0 && l.beyond(c):
		c.cut(endTime)
	default:
		return false
	}
	return true
}

// beyond reports whether a client has made the provider wait for too long.
func (l *Listener) beyond(c *conn) bool {
	switch begun := c.begun.Load(); {
	case l.late(begun, l.cfg.RequestTime):
		return true
	case l.late(c.large.Load(), tooSlow) && l.commons.large.wanted():
		return begun != 0 && begun != unhurried // if it is complete, it waits for others
	case !c.greeted.Load() && l.late(c.opened, l.cfg.LoginTime):
		return c.quiet()
	case l.cfg.IdleTime > 0 && begun == 0 && c.idle(): // looked at before the time, which an answer sets anew
		return l.late(max(c.opened, c.active.Load()), l.cfg.IdleTime)
	}
	return false
}

// late reports whether a moment is longer ago than limit; a moment of 0 never is.
func (l *Listener) late(since int64, limit time.Duration) bool {
	return since != 0 && l.now.Load()-since > int64(limit)
}

// quiet reports whether no request of the connection is under way.
func (c *conn) quiet() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.pending == 0
}

// idle is quiet, with all answers written.
func (c *conn) idle() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.pending == 0 && c.out.slack == 0
}
