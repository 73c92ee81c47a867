package check

// History compares what a channel's history has with the book: all its messages in
// order, then Finish.
type History struct {
	c    *Channel
	next int64
}

// History begins to compare.
func (c *Channel) History() *History { return &History{c: c} }

// Read takes the next message. Index is what the provider says is its place, below
// 0 where it does not.
func (h *History) Read(index int64, text []byte) {
	c, at := h.c, h.next
	h.next++
	if index >= 0 && index != at {
		c.book.report(Misplaced, "%s: the history tells index %d at place %d", c, index, at)
	}
	s, ok := c.book.Read(text)
	if !ok {
		c.book.report(Foreign, "%s at %d: %.80q", c, at, text)
		return
	}
	c.mu.Lock()
	c.note(at, s, "history")
	lane := c.lanes[s.Lane]
	c.mu.Unlock()
	switch {
	case lane != nil:
		lane.read(s.Number, at)
	case c.book.ours(s.Lane):
		c.book.report(Foreign, "%s at %d: lane %d, which is not of this channel", c, at, s.Lane)
	}
}

// Finish judges, after the last message, what is missing: in the history, and of
// what subscribers were owed.
func (h *History) Finish() {
	c := h.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, lane := range c.lanes {
		lane.finish()
	}
	for index := h.next; index < int64(len(c.places)); index++ {
		if p := c.places[index]; p != 0 {
			c.beyond(index, p)
		}
	}
	for _, s := range c.streams {
		s.finish(true)
	}
}

// FinishUnread judges the streams alone, where the history is not read.
func (c *Channel) FinishUnread() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		s.finish(false)
	}
}

// Saw takes a message that a reader of the history got while the load was under way, and
// returns its stamp; false for a text that nobody posted.
func (c *Channel) Saw(index int64, text []byte) (Stamp, bool) {
	s, ok := c.book.Read(text)
	if !ok {
		c.book.report(Foreign, "%s at %d, read: %.80q", c, index, text)
		return s, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(index, s, "read")
	return s, true
}

// Short reports an answer that has fewer messages, or more, than there are from
// begin up to end.
func (c *Channel) Short(begin, end int64, got int) {
	c.book.report(Lost, "%s: %d messages were answered for %d up to %d", c, got, begin, end)
}

// Known is how many messages the channel has at least, by what was told of it.
func (c *Channel) Known() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(len(c.places))
}

// Counted takes how many messages a channel is said to have. Known is how many it had at
// least when that was asked.
func (c *Channel) Counted(known, amount int64) {
	if amount < known {
		c.book.report(Lost, "%s: %d messages were counted after %d were told", c, amount, known)
	}
}

// beyond reports a message that was told to stand behind the end of the history. Called
// with the lock held, after the lanes are finished.
func (c *Channel) beyond(index int64, p place) {
	l := c.lanes[p.lane()]
	if l == nil { // another process's
		c.book.report(Lost, "%s at %d: %v, which was told before", c, index, p)
		return
	}
	_, acknowledged, _ := l.outcome(p.number())
	switch missing := l.skipped[p.number()]; {
	case !missing:
		c.book.report(Misplaced, "%s at %d: %v, which the history has elsewhere", c, index, p)
	case !acknowledged: // its lane has told of the others
		c.book.report(Lost, "%s at %d: %v, which was told before", c, index, p)
	}
}
