package client

import (
	"net"
	"testing"
	"testing/synctest"
)

// TestWhoCannotSendIsHeardOut has a connection that can send no more while its reader has not yet
// read what the provider said before it ended: closing at once would lose that.
func TestWhoCannotSendIsHeardOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		_ = far.Close() // of a pipe it says nothing
		c := &Conn{net: near, wake: make(chan struct{}, 1), done: make(chan struct{}), readerDone: make(chan struct{})}
		c.wake <- struct{}{}
		go c.write()
		synctest.Wait()
		if c.Err() != nil {
			t.Fatalf("it has ended before all was heard: %v", c.Err())
		}
		close(c.readerDone)
		synctest.Wait()
		if c.Err() == nil {
			t.Error("it goes on")
		}
	})
}
