package persistence

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Actor makes the persistence actor of the store, anew after a crash. All it
// knows is the Store's, so that nothing is lost with it.
func (s *Store) Actor() actor.Actor { return &storeActor{s} }

type storeActor struct{ store *Store }

// Receive never blocks: files are the writer's and the workers' business.
func (a *storeActor) Receive(ctx actor.Context) {
	s := a.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	c := s.core
	c.out = ctx
	if c.inHand != nil {
		c.restarted()
	}
	c.inHand = ctx.Message()
	a.handle(ctx)
	if c.inbox.has.Load() { // the wake may lie behind thousands of appends, and the disk waits
		c.drain()
	}
	c.inHand, c.out = nil, nil
}

func (a *storeActor) handle(ctx actor.Context) {
	c := a.store.core
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.inbox.attach(ctx.ActorSystem(), ctx.Self())
		c.started()
	case *actor.Stopping, *actor.Restarting:
		c.stopTimers()
	case *actor.Stopped:
	default:
		if !c.receive(m) {
			c.log.Warn("message not understood by persistence", "type", fmt.Sprintf("%T", m))
		}
	}
}
