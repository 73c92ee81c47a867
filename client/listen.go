package client

import "slices"

// This file keeps the list of a client's subscriptions and passes each event to those that it
// concerns.

func (c *Client) add(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[s.at] == nil {
		c.subs[s.at] = map[*Subscription]bool{}
	}
	c.subs[s.at][s] = true
}

// launch starts a goroutine that Close waits for. If the client is closed already, it returns
// ErrClosed.
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

// listens reports whether any subscription listens to this place.
func (c *Client) listens(at place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs[at]) > 0
}

// eachAt calls f for each subscription to a channel, and for each to its whole server.
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

// tellLate is called after a post. Subscriptions that began while the post was waiting or under
// way were not told of it, and it may have come after they had counted, so they count again.
func (c *Client) tellLate(told []*ownPost, server, channel string) {
	c.eachAt(server, channel, func(s *Subscription) {
		if !slices.ContainsFunc(told, func(o *ownPost) bool { return o.s == s }) {
			s.recount()
		}
	})
}

// hear passes a push on to the subscriptions that it concerns.
func (c *Client) hear(conn *Conn, e Event) {
	c.eachAt(e.Server, e.Channel, func(s *Subscription) { s.hear(conn, e) })
}

// endAll ends all subscriptions, with that cause.
func (c *Client) endAll(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, there := range c.subs {
		for s := range there {
			s.end(cause)
		}
	}
}
