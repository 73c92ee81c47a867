package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"elemental/protocol"
)

// The two goroutines of a connection: write sends what was enqueued, all that
// is there in one go; read takes answers and events apart.

func (c *Conn) write() {
	var batch []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		batch = c.takeOut(batch[:0])
		_ = c.net.SetWriteDeadline(time.Now().Add(c.o.Timeout)) // a closed connection fails in Write
		if _, err := c.net.Write(batch); err != nil {
			c.hearOut()
			c.fail(fmt.Errorf("sending: %w", err))
			return
		}
		const keep = 64 << 10 // a larger buffer is not worth keeping
		if cap(batch) > keep {
			batch = nil
		}
	}
}

// hearOut lets the reader take what came before nothing could be sent any more: the provider may
// have said why it ends, and closing would lose that.
func (c *Conn) hearOut() {
	const lastWords = 2 * time.Second
	select {
	case <-c.readerDone:
	case <-c.done:
	case <-time.After(lastWords):
	}
}

// takeOut swaps the waiting bytes for an empty buffer.
func (c *Conn) takeOut(empty []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.out
	c.out = empty
	for i := len(c.waiting) - 1; i >= 0 && !c.waiting[i].sent; i-- {
		c.waiting[i].sent = true
	}
	return batch
}

func (c *Conn) read() {
	defer close(c.readerDone)
	in := protocol.NewIncomingReader(heardReader{c}, c.codec)
	for {
		heard, err := in.Next()
		if err == nil {
			c.trace(false, func() []byte { return in.AppendMasked(nil) })
			err = c.take(heard)
		}
		if err != nil {
			c.fail(readable(err))
			return
		}
	}
}

// heardReader notes when bytes come.
type heardReader struct{ c *Conn }

func (r heardReader) Read(p []byte) (int, error) {
	n, err := r.c.net.Read(p)
	r.c.lastHeard.Store(time.Now().UnixNano())
	return n, err
}

// silence is for how long nothing has come.
func (c *Conn) silence() time.Duration {
	return time.Since(time.Unix(0, c.lastHeard.Load()))
}

// readable is the end of a stream without what the layers above have added.
func readable(err error) error {
	var wire *net.OpError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errEnded
	case errors.As(err, &wire):
		return wire
	}
	return err
}

// take gives an answer to its waiter and an event to the hearer.
func (c *Conn) take(in *protocol.Incoming) error {
	switch {
	case in.Call == "" || c.isEcho(in):
		return c.answer(in)
	case c.Original():
		return nil // its experimental pushes do not say which server they are of
	case in.Call == protocol.CallDisconnected:
		c.setFinal(in)
	default:
		if e, known := eventOf(in); known {
			c.hear(c, e)
		}
	}
	return nil
}

// isEcho tells an unknown call that came back from an event.
func (c *Conn) isEcho(in *protocol.Incoming) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0 && c.waiting[0].call == in.Call
}

// answer hands an answer over. One without our id is the provider's last word.
func (c *Conn) answer(in *protocol.Incoming) error {
	if w := c.answered(in); w != nil {
		<-c.window
		w.answer <- in
		return nil
	}
	if in.OK || in.Reason == "" || in.ID != nil {
		return errors.New("an answer that belongs to no request")
	}
	c.setFinal(in)
	return nil
}

// answered is the request that an answer belongs to, which waits no more, or
// nil. All that was before a request that cannot be read has been answered:
// it is the first that waits, and each repetition would fare the same.
func (c *Conn) answered(in *protocol.Incoming) *waiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 || !c.fits(in, c.waiting[0]) && !isUnreadable(in) {
		return nil
	}
	w := c.waiting[0]
	c.waiting[0] = nil
	c.waiting = c.waiting[1:]
	if isUnreadable(in) {
		c.final = refusalOf("connection", in)
	}
	return w
}

func isUnreadable(in *protocol.Incoming) bool {
	switch Code(in.Code) {
	case TooLarge, tooDeep, malformed:
		return !in.OK && in.ID == nil
	}
	return false
}

// gaveAllAnswers tells a last word that comes when all that was read is answered: what waits
// then was not read.
func gaveAllAnswers(final *Refusal) bool {
	if final == nil {
		return false
	}
	switch final.Code {
	case TooLarge, tooDeep, malformed, timedOut:
		return true
	}
	return false
}

// fits checks the id where one was sent; the original and the answer to the
// first request of all have none that counts.
func (c *Conn) fits(in *protocol.Incoming, w *waiter) bool {
	return c.Original() || string(in.ID) == fmt.Sprint(w.id)
}

func (c *Conn) setFinal(in *protocol.Incoming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.final = refusalOf("connection", in)
}

// eventOf turns a push into what consumers hear.
func eventOf(in *protocol.Incoming) (Event, bool) {
	switch in.Call {
	case protocol.CallNewMessage:
		return Event{Kind: Posted, Message: Message{
			Server: in.Server, Channel: in.Channel, Index: in.Index,
			Time: time.UnixMicro(int64(in.Time)), Author: in.Author, Text: in.Message,
		}}, true
	case protocol.CallUnsubscribed:
		return Event{
			Kind:    Unsubscribed,
			Message: Message{Server: in.Server, Channel: in.Channel},
			Cause:   refusalOf("subscription", in),
		}, true
	}
	return Event{}, false
}
