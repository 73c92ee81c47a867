package drive

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"elemental/cmd/elemental-load/check"
)

// halted is a provider that is halted for a while. When it goes on, it first sends the
// pushes that are due, and then answers what it was asked meanwhile.
func halted(t *testing.T, push func()) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-over
	})
	go func() {
		defer close(over)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err = bufio.NewReader(conn).ReadString('}'); err == nil {
				push()
				_, _ = io.WriteString(conn, `{"resp":true,"name":"halted"}`) // the client may have gone
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// TestHaltedIsWaitedFor: pushes are not given up while the provider answers nothing.
func TestHaltedIsWaitedFor(t *testing.T) {
	book := check.New("load-abc", 0)
	c := book.Channel("gophers", "general")
	lane, hears := c.Lane(), c.Stream(nil)
	hears.Begin(0)
	stamp := lane.Next(0, 0)
	lane.Acknowledged(stamp.Number, 0)
	address := halted(t, func() {
		if c.Behind(1) == 1 {
			hears.Pushed(0, book.AppendText(nil, stamp, 100))
		}
	})
	w := &Worker{world: &World{Reach: Reach{Address: address, Timeout: time.Minute}}, book: book}
	if !w.awaitPushes(context.Background(), map[*check.Channel]int64{c: 1}) || c.Behind(1) != 0 {
		t.Errorf("the push that came with the first answer was not waited for: %d behind", c.Behind(1))
	}
}
