package actors

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// residency limits the memory that users, servers and channels take together. Each of them counts
// its own weight. When the sum is too much, those that nobody has used for a moment leave memory,
// and a heavy one leaves as soon as it has nothing to do.
type residency struct {
	most      int64
	used      atomic.Int64 // bytes, roughly
	squeezing atomic.Bool  // the directories make idle ones leave
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

// use is the best reason to be in memory that an actor's messages have given it.
type use int

const (
	unused    use = iota
	housekept     // the provider wants something of it, such as a snapshot
	used          // somebody else does
)

// noteUse notes whether a message is a reason to be in memory. What a parent, the children and
// persistence say is none.
func (d *durable) noteUse(msg any) {
	switch msg.(type) {
	case *rest:
		return
	case *saveNow, *saveChannel, *membershipChanged:
		d.use = max(d.use, housekept)
	case *membershipNoted, *membershipRefused, *persistence.SnapshotSaved, *stayed, *vacant, *sweep, *squeeze, *actor.Terminated:
	default:
		d.use = used
	}
	d.leaving = false
}

// weigh is called after each message and counts what the actor weighs now. An actor that
// only housekeeping has started leaves when that is done: after the provider's start every
// user, server and channel that the journal knows may be started for it.
func (d *durable) weigh(ctx actor.Context) {
	if d.uncounted {
		return
	}
	if d.use == housekept {
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
	if change > 0 && r.squeezing.CompareAndSwap(false, true) {
		d.squeeze(ctx)
	}
	if now >= heavy {
		d.leave(ctx)
	}
}

// squeeze makes the directories squeeze. If it crashes first, the next one who grows tries again.
func (d *durable) squeeze(ctx actor.Context) {
	asked := false
	defer func() {
		if !asked {
			d.node.state.squeezing.Store(false)
		}
	}()
	d.node.dir.Squeeze(ctx)
	asked = true
}

// leave asks the parent, once, to let the actor leave memory.
func (d *durable) leave(ctx actor.Context) {
	if !d.leaving && d.entity.idle() {
		d.leaving = true
		ctx.Send(ctx.Parent(), &vacant{name: d.entity.called(), idle: true})
	}
}

// onRest answers the parent. A server has its own.
func (d *durable) onRest(ctx actor.Context) {
	if d.entity.idle() {
		ctx.Stop(ctx.Self())
		return
	}
	ctx.Send(ctx.Parent(), &stayed{name: d.entity.called()})
}

// unweigh takes the actor's weight out of the sum, at its end or restart.
func (d *durable) unweigh() {
	d.uncounted = true
	d.node.state.used.Add(-d.weight)
	d.weight = 0
}

// squeeze asks children to rest that were not used since the squeeze before.
func (c *children) squeeze(ctx actor.Context) {
	c.now++
	if c.kind == KindServer {
		for _, kid := range c.live {
			ctx.Send(kid.pid, &squeeze{}) // its channels first: it cannot leave before them
		}
	}
	c.restUnused(ctx, c.now-1)
}

// onSqueeze squeezes, and comes again as long as the sum is too much.
func (d *directory) onSqueeze(ctx actor.Context) {
	d.kids.squeeze(ctx)
	d.squeezeAgain(ctx)
}

func (d *directory) squeezeAgain(ctx actor.Context) {
	if !d.node.state.crowded() {
		d.node.state.squeezing.Store(false)
		return
	}
	d.squeezes.start(ctx, squeezeEvery, &squeeze{})
}
