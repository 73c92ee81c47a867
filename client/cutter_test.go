package client_test

import (
	"net"
	"sync"
	"testing"
)

// cutter stands between a client and a provider and cuts connections in the
// middle of what is being said.
type cutter struct {
	t        testing.TB
	listener net.Listener
	provider string

	mu    sync.Mutex
	after func() int // bytes that the next connection may carry from the provider; below 0 any number
	pairs map[net.Conn]net.Conn
	cuts  int
	wg    sync.WaitGroup

	swallowing bool
}

// newCutter passes everything on until told otherwise.
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

// pass copies until an end, or until most bytes went through, or until an
// answer is to be swallowed; then both sides are closed.
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

// end closes both sides, whichever ended.
func (c *cutter) end(near net.Conn, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cut {
		c.cuts++
	}
	c.close(near)
}

// swallow cuts the connection that carries the next answer, in its place.
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

// cutAll cuts what there is now.
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

// hold cuts what there is and lets nobody through until it is undone.
func (c *cutter) hold() (undo func()) {
	c.limit(func() int { return 0 })
	c.cutAll()
	return func() { c.limit(func() int { return -1 }) }
}
