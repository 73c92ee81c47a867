package telemetry

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
)

// Recorder takes what the actors of a node report of themselves. Any goroutine may call its
// methods, and none of them waits.
type Recorder struct {
	roll      *roll // nil without Options.Inspect
	feed      *feed
	followers followers
	counters  *counters // nil without Options.Inspect
}

// Options say what is recorded. The feed and following requests work in any case.
type Options struct {
	Inspect bool     // keep the roll, and count
	Calls   []string // the calls that are counted separately, with Inspect
	Codes   []string // the refusals that are reported to the feed
}

// Look shows a node's actors to those outside. All its methods may be called at any time.
type Look struct{ of *Recorder }

// NewRecorder makes the Recorder of a node. It has to exist before the first actor.
func NewRecorder(system *actor.ActorSystem, o Options) *Recorder {
	r := &Recorder{feed: newFeed(system, o.Codes)}
	if o.Inspect {
		r.roll, r.counters = newRoll(r.feed), newCounters(o.Calls)
	}
	return r
}

// Look returns what there is to see.
func (r *Recorder) Look() Look { return Look{r} }

// Mailbox makes the mailbox of an actor. shared is for actors that everybody waits for.
func (r *Recorder) Mailbox(s *dispatch.Scheduler, kind Kind, shared bool) *dispatch.Mailbox {
	return r.roll.mailbox(s, kind, shared)
}

// Label gives an actor a name for people, in addition to its ID; "" takes the name away.
func (r *Recorder) Label(self *actor.PID, text string) { r.roll.label(self, text) }

// Crashed notes that an actor has panicked while it handled msg. The reason must not contain
// what anybody has sent.
func (r *Recorder) Crashed(self *actor.PID, msg any, reason string) {
	r.roll.crashed(self, msg, reason)
}

// Passivated counts an actor that has left memory because nobody used it.
func (r *Recorder) Passivated(kind Kind) { r.roll.passivated(kind) }

// Ended takes an actor that has stopped off the roll.
func (r *Recorder) Ended(self *actor.PID) { r.roll.ended(self) }

// Answered counts a request that was answered; code is "" unless it was refused, and took is
// the time since it began in its session, or Untimed.
func (r *Recorder) Answered(call, code string, took time.Duration, bytes int) {
	r.counters.answered(call, code, took, bytes)
}

// Counts tells whether anything is counted. If not, Answered must not be called.
func (r *Recorder) Counts() bool { return r.counters != nil }

// Published counts a message that was posted.
func (r *Recorder) Published() {
	if r.counters != nil {
		r.counters.posts.Add(1)
	}
}

// Pushed counts n pushes.
func (r *Recorder) Pushed(n int) {
	if r.counters != nil && n > 0 {
		r.counters.pushes.Add(uint64(n))
	}
}

// Heard tells whether anybody listens to the feed.
func (r *Recorder) Heard() bool { return r.feed.heard() }

// Happened tells the feed what has happened to an actor; who is "" if it concerns none.
func (r *Recorder) Happened(what, who string, kind Kind, detail string) {
	r.feed.tell(what, who, kind, detail)
}

// Refused tells the feed that a request was refused, or that its outcome is unknown, through
// no fault of its sender: by which actor, and which call it was. Of many in a second, only
// the first is told by itself.
func (r *Recorder) Refused(code string, kind Kind, by *actor.PID, call string) {
	s := r.feed.refusals[code]
	if s == nil || !r.feed.heard() {
		return
	}
	detail := code
	if call != "" {
		detail += ": " + call
	}
	s.tell(Happening{What: "busy", Actor: by.Id, Kind: kind, Detail: detail})
}

// Storage tells the feed that the journal cannot be written or, if err is nil, that it can be
// written again; who is the ID of persistence.
func (r *Recorder) Storage(who string, err error) {
	detail := "written again"
	if err != nil {
		detail = err.Error()
	}
	r.feed.tell("storage", who, KindPersistence, detail)
}

// Unreadable tells the feed that something of an actor cannot be read from disk. Of many in a
// second, only the first few are told by themselves.
func (r *Recorder) Unreadable(who *actor.PID, kind Kind, err error) {
	if r.feed.heard() {
		r.feed.damages.tell(Happening{What: "storage", Actor: who.Id, Kind: kind, Detail: "cannot be read: " + err.Error()})
	}
}

// Following tells whether anybody follows requests.
func (r *Recorder) Following() bool { return r.followers.on.Load() != nil }

// Follow tells whether somebody wants to follow a request. If so, it also sends the request to
// its session. code is that of a request that was refused already. read is when the first
// bytes of the request were read; zero if nobody noted the time.
func (r *Recorder) Follow(root *actor.RootContext, session *actor.PID, conn uint64, call string, request any, code string, read time.Time) bool {
	t := r.followers.choose(conn, call)
	if t == nil {
		return false
	}
	t.begin(root, session, request, code, read)
	return true
}

// Arrive makes the span of a message that came in an envelope; nil if nobody follows it any
// more.
func (r *Recorder) Arrive(kind Kind, ctx actor.Context) *Span {
	return r.followers.received(kind, ctx.MessageHeader(), ctx.Self().Id, ctx.Message())
}

// HungUp ends the following of all requests of a connection that has ended. Requests without
// an answer are reported with this one.
func (r *Recorder) HungUp(conn uint64, reply any, code string) {
	r.followers.hungUp(conn, reply, code)
}
