package actors

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
	"elemental/persistence"
)

// This file is the one place that makes Props: mailbox, recovery from panics
// and supervision of every actor kind.

// Kind is what an actor is.
type Kind = telemetry.Kind

// The actor kinds.
const (
	KindProvider    = telemetry.KindProvider
	KindDirectory   = telemetry.KindDirectory
	KindRouter      = telemetry.KindRouter
	KindPasswords   = telemetry.KindPasswords
	KindPersistence = telemetry.KindPersistence
	KindSession     = telemetry.KindSession
	KindUser        = telemetry.KindUser
	KindServer      = telemetry.KindServer
	KindChannel     = telemetry.KindChannel
)

// props makes the Props of an actor. When the actor panics, whoever asked it is
// answered (guard), and then its parent's supervisor decides. children is the strategy
// for the actor's own children.
func (n *node) props(kind Kind, children actor.SupervisorStrategy, make func() actor.Actor) *actor.Props {
	producer := func() actor.Actor { return &guard{node: n, kind: kind, inner: make()} }
	shared := kind == KindDirectory || kind == KindRouter || kind == KindPersistence
	mailboxes := func() actor.Mailbox { return n.record.Mailbox(n.scheduler, kind, shared) }
	options := []actor.PropsOption{actor.WithMailbox(mailboxes)}
	if children != nil {
		options = append(options, actor.WithSupervisor(children))
	}
	return actor.PropsFromProducer(producer, options...)
}

// labelled is an actor that has a name to show to people.
type labelled interface{ label() string }

// guard stands in front of each actor's Receive. When the actor panics, the guard
// answers whoever asked at once, so that nobody has to wait for a deadline.
type guard struct {
	node     *node
	kind     Kind
	inner    actor.Actor
	stopping bool
	ended    bool
}

// Ended tells the mailbox that nothing is handled any more.
func (g *guard) Ended() bool { return g.ended }

// mender is an actor that makes good what a crash left undone, for messages that nobody
// would send again. msg is the message whose handler crashed; the handler may have done
// any part of its work.
type mender interface {
	mend(ctx actor.Context, msg any)
}

func (g *guard) Receive(ctx actor.Context) {
	if ctx.MessageHeader() != nil {
		g.receiveFollowed(ctx)
		return
	}
	g.receive(ctx)
}

// receiveFollowed handles a message that belongs to a followed request.
func (g *guard) receiveFollowed(ctx actor.Context) {
	if span := g.node.record.Arrive(g.kind, ctx); span != nil {
		defer span.Leave()
		ctx = telemetry.Within(ctx, span)
	}
	g.receive(ctx)
}

func (g *guard) receive(ctx actor.Context) {
	defer g.recovered(ctx)
	msg := ctx.Message()
	if m, ok := msg.(*telemetry.Inspection); ok {
		g.inspected(ctx, m)
		return
	}
	if g.node.cfg.Fault != nil {
		g.node.cfg.Fault(g.kind, msg)
	}
	g.inner.Receive(ctx)
	if g.node.cfg.FaultAfter != nil {
		g.node.cfg.FaultAfter(g.kind, msg)
	}
	g.noteLife(ctx, msg)
}

// noteLife reports the actor's life to the roll. It also stops an actor again that the
// engine has brought back to life: a restart that was due before the stop makes the engine
// forget the stop, and the parent would wait forever.
func (g *guard) noteLife(ctx actor.Context, msg any) {
	switch msg.(type) {
	case *actor.Started:
		if named, ok := g.inner.(labelled); ok {
			g.node.record.Label(ctx.Self(), named.label())
		}
	case *actor.Stopping:
		g.stopping = true
	case *actor.Restarting:
		if g.stopping {
			ctx.Stop(ctx.Self())
		}
	case *actor.Stopped:
		g.ended = true
		g.node.record.Ended(ctx.Self())
	}
}

func (g *guard) recovered(ctx actor.Context) {
	reason := recover()
	if reason == nil {
		return
	}
	msg := ctx.Message()
	g.logPanic(ctx, reason)
	g.node.record.Crashed(ctx.Self(), msg, PlainReason(reason))
	answerForCrashed(ctx, msg)
	g.mend(ctx, msg)
	switch msg.(type) {
	case *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.Terminated:
		// A panic here would bring the actor back to life, or keep it and so its parent from ending.
		g.noteLife(ctx, msg)
		return
	}
	panic(reason)
}

func (g *guard) mend(ctx actor.Context, msg any) {
	defer func() {
		if reason := recover(); reason != nil {
			g.logPanic(ctx, reason)
		}
	}()
	if m, ok := g.inner.(mender); ok {
		m.mend(ctx, msg)
	}
}

// logPanic logs types and places, never what a message holds.
func (g *guard) logPanic(ctx actor.Context, reason any) {
	g.node.log.Error("actor panicked", "kind", string(g.kind), "actor", ctx.Self().Id,
		"message", fmt.Sprintf("%T", ctx.Message()), "reason", PlainReason(reason), "stack", string(debug.Stack()))
}

// PlainReason is what a log may say about a panic. A reason that is an error or a string is
// shown, cut to 500 bytes. Of any other value only the type is shown, since the value may
// hold what somebody has sent.
func PlainReason(reason any) string {
	const most = 500
	text := fmt.Sprintf("%T", reason)
	switch r := reason.(type) {
	case error:
		text = r.Error()
	case string:
		text = r
	}
	return text[:min(len(text), most)]
}

// answerForCrashed answers whoever sent the message whose handler crashed. For persistence it
// may be a second answer, since persistence may have answered before it crashed: the first one
// counts. An Append of a crashed handler may or may not reach the disk.
func answerForCrashed(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case asked:
		m.from().refuse(ctx, OutcomeUnknown)
	case *persistence.Append:
		ctx.Send(m.ReplyTo, &persistence.Rejected{Stream: m.Stream, Epoch: m.Epoch, Seq: m.Event.Seq, Err: errCrashed})
	case *persistence.Recover:
		ctx.Send(m.ReplyTo, &persistence.Recovered{Stream: m.Stream, Ref: m.Ref, Err: errCrashed})
	case *persistence.ReadItems:
		ctx.Send(m.ReplyTo, &persistence.ItemsRead{Stream: m.Stream, Ref: m.Ref, Err: errCrashed})
	case *persistence.SaveSnapshot:
		ctx.Send(m.ReplyTo, &persistence.SnapshotSaved{Stream: m.Stream, Seq: m.Seq, Err: errCrashed})
	case *rest:
		ctx.Send(ctx.Parent(), &stayed{name: m.name})
	case *hashWork:
		ctx.Send(m.ReplyTo, &hashDone{Ref: m.Ref, Refused: Busy})
	case *persistence.Attach: // without a keeper the journal would grow for ever
		sendLater(ctx, attachAgain, m)
	}
}

const attachAgain = 100 * time.Millisecond

// resume keeps a crashed actor with the state that it has and drops the message. It is
// for the few actors whose state is a table that no journal holds.
type resume struct{}

func (resume) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	s.ResumeChildren(child)
}

// keepTables resumes the singletons, except persistence, which is made anew: everything
// that it knows is in the store, and what it sends to itself, such as its timers' messages,
// begins again. An actor that crashed in its first message is made anew too.
type keepTables struct{ restartLater }

func (k keepTables) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, msg any) {
	switch {
	case atStart(msg):
		k.restartLater.HandleFailure(system, s, child, rs, reason, msg)
	case child.Id == rootName+"/"+diskName:
		s.RestartChildren(child)
	default:
		s.ResumeChildren(child)
	}
}

// atStart tells whether the message whose handler crashed is the first one of an actor or
// of its restart.
func atStart(msg any) bool {
	switch msg.(type) {
	case *actor.Started, *actor.Restart:
		return true
	}
	return false
}

// stopChild stops a crashed session; its handler of Stopping closes the connection. A session
// that crashed in its first message is restarted: it does not know its connection yet.
type stopChild struct{ restartLater }

func (c stopChild) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, msg any) {
	if atStart(msg) {
		c.restartLater.HandleFailure(system, s, child, rs, reason, msg)
		return
	}
	s.StopChildren(child)
}

// restartLater restarts a durable actor from the journal: at once the first time, then
// after growing delays. It never gives up.
type restartLater struct{}

const (
	restartWindow   = time.Minute
	firstDelay      = 10 * time.Millisecond
	maxRestartDelay = 5 * time.Second
)

func (restartLater) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, _, _ any) {
	rs.Fail()
	failures := rs.NumberOfFailures(restartWindow)
	if failures <= 1 {
		s.RestartChildren(child)
		return
	}
	delay := min(firstDelay<<min(failures-2, 16), maxRestartDelay)
	crashed, _ := system.ProcessRegistry.Get(child)
	time.AfterFunc(delay, func() {
		if now, _ := system.ProcessRegistry.Get(child); now == crashed { // or its parent has stopped it, and another has its name
			s.RestartChildren(child)
		}
	})
}

// engineLog keeps the engine's Info lines out of the log: they print whole messages, which
// may contain passwords.
func engineLog(log *slog.Logger) actor.ConfigOption {
	quiet := slog.New(levelFloor{Handler: log.Handler()})
	return func(c *actor.Config) {
		c.LoggerFactory = func(*actor.ActorSystem) *slog.Logger { return quiet }
		c.DeadLetterThrottleInterval = time.Millisecond // a goroutine waits that long for each
	}
}

// levelFloor lets only warnings and errors pass.
type levelFloor struct{ slog.Handler }

func (h levelFloor) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}
func (h levelFloor) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelFloor{h.Handler.WithAttrs(attrs)}
}
func (h levelFloor) WithGroup(name string) slog.Handler { return levelFloor{h.Handler.WithGroup(name)} }
