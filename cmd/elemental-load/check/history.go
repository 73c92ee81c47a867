package check

// History compares a channel's history with the book. Read is called with each of its
// messages in order, then Finish.
type History struct {
	c    *Channel
	next int64
}

// History begins a comparison at the channel's first message.
func (c *Channel) History() *History { return &History{c: c} }

// Read takes the next message. Index is the index that the provider gave with it, below 0
// if it gave none.
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

// Finish is called after the last message. It reports what is missing in the history, and
// pushes that subscribers never got.
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

// FinishUnread judges only the subscriptions. It is for runs that do not read the
// history.
func (c *Channel) FinishUnread() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		s.finish(false)
	}
}

// Saw takes a message that a client read during the load, and returns its stamp. It
// returns false, and reports the message, if nobody posted that text.
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

// Short reports an answer that has fewer or more messages than there are from begin up to
// end.
func (c *Channel) Short(begin, end int64, got int) {
	c.book.report(Lost, "%s: %d messages were answered for %d up to %d", c, got, begin, end)
}

// Known is how many messages the channel has at least, by the indexes that were reported
// so far.
func (c *Channel) Known() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(len(c.places))
}

// Counted takes the number of messages that the provider reported. Known is what Known
// returned before that was asked: fewer messages than that are a loss.
func (c *Channel) Counted(known, amount int64) {
	if amount < known {
		c.book.report(Lost, "%s: %d messages were counted after %d were told", c, amount, known)
	}
}

// beyond reports a message that was reported at an index behind the end of the history.
// Called with the lock held, after the lanes are finished.
func (c *Channel) beyond(index int64, p place) {
	l := c.lanes[p.lane()]
	if l == nil { // another process posted it
		c.book.report(Lost, "%s at %d: %v, which was told before", c, index, p)
		return
	}
	_, acknowledged, _ := l.outcome(p.number())
	switch missing := l.skipped[p.number()]; {
	case !missing:
		c.book.report(Misplaced, "%s at %d: %v, which the history has elsewhere", c, index, p)
	case !acknowledged: // finish has reported the acknowledged ones
		c.book.report(Lost, "%s at %d: %v, which was told before", c, index, p)
	}
}
