package persistence

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how persistence tells of messages whose way through the actors is
// followed: what they were committed with, and which answer is theirs.

// Followed is the context of a message that is followed; no other has headers.
type Followed interface {
	actor.Context
	// Later says that the message is done with only when Later.Done is called.
	Later() Later
	// Unfollowed is the context for what has nothing to do with the message.
	Unfollowed() actor.Context
}

// Later is a message that is followed and waits for its answer.
type Later interface {
	// Done ends its stay; b is the batch that it was committed with, nil for none.
	Done(b *Batch)
	// Wrap makes the answer one that is followed too.
	Wrap(answer any) any
}

// Batch is one write of the journal and its sync.
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

// following is an Append that is followed.
type following struct {
	later Later
	ack   int // its place in the batch's
	seq   uint64
}

// follow notes that the Append in hand, which is in e's batch, is followed.
func (c *core) follow(e *stream, m *Append) {
	if c.followed != nil {
		e.batch.following = append(e.batch.following, following{c.followed.Later(), e.ackAt, m.Event.Seq})
	}
}

// tellFollowing answers those of a durable batch that are followed, each by itself.
func (c *core) tellFollowing(b *batch) {
	for _, f := range b.following {
		as := b.as
		as.Records, as.Bytes = len(b.recs), len(b.lines)
		f.later.Done(&as)
		a := &b.acks[f.ack]
		c.send(a.to, f.later.Wrap(&Committed{a.of.name, a.epoch, f.seq}))
	}
}

// dropFollowing ends those of a batch that is given up.
func (b *batch) dropFollowing() {
	for _, f := range b.following {
		f.later.Done(nil)
	}
	b.following = nil
}

// note notes the time where somebody wants to know.
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
