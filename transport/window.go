package transport

import "elemental/actors"

// This file is about how many requests a connection may have under way, its window, and when
// the next one may begin, which depends on its weight. The counts are in the outbox, under its mutex.

// weight is how much a request may cost other connections.
type weight int

const (
	light weight = iota
	aPost        // posts to a channel travel together
	aSubscription
	aPage   // its answer may be as large as a few messages; a connection has one such request under way at a time
	heavy   // its answer may be large; likewise, and it counts as much as heavyPages of aPage
	anImage // it is large itself; likewise, with turns of its own
)

// pageMessages is how many messages count as a few.
const pageMessages = 20

func (l *Listener) weightOf(command any) weight {
	switch c := command.(type) {
	case actors.GetMessages:
		return weightOfMessages(c.End - c.Begin)
	case actors.LatestMessages:
		return weightOfMessages(c.Count)
	case actors.ProviderName:
		if l.icon {
			return aPage
		}
	case actors.SetServerImage:
		if len(c.Image) > windowBytes {
			return anImage
		}
	case actors.GetServerImage,
		actors.JoinedServers, actors.ServerChannels, actors.ServerMembers:
		return heavy
	case *actors.Post:
		return aPost
	case actors.Subscribe:
		return aSubscription
	}
	return light
}

func weightOfMessages(count int64) weight {
	if count <= pageMessages {
		return aPage
	}
	return heavy
}

// pages is how many turns such a request takes, if a connection may have one at a time.
func (w weight) pages() int {
	switch w {
	case aPage, anImage:
		return 1
	case heavy:
		return heavyPages
	}
	return 0
}

// admit waits until the window has a place for one more request and the client reads its answers.
// A large image, what may have a large answer, and a Subscribe wait for all requests before them;
// the former two, and posts sent ahead, for a turn too. It reports false if the connection has ended.
func (c *conn) admit(w weight, bytes int) bool {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended && c.mustWait(w, bytes) {
		c.untimed(o.changed.Wait)
	}
	if line := c.line(w); line != nil && !o.ended {
		o.mu.Unlock()
		c.untimed(func() { line.enter(max(w.pages(), 1), c.from) })
		o.mu.Lock()
		c.took(w)
	}
	if o.ended {
		c.giveTurns()
		return false
	}
	c.admitted(w, bytes)
	return true
}

// tryAdmit is admit for a caller that cannot wait: it reports false if it would have to.
func (c *conn) tryAdmit(w weight, bytes int) bool {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || c.mustWait(w, bytes) {
		return false
	}
	if line := c.line(w); line != nil {
		if !line.try(max(w.pages(), 1)) {
			return false
		}
		c.took(w)
	}
	c.admitted(w, bytes)
	return true
}

// aheadFrom is from how many requests under way on a client counts as one that sends ahead of its
// answers. A client that posts at a steady rate may have some under way when the disk is slow.
const aheadFrom = 8

// windowBytes is how many bytes the requests under way may have, unless there is only one. Those
// that wait in the session are not admitted yet, so nothing else limits them. Posts begin at once,
// or have taken turns.
const windowBytes = 64 << 10

// The functions below are called under the mutex.

func (c *conn) mustWait(w weight, bytes int) bool {
	o := &c.out
	if o.pending >= aheadFrom || o.pending > 0 && c.sendsAhead() {
		o.ahead.Store(c.shared.now.Load())
	}
	if w != aPost && o.pending > 0 && o.asked+bytes > windowBytes {
		return true
	}
	return o.pending >= c.window(w) || c.stuffed() && c.large.Load() == 0 // a large request has waited for that before
}

// window is how many requests may be under way, the next one included.
func (c *conn) window(w weight) int {
	most := c.shared.cfg.Window
	switch {
	case w.pages() > 0 || c.out.alone.pages() > 0:
		return 1
	case w == aSubscription: // pushes wait for its answer, but not for the answers before it
		return 1
	case w == aPost && c.sendsAhead():
		return min(most, c.shared.commons.share())
	}
	return most
}

func (c *conn) sendsAhead() bool { return c.shared.lately(c.out.ahead.Load()) }

// line is where the next request has to wait for its turn; nil for most requests. Of requests
// that are sent ahead only posts wait: the session begins all others one by one anyway.
func (c *conn) line(w weight) *turnstile {
	s := c.shared.commons
	switch {
	case w == anImage:
		return &s.images
	case w.pages() > 0:
		return &s.heavy
	case w == aPost && c.sendsAhead():
		return &s.ahead
	}
	if now := c.shared.now.Load(); !c.sendsAhead() && s.polite.Load() != now {
		s.polite.Store(now)
	}
	return nil
}

func (c *conn) admitted(w weight, bytes int) {
	c.out.pending++
	c.out.asked += bytes
	switch w {
	case aPost:
		c.out.posts++
	case aSubscription:
		c.out.subscribing = true
	}
}

// took notes that the request has taken its turn.
func (c *conn) took(w weight) {
	if w.pages() > 0 {
		c.out.alone = w
	} else {
		c.out.turns++
	}
}

// answered notes that a request was answered.
func (c *conn) answered(w weight, bytes int) {
	o := &c.out
	if o.pending == 0 {
		return // the connection has ended and given back everything
	}
	o.pending--
	o.asked -= bytes
	c.noteActive()
	switch w {
	case aPost:
		o.posts--
	case aSubscription:
		if o.subscribing, o.holding = false, false; !o.ended {
			c.letGo()
		}
	}
	c.giveTurns()
}

// giveTurns gives back the turns that no request under way needs any more.
func (c *conn) giveTurns() {
	o := &c.out
	if pages := o.alone.pages(); pages > 0 {
		c.line(o.alone).leave(pages)
		o.alone = light
	}
	if n := o.turns - o.posts; n > 0 {
		o.turns -= n
		c.shared.commons.ahead.leave(n)
	}
}

// giveBack gives back everything that the connection has of what all share, when its session is
// gone.
func (c *conn) giveBack() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.pending, c.out.asked, c.out.posts = 0, 0, 0
	c.out.subscribing, c.out.holding = false, false
	c.giveTurns()
}

// unread is how many bytes wait for the client, under the mutex.
func (c *conn) unread() int { return c.out.flight + c.out.waiting + c.out.heldBytes }

// stuffed tells whether these are too many for another request, under the mutex.
func (c *conn) stuffed() bool { return c.unread() > c.shared.cfg.OutboxBytes }

// waitRead waits until the client has read enough, or the connection takes no more answers.
func (c *conn) waitRead() {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for c.stuffed() && !o.ended {
		o.changed.Wait()
	}
}

// waitAnswered waits until no request is under way, or the connection takes no more answers.
func (c *conn) waitAnswered() {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.pending > 0 && !o.ended {
		o.changed.Wait()
	}
}
