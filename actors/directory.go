package actors

import (
	"errors"
	"net/url"
	"path"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// Directory reaches users and servers by kind and name. On one node it stands for the two
// directory actors; on several nodes it would also choose the node. Nobody else keeps the PID
// of such an actor.
type Directory interface {
	// Tell sends msg to the entity that it names. The entity is started if it is not
	// in memory. Messages from one sender to one entity keep their order.
	Tell(ctx actor.SenderContext, msg addressed)

	// Squeeze makes idle entities of this node leave memory until they take no more
	// than Config.StateBytes together.
	Squeeze(ctx actor.SenderContext)
}

// addressed is a message that says which entity it is for.
type addressed interface {
	entity() (Kind, string)
}

// localDirectory is the Directory of one node.
type localDirectory struct{ users, servers *actor.PID }

func (d *localDirectory) Tell(ctx actor.SenderContext, msg addressed) {
	if kind, _ := msg.entity(); kind == KindUser {
		ctx.Send(d.users, msg)
		return
	}
	ctx.Send(d.servers, msg)
}

// Squeeze asks both directories to squeeze.
func (d *localDirectory) Squeeze(ctx actor.SenderContext) {
	ctx.Send(d.servers, &squeeze{})
	ctx.Send(d.users, &squeeze{})
}

// directory is the parent of all users, or of all servers. It finds or starts the child
// that a message names. All messages for a child pass through it, so that a child can leave
// memory without losing one. It is transient: children start again when they are needed.
type directory struct {
	node *node
	kids children

	sweeps, squeezes ticker
}

func newDirectory(n *node, kind Kind, make maker) actor.Actor {
	return &directory{node: n, kids: newChildren(n, kind, make)}
}

func (d *directory) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.sweeps.start(ctx, d.node.sweepEvery(), &sweep{})
	case *actor.Stopping, *actor.Restarting:
		d.close(ctx)
	case *actor.Stopped:
	case addressed:
		_, name := m.entity()
		d.kids.deliver(ctx, name, m)
	case *sweep:
		d.kids.sweep(ctx)
		d.sweeps.again(ctx)
	case *squeeze:
		d.onSqueeze(ctx)
	case *stayed:
		d.kids.stayed(ctx, m.name)
	case *vacant:
		d.kids.vacate(ctx, m)
	case *actor.Terminated:
		d.kids.terminated(ctx, m.Who)
	default:
		d.node.unexpected(ctx)
	}
}

// mend does what nobody would ask for again. Without it no child would leave memory any
// more, or a child could not be reached.
func (d *directory) mend(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *actor.Stopping, *actor.Restarting:
		d.close(ctx)
	case *sweep:
		d.sweeps.again(ctx)
	case *squeeze:
		d.squeezeAgain(ctx)
	case *stayed:
		d.kids.stayed(ctx, m.name)
	case *vacant:
		d.kids.vacate(ctx, m)
	case *actor.Terminated:
		d.kids.terminated(ctx, m.Who)
	}
}

// close stops the timers; no child is started any more.
func (d *directory) close(ctx actor.Context) {
	d.sweeps.stop()
	d.squeezes.stop()
	d.kids.close(ctx)
}

// The talk between a parent and a child that may leave memory.
type (
	// sweep is what a parent's own timer sends: look for idle children.
	sweep struct{}
	// rest asks a child to stop if it has nothing to do; the parent holds back what arrives
	// meanwhile. The answer is stayed, or the child's end. A server sends rest to itself once
	// more (again), to handle it after everything else that it has sent to itself.
	rest struct {
		name  string
		again bool
	}
	// stayed answers rest: the child has work and stays.
	stayed struct{ name string }
	// vacant tells the parent that the child need not stay in memory. With idle, nobody
	// needs it now; without, the entity does not exist.
	vacant struct {
		name string
		idle bool
	}
)

// Housekeeping marks what a provider does for itself: no followed request includes it.
func (*sweep) Housekeeping()       {}
func (*squeeze) Housekeeping()     {}
func (*rest) Housekeeping()        {}
func (*stayed) Housekeeping()      {}
func (*vacant) Housekeeping()      {}
func (*saveNow) Housekeeping()     {}
func (*saveChannel) Housekeeping() {}

// children finds or starts the durable children of one parent and makes the idle ones leave
// memory. It belongs to the parent, which calls it only from its handlers.
type children struct {
	node *node
	kind Kind
	make maker
	live map[string]*child
	now  int  // sweeps so far
	shut bool // the parent stops

	unused []string // who is to be asked to rest next
}

// child is a child in memory. When it has not been used for a while or is vacant, it is asked to
// rest. It has either stayed, and gets its backlog, or it ends. Then it is forgotten, and started
// again if there is a backlog.
type child struct {
	pid     *actor.PID
	used    int   // the sweep in which the last message came
	resting bool  // it was asked to rest and has not answered
	missing bool  // it was asked because the entity does not exist
	backlog []any // what arrived meanwhile; the gate bounds it as it bounds all requests
}

// maker returns the function that makes the actor of a child, at its start and at each
// restart. It returns nil if there is no such child.
type maker func(name string) func() actor.Actor

func newChildren(n *node, kind Kind, make maker) children {
	return children{node: n, kind: kind, make: make, live: map[string]*child{}}
}

// close makes sure that no child is started any more. When the parent begins to stop, the
// engine stops its children; it would wait forever for a child that is started later. What is
// held back is refused now: a parent that waits for its state does not look at a child's end.
func (c *children) close(ctx actor.Context) {
	c.shut = true
	for _, kid := range c.live {
		for _, each := range kid.backlog {
			ctx, msg := telemetry.Taken(ctx, each)
			refuseUndone(ctx, msg)
		}
		kid.backlog = nil
	}
}

// refuseUndone answers whoever sent a message that no child will hear.
func refuseUndone(ctx actor.Context, msg any) {
	if m, waits := msg.(asked); waits {
		m.from().refuse(ctx, Busy)
	}
}

func (c *children) deliver(ctx actor.Context, name string, msg any) {
	kid := c.live[name]
	if kid == nil {
		kid = c.start(ctx, name)
	}
	if kid == nil {
		refuseUndone(ctx, msg)
		return
	}
	kid.used = c.now
	if kid.resting {
		kid.backlog = append(kid.backlog, telemetry.Aside(ctx, msg))
		return
	}
	ctx.Send(kid.pid, msg)
}

// start returns nil if there is no such child, or if no child may start any more.
func (c *children) start(ctx actor.Context, name string) *child {
	made := c.make(name)
	if made == nil || c.shut {
		return nil
	}
	props := c.node.props(c.kind, restartLater{}, made)
	pid, err := ctx.SpawnNamed(props, url.PathEscape(name))
	if err != nil && !errors.Is(err, actor.ErrNameExists) { // a crash at its start made the table forget a child
		panic(err)
	}
	kid := &child{pid: pid, used: c.now}
	c.live[name] = kid
	return kid
}

// sweepsToRest is after how many sweeps without a message a child counts as idle.
const sweepsToRest = 4

func (c *children) sweep(ctx actor.Context) {
	c.now++
	if c.node.cfg.Passivate <= 0 {
		return
	}
	c.restUnused(ctx, c.now-sweepsToRest)
}

// restingAtOnce is how many children are asked to rest at a time. Many may become idle at the same
// time, and everybody else would wait for them.
const restingAtOnce = 64

// restUnused asks those to rest that have not been used since a sweep: some now, and another one
// whenever one has answered or ended.
func (c *children) restUnused(ctx actor.Context, since int) {
	c.unused = nil
	for name, kid := range c.live {
		if !kid.resting && kid.used < since {
			c.unused = append(c.unused, name)
		}
	}
	for range restingAtOnce {
		c.restNext(ctx)
	}
}

func (c *children) restNext(ctx actor.Context) {
	if len(c.unused) > 0 {
		name := c.unused[0]
		c.unused = c.unused[1:]
		c.rest(ctx, name)
	}
}

func (c *children) rest(ctx actor.Context, name string) {
	if kid := c.live[name]; kid != nil && !kid.resting {
		ctx.Send(kid.pid, &rest{name: name})
		kid.resting = true // last: who counts as asked and was not would never answer
	}
}

// vacate asks a child to rest that has said it need not stay.
func (c *children) vacate(ctx actor.Context, m *vacant) {
	if kid := c.live[m.name]; kid != nil {
		kid.missing = !m.idle
		c.rest(ctx, m.name)
	}
}

func (c *children) stayed(ctx actor.Context, name string) {
	kid := c.live[name]
	if kid == nil {
		return
	}
	kid.resting, kid.missing, kid.used = false, false, c.now
	for len(kid.backlog) > 0 {
		ctx, msg := telemetry.Taken(ctx, kid.backlog[0])
		kid.backlog = kid.backlog[1:] // before it is sent: after a crash it must not be sent again
		ctx.Send(kid.pid, msg)
	}
	kid.backlog = nil
	c.restNext(ctx)
}

// terminated forgets a child that has stopped. If messages arrived for it meanwhile, it is
// started again for them.
func (c *children) terminated(ctx actor.Context, who *actor.PID) {
	name, err := url.PathUnescape(path.Base(who.Id)) // see start
	kid := c.live[name]
	if _, alive := ctx.ActorSystem().ProcessRegistry.Get(who); err != nil || kid == nil || alive {
		return // we were told twice; a new child of that name may have begun
	}
	if kid.resting && !kid.missing {
		c.node.record.Passivated(c.kind)
	}
	delete(c.live, name)
	for _, each := range kid.backlog {
		ctx, msg := telemetry.Taken(ctx, each)
		c.deliver(ctx, name, msg)
	}
	c.restNext(ctx)
}

// directoryView is a directory's view.
type directoryView struct {
	Of       Kind           `json:"of"`
	Sweeps   int            `json:"sweeps"`
	Children few[childView] `json:"children"`
}

type childView struct {
	Name    string `json:"name"`
	Idle    int    `json:"idleSweeps"` // sweeps since somebody wanted it
	Resting bool   `json:"resting"`    // asked to leave memory
	Held    int    `json:"held"`       // messages that wait for its answer
}

func (d *directory) view() any {
	return directoryView{Of: d.kids.kind, Sweeps: d.kids.now, Children: d.kids.view()}
}

func (c *children) view() few[childView] {
	return someOf(c.live, func(name string, kid *child) childView {
		return childView{Name: name, Idle: c.now - kid.used, Resting: kid.resting, Held: len(kid.backlog)}
	})
}
