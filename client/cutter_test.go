package client_test

import (
	"net"
	"sync"
	"testing"
)

// cutter stands between a client and a provider. It cuts connections in the middle of what they
// carry.
type cutter struct {
	t        testing.TB
	listener net.Listener
	provider string

	mu    sync.Mutex
	after func() int // how many bytes from the provider the next connection may carry; below 0 any number
	pairs map[net.Conn]net.Conn
	cuts  int
	wg    sync.WaitGroup

	swallowing bool
}

// newCutter makes a cutter that passes everything on until it is told otherwise.
func newCutter(t testing.TB, provider string) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := &cutter{t: t, listener: listener, provider: provider, pairs: map[net.Conn]net.Conn{}, after: func() int { return -1 }}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		c.cutAll()
		c.wg.Wait()
	})
	return c
}

func (c *cutter) addr() string { return c.listener.Addr().String() }

// limit sets how many bytes of answers each later connection carries.
func (c *cutter) limit(after func() int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = after
}

func (c *cutter) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.provider)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.pairs[near] = far
		most := c.after()
		c.mu.Unlock()
		c.wg.Go(func() { c.pass(near, far, near, -1) })
		c.wg.Go(func() { c.pass(far, near, near, most) })
	}
}

// pass copies until either side ends, until it has copied most bytes, or until it comes to an
// answer that is to be swallowed. Then it closes both sides.
func (c *cutter) pass(from, to, near net.Conn, most int) {
	answers := to == near
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		cut := answers && most >= 0 && n >= most // below 0 from the start means never
		if cut {
			n = most
		}
		if answers && n > 0 && c.swallows() {
			n, cut = 0, true
		}
		if _, failed := to.Write(buf[:n]); cut || err != nil || failed != nil {
			c.end(near, cut)
			return
		}
		most -= n
	}
}

// end closes both sides, whichever has ended.
func (c *cutter) end(near net.Conn, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cut {
		c.cuts++
	}
	c.close(near)
}

// swallow cuts the connection that carries the next answer, instead of passing that on.
func (c *cutter) swallow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swallowing = true
}

func (c *cutter) swallows() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.swallowing
	c.swallowing = false
	return was
}

func (c *cutter) close(near net.Conn) {
	if far := c.pairs[near]; far != nil {
		_, _ = near.Close(), far.Close()
		delete(c.pairs, near)
	}
}

// cutAll cuts all connections that there are now.
func (c *cutter) cutAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for near := range c.pairs {
		c.close(near)
		c.cuts++
	}
}

func (c *cutter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// hold cuts all connections and lets none through until it is undone.
func (c *cutter) hold() (undo func()) {
	c.limit(func() int { return 0 })
	c.cutAll()
	return func() { c.limit(func() int { return -1 }) }
}
