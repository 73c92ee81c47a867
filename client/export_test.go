package client

import "time"

// AgeKey makes the client believe that it has not used its key for that much longer.
func AgeKey(c *Client, by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.used = c.who.used.Add(-by)
}

// KeyAge returns how long ago the client used its key.
func KeyAge(c *Client) time.Duration { return time.Since(c.credentials().used) }
