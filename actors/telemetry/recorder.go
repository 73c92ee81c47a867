package telemetry

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
)

// Recorder is what the actors of a node tell of themselves. Its methods may be called by
// anybody, and none of them waits.
type Recorder struct {
	roll      *roll // nil without Options.Inspect
	feed      *feed
	followers followers
	counters  *counters // likewise
}

// Options say what is recorded. Requests can be followed and the feed be heard in any case.
type Options struct {
	Inspect bool     // keep the roll, and count
	Calls   []string // are counted each for itself, if it does
	Codes   []string // of the refusals that the feed tells of
}

// Look is what is seen of a node's actors from outside. All of it may be called at any time.
type Look struct{ of *Recorder }

// NewRecorder makes a node's, before its first actor.
func NewRecorder(system *actor.ActorSystem, o Options) *Recorder {
	r := &Recorder{feed: newFeed(system, o.Codes)}
	if o.Inspect {
		r.roll, r.counters = newRoll(r.feed), newCounters(o.Calls)
	}
	return r
}

// Look is what is to be seen of it.
func (r *Recorder) Look() Look { return Look{r} }

// Mailbox makes an actor's. A shared one is of an actor that everybody waits for.
func (r *Recorder) Mailbox(s *dispatch.Scheduler, kind Kind, shared bool) *dispatch.Mailbox {
	return r.roll.mailbox(s, kind, shared)
}

// Label names an actor for people, where its ID does not; "" takes the name away.
func (r *Recorder) Label(self *actor.PID, text string) { r.roll.label(self, text) }

// Crashed notes that an actor has panicked at a message. The reason holds nothing that anybody has sent.
func (r *Recorder) Crashed(self *actor.PID, msg any, reason string) {
	r.roll.crashed(self, msg, reason)
}

// Passivated counts an actor that its parent has put to rest.
func (r *Recorder) Passivated(kind Kind) { r.roll.passivated(kind) }

// Ended takes an actor off the roll that has stopped.
func (r *Recorder) Ended(self *actor.PID) { r.roll.ended(self) }

// Answered counts a request that has its answer; code is that of a refusal. It took a time
// from its turn in its session on, or is Untimed.
func (r *Recorder) Answered(call, code string, took time.Duration, bytes int) {
	r.counters.answered(call, code, took, bytes)
}

// Counts tells whether anything is counted: Answered, Published and Pushed are for nothing otherwise.
func (r *Recorder) Counts() bool { return r.counters != nil }

// Published counts a message that the router was given.
func (r *Recorder) Published() {
	if r.counters != nil {
		r.counters.posts.Add(1)
	}
}

// Pushed counts the subscribers that were sent one.
func (r *Recorder) Pushed(n int) {
	if r.counters != nil && n > 0 {
		r.counters.pushes.Add(uint64(n))
	}
}

// Heard tells whether anybody hears the feed.
func (r *Recorder) Heard() bool { return r.feed.heard() }

// Happened tells the feed of what has happened to an actor; "" where there is none.
func (r *Recorder) Happened(what, who string, kind Kind, detail string) {
	r.feed.tell(what, who, kind, detail)
}

// Refused tells the feed now and then of a request that was refused, or whose end is unknown,
// for no fault of its sender: by whom, and of which call.
func (r *Recorder) Refused(code string, kind Kind, by *actor.PID, call string) {
	r.feed.refused(code, kind, by, call)
}

// Storage tells the feed that the journal cannot be written, or with nil that it can; who is
// the ID of persistence.
func (r *Recorder) Storage(who string, err error) { r.feed.storage(who, err) }

// Unreadable tells the feed now and then of an actor of which something on disk cannot be read.
func (r *Recorder) Unreadable(who *actor.PID, kind Kind, err error) {
	r.feed.unreadable(who, kind, err)
}

// Following tells whether anybody follows requests.
func (r *Recorder) Following() bool { return r.followers.on.Load() != nil }

// Follow sends a request on its way to its session if somebody wants to follow it, and tells
// whether that is so. Code is that of one that was refused already; its first bytes were read
// at a time, which is zero where nobody has looked.
func (r *Recorder) Follow(root *actor.RootContext, session *actor.PID, conn uint64, call string, request any, code string, read time.Time) bool {
	t := r.followers.choose(conn, call)
	if t == nil {
		return false
	}
	t.begin(root, session, request, code, read)
	return true
}

// Arrive makes the span of a message in an envelope; nil when nobody follows it any more.
func (r *Recorder) Arrive(kind Kind, ctx actor.Context) *Span {
	return r.followers.received(kind, ctx.MessageHeader(), ctx.Self().Id, ctx.Message())
}

// HungUp ends what is followed of a connection that has ended: where there is no answer, it is
// said to be this one.
func (r *Recorder) HungUp(conn uint64, reply any, code string) {
	r.followers.hungUp(conn, reply, code)
}
