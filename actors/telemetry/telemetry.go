// Package telemetry is how running actors are observed: the roll of all living actors, what
// one of them does while it is watched, the feed of what happens, and the path of a request
// through all of them. The actors report to a Recorder; whoever wants to see something has a
// Look. The package knows the engine and the mailboxes, but of our actors only their kinds.
// Nothing in it changes what an actor does, except Crash.
package telemetry

import (
	"time"

	"elemental/persistence"
)

// Kind names an actor kind, in logs and for fault injection.
type Kind string

// The actor kinds.
const (
	KindProvider    Kind = "provider"
	KindDirectory   Kind = "directory"
	KindRouter      Kind = "router"
	KindPasswords   Kind = "passwords"
	KindPersistence Kind = "persistence"
	KindSession     Kind = "session"
	KindUser        Kind = "user"
	KindServer      Kind = "server"
	KindChannel     Kind = "channel"
)

// ActorInfo is one living actor.
type ActorInfo struct {
	ID       string // the engine's: "provider/servers/gophers/1", "conn/7"
	Parent   string // "" for the root actor and the sessions
	Kind     Kind
	Label    string // a name for people: a channel's name, a session's user; "" if the last part of the ID says it
	Depth    int    // messages in its mailbox
	Children int
	Restarts int    // crashes after which it went on
	Messages uint64 // that it has handled since it started
	Started  time.Time
}

// Observation is what a watched actor did during Span.
type Observation struct {
	Span     time.Duration
	Busy     time.Duration  // time spent handling messages
	Depth    int            // messages in the mailbox at the end
	Types    []ObservedType // by type of message, the most frequent first
	Restarts []Restart      // the actor's last crashes, at most 20
	Ended    bool           // the actor does not exist any more
}

// ObservedType is what was observed of one type of message.
type ObservedType struct {
	Message string // the type, without the package
	Place   Place
	Count   uint64
	Waited  Times // how long messages waited in the mailbox
	Handled Times // how long their handling took
}

// Times summarizes many durations.
type Times struct{ P50, P99, Max time.Duration }

// Restart is one crash of an actor.
type Restart struct {
	At      time.Time
	Message string // the type of the message that the actor handled
	Reason  string // as actors.PlainReason puts it
}

// Place is where a message is handled. File is relative to the module.
type Place struct {
	File     string
	Line     int
	Function string
}

// Happening is something that an operator may want to see as it happens.
type Happening struct {
	At     time.Time
	What   string // "panic", "restart", "stopped", "deadletter", "busy", "storage", "slow-reader"
	Actor  string // the ID of the actor concerned, "" for none
	Kind   Kind
	Detail string // never contains what anybody has sent
	More   int    // if not 0, this stands for so many more that were not told one by one
}

// TraceID and SpanID are as in W3C Trace Context.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

// Hop is one station on the way of a followed request.
type Hop struct {
	Trace              TraceID
	Span, Parent       SpanID
	Where              string // "reader", "session", "directory", "server", "channel", "user", "persistence", "router", "passwords", "hash", "writer"
	Actor              string // the actor's ID; "" if it is no actor
	Message            string // the message's type, without the package
	Place              Place
	Sent, Begun, Ended time.Time // it waited from Sent to Begun, and was handled until Ended
	Batch              *Batch    // for persistence: the batch that the event was committed with
	Pushes             int       // for the router: the number of connections that it was pushed to
	Conn               uint64    // for reader and writer, like Call and Code
	Call               string
	Code               string // of a refusal; "" for success
	Lost               int    // for the last hop: how many hops of the request were left out
}

// Batch is one write to the journal and its sync.
type Batch = persistence.Batch

// Filter selects the requests that are followed.
type Filter struct {
	Conn  uint64  // only those of this connection; 0 for any
	Call  string  // only those of this call; "" for any
	Share float64 // this share of them; 0 for the next Count ones
	Count int     // 0 means 1
}
