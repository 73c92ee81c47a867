package actors

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// residency bounds the memory that users, servers and channels take together.
// Each tells its own weight; when it is too much, those that nobody has used for
// a moment leave memory, and a heavy one as soon as it has nothing to do.
type residency struct {
	most   int64
	used   atomic.Int64 // bytes, roughly
	called atomic.Bool  // the directories are at it
}

// heavy is what one entity weighs that leaves at once.
const heavy = 256 << 10

func (r *residency) crowded() bool { return r.used.Load() > r.most }

// squeeze lets the idle children of a directory, and of its servers, leave. It
// comes from whoever makes it too much, and then from the directory itself once
// a squeezeEvery, until it is not.
type squeeze struct{}

// squeezeEvery is how long a child is idle that has to leave, and twice that at the most.
const squeezeEvery = time.Second

// weigh counts what the actor weighs now, after each message. One that was started for
// an errand alone leaves when it is done: after a start there may be errands for all
// the users, servers and channels that the journal knows.
func (d *durable) weigh(ctx actor.Context) {
	if d.gone {
		return
	}
	if d.errand && !d.used {
		d.leave(ctx)
	}
	r, now := &d.node.state, int64(d.entity.weight())
	change := now - d.weight
	if change != 0 {
		d.weight = now
		r.used.Add(change)
	}
	if !r.crowded() {
		return
	}
	if change > 0 && r.called.CompareAndSwap(false, true) {
		d.node.dir.Squeeze(ctx)
	}
	if now >= heavy {
		d.leave(ctx)
	}
}

// leave asks to leave memory, once.
func (d *durable) leave(ctx actor.Context) {
	if !d.leaving && d.entity.idle() {
		d.leaving = true
		ctx.Send(ctx.Parent(), &vacant{name: d.entity.called(), idle: true})
	}
}

// unweigh takes what the actor weighs out of the count, at its end or restart.
func (d *durable) unweigh() {
	d.gone = true
	d.node.state.used.Add(-d.weight)
	d.weight = 0
}

// squeeze has children rest that were not used since the squeeze before.
func (c *children) squeeze(ctx actor.Context) {
	c.now++
	for name, kid := range c.live {
		if c.kind == KindServer {
			ctx.Send(kid.pid, &squeeze{}) // its channels first: it cannot leave before them
		}
		if c.now-kid.used > 1 {
			c.rest(ctx, name)
		}
	}
}

// onSqueeze squeezes, and comes again while it is too much.
func (d *directory) onSqueeze(ctx actor.Context) {
	d.kids.squeeze(ctx)
	d.squeezeAgain(ctx)
}

func (d *directory) squeezeAgain(ctx actor.Context) {
	if !d.node.state.crowded() {
		d.node.state.called.Store(false)
		return
	}
	if d.again != nil {
		d.again.Stop()
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	d.again = time.AfterFunc(squeezeEvery, func() { root.Send(self, &squeeze{}) })
}
