package client

import "slices"

// Which subscriptions a client has, and who of them hears what.

func (c *Client) add(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[s.at] == nil {
		c.subs[s.at] = map[*Subscription]bool{}
	}
	c.subs[s.at][s] = true
}

// launch starts a goroutine that Close waits for, unless the client is closed.
func (c *Client) launch(f func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil && c.away == ErrClosed {
		return ErrClosed
	}
	c.running.Go(f)
	return nil
}

func (c *Client) remove(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs[s.at], s)
	if len(c.subs[s.at]) == 0 {
		delete(c.subs, s.at)
	}
}

// listens reports whether there is a subscription at a place.
func (c *Client) listens(at place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs[at]) > 0
}

// eachAt calls f for the subscriptions to a channel and to its whole server.
func (c *Client) eachAt(server, channel string, f func(*Subscription)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subs[place{server, channel}] {
		f(s)
	}
	if channel == "" {
		return
	}
	for s := range c.subs[place{server, ""}] {
		f(s)
	}
}

// tellLate has those count anew who began to listen while a post was waiting to be
// made: it may have come after what they counted.
func (c *Client) tellLate(told []*ownPost, server, channel string) {
	c.eachAt(server, channel, func(s *Subscription) {
		if !slices.ContainsFunc(told, func(o *ownPost) bool { return o.s == s }) {
			s.recount()
		}
	})
}

// hear hands a push to those whom it concerns.
func (c *Client) hear(conn *Conn, e Event) {
	c.eachAt(e.Server, e.Channel, func(s *Subscription) { s.hear(conn, e) })
}

// endAll ends all subscriptions.
func (c *Client) endAll(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, there := range c.subs {
		for s := range there {
			s.end(cause)
		}
	}
}
