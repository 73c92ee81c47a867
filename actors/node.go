package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
)

// node is what the actors of one process share: settings, and the addresses of
// the few singletons. It is written before the first session begins and never
// changed afterwards.
type node struct {
	cfg       Config
	log       *slog.Logger
	system    *actor.ActorSystem
	store     *persistence.Store
	encoder   Encoder
	gate      *gate
	state     residency
	refs      atomic.Uint64 // the last one that ref gave
	scheduler *dispatch.Scheduler
	record    *telemetry.Recorder
	info      any // the ProviderInfo

	dir       Directory
	disk      *actor.PID // persistence
	router    *actor.PID
	passwords *actor.PID
	pool      *hashPool
}

var errCrashed = errors.New("the handler crashed")

// ref numbers a question of a durable actor to another actor. Numbers grow and none is used
// twice, so a restarted actor never mistakes the answer to a question it asked before its
// restart for the answer to a new one.
func (n *node) ref() uint64 { return n.refs.Add(1) }

// sweepEvery is how often parents look for idle children.
func (n *node) sweepEvery() time.Duration {
	if n.cfg.Passivate <= 0 {
		return time.Minute
	}
	return n.cfg.Passivate / sweepsToRest
}

// wall is the time of day, for what is stored or shown. Somebody may set the clock while
// the provider runs, so pauses and deadlines never use it.
func (n *node) wall() time.Time {
	if n.cfg.Now != nil {
		return n.cfg.Now()
	}
	return time.Now()
}

// unheard answers whoever asked an actor that has ended before it came to the question, such as
// the channels of a server that crashes. Nothing was done.
func (n *node) unheard(msg any) {
	if m, ok := actor.UnwrapEnvelopeMessage(msg).(asked); ok {
		m.from().answer(n.system.Root, Refused{Code: Busy})
	}
}

// unexpected is the default case of every actor. A message that nobody handles is a
// bug: it must not be silent, and whoever sent it must not wait for an answer.
func (n *node) unexpected(ctx actor.Context) {
	n.log.Error("unexpected message", "actor", ctx.Self().Id, "message", fmt.Sprintf("%T", ctx.Message()))
	if m, ok := ctx.Message().(asked); ok {
		m.from().refuse(ctx, UnknownCall)
	}
}
