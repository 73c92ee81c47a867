package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"elemental/protocol"
)

// This file holds the two goroutines of a connection. write sends what was enqueued, all that
// waits in one go. read receives answers and events and hands each to where it belongs.

func (c *Conn) write() {
	var batch []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		batch = c.takeOut(batch[:0])
		_ = c.net.SetWriteDeadline(time.Now().Add(c.o.Timeout)) // if this fails, the connection is closed, and Write fails too
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

// hearOut is called when sending has failed. It gives the reader up to two seconds to take what
// the provider sent before: that may say why it ends the connection, and would be lost by closing
// at once.
func (c *Conn) hearOut() {
	const lastWords = 2 * time.Second
	select {
	case <-c.readerDone:
	case <-c.done:
	case <-time.After(lastWords):
	}
}

// takeOut returns the bytes that wait to be sent, marks their requests as sent, and leaves an
// empty buffer instead.
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

// heardReader reads from the connection and notes when bytes came.
type heardReader struct{ c *Conn }

func (r heardReader) Read(p []byte) (int, error) {
	n, err := r.c.net.Read(p)
	r.c.lastHeard.Store(int64(time.Since(r.c.began)))
	return n, err
}

// silence returns for how long nothing was received.
func (c *Conn) silence() time.Duration {
	return time.Since(c.began) - time.Duration(c.lastHeard.Load())
}

// readable returns the cause of a failed read without what the layers above have added to it.
func readable(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errEnded
	}
	if wire, is := errors.AsType[*net.OpError](err); is {
		return wire
	}
	return err
}

// take hands an answer to the request that waits for it, and an event to the hear function.
func (c *Conn) take(in *protocol.Incoming) error {
	switch {
	case in.Call == "" || c.isEcho(in):
		return c.answer(in)
	case c.Original():
		return nil // the original's experimental pushes do not say which server they belong to
	case in.Call == protocol.CallDisconnected:
		c.setFinal(in)
	default:
		if e, known := eventOf(in); known {
			c.hear(c, e)
		}
	}
	return nil
}

// isEcho reports whether an object is no event but an unknown call that the original provider has
// sent back.
func (c *Conn) isEcho(in *protocol.Incoming) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0 && c.waiting[0].call == in.Call
}

// answer hands an answer to its request. A refusal without an id that belongs to no request is
// what the provider sends last, before it closes the connection.
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

// answered returns the request that an answer belongs to and takes it off the list, or returns
// nil. The provider's complaint that it could not read a request has no id. It comes when all
// earlier requests have been answered, so it belongs to the first that waits. It ends the
// connection, and to repeat that request would fail in the same way.
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

// gaveAllAnswers reports whether the provider's last refusal says that it has answered all that
// it had read. Then the requests that still wait were not read.
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

// fits reports whether an answer has the id of the request. The original provider sends no ids,
// so there any answer fits.
func (c *Conn) fits(in *protocol.Incoming, w *waiter) bool {
	return c.Original() || string(in.ID) == fmt.Sprint(w.id)
}

func (c *Conn) setFinal(in *protocol.Incoming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.final = refusalOf("connection", in)
}

// eventOf turns a push into an Event, and reports false for a push that is not known.
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
