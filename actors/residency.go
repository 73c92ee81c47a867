package actors

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// residency limits the memory that users, servers and channels take together.
// Each of them counts its own weight. When the sum is too much, those that nobody
// has used for a moment leave memory, and a heavy one leaves as soon as it has
// nothing to do.
type residency struct {
	most   int64
	used   atomic.Int64 // bytes, roughly
	called atomic.Bool  // the directories are squeezing
}

// heavy is the weight from which on an entity leaves without having been idle for a while.
const heavy = 256 << 10

func (r *residency) crowded() bool { return r.used.Load() > r.most }

// squeeze makes the idle children of a directory, and of its servers, leave memory. The
// first one comes from the actor whose growth made it too much; the directory then sends
// itself one per squeezeEvery until the sum is low enough.
type squeeze struct{}

// squeezeEvery is the time between two squeezes. A child leaves after being idle for one to
// two of them.
const squeezeEvery = time.Second

// weigh is called after each message and counts what the actor weighs now. An actor that
// was started only for an errand, such as a snapshot, leaves when the errand is done: after
// the provider's start there may be errands for every user, server and channel that the
// journal knows.
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

// leave asks the parent, once, to let the actor leave memory.
func (d *durable) leave(ctx actor.Context) {
	if !d.leaving && d.entity.idle() {
		d.leaving = true
		ctx.Send(ctx.Parent(), &vacant{name: d.entity.called(), idle: true})
	}
}

// unweigh takes the actor's weight out of the sum, at its end or restart.
func (d *durable) unweigh() {
	d.gone = true
	d.node.state.used.Add(-d.weight)
	d.weight = 0
}

// squeeze asks children to rest that were not used since the squeeze before.
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

// onSqueeze squeezes, and comes again as long as the sum is too much.
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
