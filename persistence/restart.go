package persistence

import (
	"errors"
	"reflect"
)

var (
	errPanicked = errors.New("persistence actor restarted")
	errPoisoned = errors.New("persistence crashed while it noted what is on disk: restart the provider")
)

// started starts the timers, and looks for answers whose wake was lost.
func (c *core) started() {
	c.gathering = false // the message that would end it may have been lost
	c.startTimers()
	c.drain()
	c.writeNext()
}

// done stands for a message that needs no answer any more.
type done struct{}

// restarted makes the state sound after a handler has panicked: whoever waits for its message is
// answered, and what is not on disk is refused. If a batch on disk was only half noted, nothing is
// written any more. If this panics too, it is called again and goes on with what is left.
func (c *core) restarted() {
	msg, answer := c.inHand, c.answer
	c.inHand, c.answer = done{}, nil
	c.panicked, c.gathering = true, false
	c.apologize(msg)
	c.makeUp(answer)
	if b := c.landing; b != nil {
		b.forgetTold()
		c.givenUp = append(c.givenUp, b)
		c.poisoned, c.landing = true, nil
		c.stopWriting(errPoisoned)
		c.refuseBatches(unavailable(errPanicked))
	}
	c.abandonAfterPanic()
}

// abandonAfterPanic refuses what a crashed handler may have left half done. It waits until the
// writer has done its job, since what is being written may become durable.
func (c *core) abandonAfterPanic() {
	if c.panicked && !c.writing {
		c.refuseWaiting(unavailable(errPanicked))
		c.panicked = false
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
