package persistence

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is about messages that belong to a followed request (see actors/telemetry): it
// reports the batch that they were committed with, and gives each its own answer.

// Followed is the context of a followed message. Only such contexts have headers.
type Followed interface {
	actor.Context
	// Later says that the handling of the message ends only with Later.Done.
	Later() Later
	// Unfollowed is the context for everything that has nothing to do with the message.
	Unfollowed() actor.Context
}

// Later is a followed message that waits for its answer.
type Later interface {
	// Done ends its handling; b is the batch that it was committed with, nil if none.
	Done(b *Batch)
	// Wrap makes the answer a part of the followed request.
	Wrap(answer any) any
}

// Batch is one write to the journal and its sync.
type Batch struct {
	Records, Bytes         int
	Begun, Written, Synced time.Time
}

func followed(ctx actor.Context) Followed {
	if ctx.MessageHeader() == nil {
		return nil
	}
	f, _ := ctx.(Followed)
	return f
}

// following is a followed Append.
type following struct {
	later Later
	ack   int // index of its ack in the batch
	seq   uint64
}

// follow notes that the present Append, which is in e's batch, is followed.
func (c *core) follow(e *stream, m *Append) {
	if c.followed != nil {
		e.batch.following = append(e.batch.following, following{c.followed.Later(), e.ackAt, m.Event.Seq})
	}
}

// tellFollowing answers the followed Appends of a durable batch, each with its own answer.
func (c *core) tellFollowing(b *batch) {
	for len(b.following) > 0 {
		f := b.following[0]
		b.following = b.following[1:] // first: what crashes now is not tried again
		as := b.as
		as.Records, as.Bytes = len(b.recs), len(b.lines)
		f.later.Done(&as)
		a := &b.acks[f.ack]
		c.send(a.to, f.later.Wrap(&Committed{a.of.name, a.epoch, f.seq}))
	}
}

// dropFollowing ends the followed Appends of a batch that is given up.
func (b *batch) dropFollowing() {
	for len(b.following) > 0 {
		f := b.following[0]
		b.following = b.following[1:]
		f.later.Done(nil)
	}
}

// note notes the time, if the batch has followed Appends.
func (b *batch) note(at *time.Time) {
	if len(b.following) > 0 {
		*at = time.Now()
	}
}

// tellItems sends what a worker has read.
func (c *core) tellItems(a itemsRead) {
	if a.later == nil {
		c.send(a.to, a.answer)
		return
	}
	a.later.Done(nil)
	c.send(a.to, a.later.Wrap(a.answer))
}
