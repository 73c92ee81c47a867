package persistence

import (
	"errors"
	"reflect"
)

var errPanicked = errors.New("persistence actor restarted")

// started starts the timers, and looks for answers whose wake was lost.
func (c *core) started() {
	c.startTimers()
	c.drain()
	c.writeNext()
}

// restarted makes the state sound after a handler has panicked. Whoever waits for the message
// that was being handled is answered, and what is not on disk is refused. If a batch was on disk
// but only half noted, nothing is written any more.
func (c *core) restarted() {
	msg, answer := c.inHand, c.answer
	c.inHand, c.answer = nil, nil
	c.gathering = false
	c.apologize(msg)
	c.makeUp(answer)
	c.panicked = true
	if b := c.landing; b != nil {
		c.poisoned, c.landing = true, nil
		c.stopWriting(errPanicked)
		b.forgetTold()
		c.refuseBatches([]*batch{b}, unavailable(errPanicked))
	}
	c.abandonAfterPanic()
}

// abandonAfterPanic refuses what a crashed handler may have left half done. It waits until the
// writer has done its job, since what is being written may become durable.
func (c *core) abandonAfterPanic() {
	if c.panicked && !c.writing {
		c.panicked = false
		c.refuseWaiting(unavailable(errPanicked))
		c.writeNext()
	}
}

// apologize answers the message whose handler crashed.
func (c *core) apologize(msg any) {
	if v := reflect.ValueOf(msg); v.Kind() == reflect.Pointer && v.IsNil() {
		return // that was the reason
	}
	err := unavailable(errPanicked)
	switch m := msg.(type) {
	case *Append:
		if e := c.table[m.Stream]; e != nil && e.epoch == m.Epoch && m.Epoch != 0 {
			c.refuse(e, m.Event.Seq, m.ReplyTo, err)
		}
	case *Recover:
		c.send(m.ReplyTo, m.answer(err))
	case *SaveSnapshot:
		c.answerSave(m, err)
	case *ReadItems:
		c.send(m.ReplyTo, &ItemsRead{Stream: m.Stream, Ref: m.Ref, Err: err})
	}
}

// makeUp frees the stream whose worker's answer crashed the handler, and answers who waits for it.
func (c *core) makeUp(answer any) {
	err := unavailable(errPanicked)
	switch a := answer.(type) {
	case recovery:
		a.of.busy = false
		c.send(a.recover.ReplyTo, a.recover.answer(err))
		c.settled(a.of)
	case saved:
		a.of.busy = false
		c.answerSave(a.msg, err)
		c.settled(a.of)
	case removed:
		a.of.busy = false
		c.settled(a.of)
	case itemsRead:
		c.send(a.to, &ItemsRead{Stream: a.answer.Stream, Ref: a.answer.Ref, Err: err})
	}
}
