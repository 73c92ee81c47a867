package actors

import (
	"net/url"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// Directory reaches durable actors by kind and name. On one node it is the two
// directory actors; on several it can be a cluster. Nobody keeps the PID of
// another domain's actor.
type Directory interface {
	// Tell sends msg to the entity that it names, which is started when it is
	// not in memory. Messages of one sender to one entity keep their order.
	Tell(ctx actor.SenderContext, msg addressed)

	// Squeeze has entities of this node that are idle leave memory, until there
	// is not too much in it any more.
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

// Squeeze asks both directories.
func (d *localDirectory) Squeeze(ctx actor.SenderContext) {
	ctx.Send(d.servers, &squeeze{})
	ctx.Send(d.users, &squeeze{})
}

// directory is the parent of all users, or of all servers: it finds or starts
// the child that a message names. All messages for a child pass through it,
// so that a child can be put to rest without losing one. Transient: children
// start again when they are needed.
type directory struct {
	node *node
	kids children
	tick ticker

	again *time.Timer // the next squeeze
}

func newDirectory(n *node, kind Kind, make maker) actor.Actor {
	return &directory{node: n, kids: newChildren(n, kind, make)}
}

func (d *directory) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.tick.start(ctx, d.node.sweepEvery())
	case *actor.Stopping, *actor.Restarting:
		d.close()
	case *actor.Stopped:
	case addressed:
		_, name := m.entity()
		d.kids.deliver(ctx, name, m)
	case *sweep:
		d.kids.sweep(ctx)
		d.tick.again(ctx)
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

// mend does what nobody would ask for again: without it no child would leave
// memory any more, or one could not be reached.
func (d *directory) mend(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *actor.Stopping, *actor.Restarting:
		d.close()
	case *sweep:
		d.tick.again(ctx)
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

// close lets go of timers, and starts no child any more.
func (d *directory) close() {
	d.tick.stop()
	if d.again != nil {
		d.again.Stop()
	}
	d.kids.close()
}

// The talk between a parent and a child that may leave memory.
type (
	// sweep is the parent's own tick.
	sweep struct{}
	// rest asks a child to stop if nothing is under way. From then on the
	// parent holds back what arrives for it. Answered by stayed, or by its end. A server
	// says it to itself again, to come behind what else it has said to itself.
	rest struct {
		name  string
		again bool
	}
	// stayed answers rest: the child has work.
	stayed struct{ name string }
	// vacant tells the parent that the actor need not stay: the entity does not exist, or
	// idle says that it does, and nobody needs it in memory.
	vacant struct {
		name string
		idle bool
	}
)

// What a provider does for itself is followed for nobody.
func (*sweep) Housekeeping()       {}
func (*squeeze) Housekeeping()     {}
func (*rest) Housekeeping()        {}
func (*stayed) Housekeeping()      {}
func (*vacant) Housekeeping()      {}
func (*saveNow) Housekeeping()     {}
func (*saveChannel) Housekeeping() {}

// children finds or starts the durable children of one parent and passivates
// the idle ones. The parent owns it and calls it from its handlers alone.
type children struct {
	node *node
	kind Kind
	make maker
	live map[string]*child
	ids  map[string]string // PID id → name
	now  int               // sweeps so far
	shut bool              // the parent stops
}

type child struct {
	pid     *actor.PID
	used    int // sweep of the last message
	resting bool
	nobody  bool  // it rests since the entity does not exist
	held    []any // arrived while resting; as bounded as the requests in flight are
}

// maker makes what makes a child's actor, at its start and at each restart; nil for no child.
type maker func(name string) func() actor.Actor

func newChildren(n *node, kind Kind, make maker) children {
	return children{node: n, kind: kind, make: make, live: map[string]*child{}, ids: map[string]string{}}
}

// close ends starting. The engine stops the children that there are when the
// parent begins to stop; one started later would keep the parent for ever.
func (c *children) close() { c.shut = true }

func (c *children) deliver(ctx actor.Context, name string, msg any) {
	kid := c.live[name]
	if kid == nil {
		kid = c.start(ctx, name)
	}
	if kid == nil {
		if m, ok := msg.(asked); ok {
			m.from().refuse(ctx, Busy)
		}
		return
	}
	kid.used = c.now
	if kid.resting {
		kid.held = append(kid.held, telemetry.Aside(ctx, msg))
		return
	}
	ctx.Send(kid.pid, msg)
}

// start returns nil where there is no such child, or none is to begin any more.
func (c *children) start(ctx actor.Context, name string) *child {
	made := c.make(name)
	if made == nil || c.shut {
		return nil
	}
	props := c.node.props(c.kind, restartLater{}, made)
	pid, err := ctx.SpawnNamed(props, url.PathEscape(name))
	if err != nil {
		panic(err) // two live children of one name: the table is wrong
	}
	kid := &child{pid: pid, used: c.now}
	c.live[name] = kid
	c.ids[pid.Id] = name
	return kid
}

// sweepsToRest is how many sweeps without a message make a child idle.
const sweepsToRest = 4

func (c *children) sweep(ctx actor.Context) {
	c.now++
	if c.node.cfg.Passivate <= 0 {
		return
	}
	for name, kid := range c.live {
		if c.now-kid.used > sweepsToRest {
			c.rest(ctx, name)
		}
	}
}

func (c *children) rest(ctx actor.Context, name string) {
	if kid := c.live[name]; kid != nil && !kid.resting {
		kid.resting = true
		ctx.Send(kid.pid, &rest{name: name})
	}
}

// vacate puts a child to rest that said it need not stay.
func (c *children) vacate(ctx actor.Context, m *vacant) {
	if kid := c.live[m.name]; kid != nil {
		kid.nobody = !m.idle
		c.rest(ctx, m.name)
	}
}

func (c *children) stayed(ctx actor.Context, name string) {
	kid := c.live[name]
	if kid == nil {
		return
	}
	kid.resting, kid.nobody, kid.used = false, false, c.now
	for _, held := range kid.held {
		ctx, msg := telemetry.Taken(ctx, held)
		ctx.Send(kid.pid, msg)
	}
	kid.held = nil
}

// terminated forgets a child that has stopped, or starts it anew for what
// arrived meanwhile.
func (c *children) terminated(ctx actor.Context, who *actor.PID) {
	name, ours := c.ids[who.Id]
	if _, alive := ctx.ActorSystem().ProcessRegistry.Get(who); !ours || alive {
		return // told twice, and another of that name has begun
	}
	held := c.live[name].held
	if kid := c.live[name]; kid.resting && !kid.nobody {
		c.node.record.Passivated(c.kind)
	}
	delete(c.ids, who.Id)
	delete(c.live, name)
	for _, each := range held {
		ctx, msg := telemetry.Taken(ctx, each)
		c.deliver(ctx, name, msg)
	}
}

// directoryView is a directory's view.
type directoryView struct {
	Of       Kind           `json:"of"`
	Sweeps   int            `json:"sweeps"`
	Children few[childView] `json:"children"`
}

type childView struct {
	Name    string `json:"name"`
	Idle    int    `json:"idleSweeps"` // since somebody wanted it
	Resting bool   `json:"resting"`    // asked to leave memory
	Held    int    `json:"held"`       // messages that wait for what comes of that
}

func (d *directory) view() any {
	return directoryView{Of: d.kids.kind, Sweeps: d.kids.now, Children: d.kids.view()}
}

func (c *children) view() few[childView] {
	return someOf(c.live, func(name string, kid *child) childView {
		return childView{Name: name, Idle: c.now - kid.used, Resting: kid.resting, Held: len(kid.held)}
	})
}
