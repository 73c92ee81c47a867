package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ticker sends its owner one message for each call of start or again. The owner calls again
// when it has handled the last one, so a busy owner is not flooded. Before start it does nothing:
// a restarted owner may hear a message of its former life first.
type ticker struct {
	every time.Duration
	msg   any
	timer *time.Timer
}

func (t *ticker) start(ctx actor.Context, every time.Duration, msg any) {
	t.every, t.msg = every, msg
	t.again(ctx)
}

func (t *ticker) again(ctx actor.Context) {
	if t.every == 0 {
		return
	}
	t.stop()
	t.timer = sendLater(ctx, t.every, t.msg)
}

func (t *ticker) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// sendLater sends an actor a message of its own after a while.
func sendLater(ctx actor.Context, after time.Duration, msg any) *time.Timer {
	root, self := ctx.ActorSystem().Root, ctx.Self()
	return time.AfterFunc(after, func() { root.Send(self, msg) })
}
