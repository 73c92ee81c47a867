package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ticker sends its owner one sweep for each call of start or again. The owner calls again
// when it has handled the last one, so a busy owner is not flooded. Before start it does nothing:
// a restarted owner may hear a sweep of its former life first.
type ticker struct {
	every time.Duration
	timer *time.Timer
}

func (t *ticker) start(ctx actor.Context, every time.Duration) {
	t.every = every
	t.again(ctx)
}

func (t *ticker) again(ctx actor.Context) {
	if t.every == 0 {
		return
	}
	t.stop()
	root, self := ctx.ActorSystem().Root, ctx.Self()
	t.timer = time.AfterFunc(t.every, func() { root.Send(self, &sweep{}) })
}

func (t *ticker) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}
