package transport

import "time"

// watch holds connections to their times. One goroutine looks at all of them
// now and then, so that no request has to set a timer; a limit is late by one
// round at most.
func (l *Listener) watch() {
	round := l.cfg.round()
	ticker := time.NewTicker(round)
	defer ticker.Stop()
	start := time.Now()
	for {
		select {
		case <-ticker.C:
			l.now.Store(int64(time.Since(start)) + 1)
			l.each(l.check)
		case <-l.quit:
			return
		}
	}
}

// round is the time between two looks: an eighth of the shortest limit.
func (cfg *Config) round() time.Duration {
	shortest := min(cfg.RequestTime, cfg.LoginTime, cfg.StallTime, lingerTime)
	if cfg.IdleTime > 0 {
		shortest = min(shortest, cfg.IdleTime)
	}
	return max(shortest/8, 5*time.Millisecond)
}

// check ends a connection that is beyond one of its times.
func (l *Listener) check(c *conn) {
	late := func(since int64, limit time.Duration) bool {
		return since != 0 && l.now.Load()-since > int64(limit)
	}
	switch {
	case late(c.out.wrote.Load(), l.cfg.StallTime):
		l.slow.Add(1)
		c.kill()
	case c.end.Load() == endSlow && late(c.closing.Load(), min(lingerTime, l.cfg.StallTime)):
		c.kill()
	case late(c.closing.Load(), 4*l.cfg.StallTime):
		c.kill()
	case late(c.begun.Load(), l.cfg.RequestTime):
		c.cut(endTime)
	case !c.greeted.Load() && late(c.opened, l.cfg.LoginTime) && c.quiet():
		c.cut(endTime)
	case l.cfg.IdleTime > 0 && late(max(c.opened, c.active.Load()), l.cfg.IdleTime) && c.quiet():
		c.cut(endTime)
	}
}

// quiet reports whether no request of the connection is under way.
func (c *conn) quiet() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.pending == 0
}
