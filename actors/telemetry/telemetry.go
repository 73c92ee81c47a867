// Package telemetry is how the living actors are looked at: the roll of them, what each
// does while it is watched, what happens, and the way of a request through all of them.
// The actors tell a Recorder of themselves, and whoever looks has a Look. It knows the
// engine and the mailboxes, and of the actors no more than their kinds. Nothing in it
// changes what an actor does, but for Crash.
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
	Parent   string // "" of the root actor and of the sessions
	Kind     Kind
	Label    string // for people: a channel's name, a session's user; "" where the last part of the ID says it
	Depth    int    // messages in its mailbox
	Children int
	Restarts int    // crashes after which it went on
	Messages uint64 // handled in its life
	Started  time.Time
}

// Observation is what an actor did in a while in which it was watched.
type Observation struct {
	Span     time.Duration // that it covers
	Busy     time.Duration // handling messages
	Depth    int           // of the mailbox at its end
	Types    []ObservedType
	Restarts []Restart // the last of its life, at most 20
	Ended    bool      // the actor is no more
}

// ObservedType is what came of one type of message. The most frequent is first.
type ObservedType struct {
	Message string // its type, without the package
	Place   Place
	Count   uint64
	Waited  Times // in the mailbox
	Handled Times
}

// Times tells of many times.
type Times struct{ P50, P99, Max time.Duration }

// Restart is one crash of an actor.
type Restart struct {
	At      time.Time
	Message string // the type of the one that crashed it
	Reason  string // as actors.PlainReason tells it
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
	Actor  string // its ID, "" where none is concerned
	Kind   Kind
	Detail string // without what anybody has sent
	More   int    // this tells of so many others like it; 0 mostly
}

// TraceID and SpanID are those of W3C Trace Context.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

// Hop is one station of a request that is followed.
type Hop struct {
	Trace              TraceID
	Span, Parent       SpanID
	Where              string // "reader", "session", "directory", "server", "channel", "user", "persistence", "router", "passwords", "hash", "writer"
	Actor              string // its ID; "" outside the actors
	Message            string // its type, without the package
	Place              Place
	Sent, Begun, Ended time.Time // it waited from Sent to Begun, and was handled until Ended
	Batch              *Batch    // of persistence: what it was committed with
	Pushes             int       // of the router: the connections that it was pushed to
	Conn               uint64    // of reader and writer, as are Call and Code
	Call               string
	Code               string // "" for yes
	Lost               int    // of the last one: hops of its request that were too many to be told
}

// Batch is one write of the journal and its sync.
type Batch = persistence.Batch

// Filter says which requests are followed: those of a connection, of a call, or all.
type Filter struct {
	Conn  uint64  // 0 for any
	Call  string  // "" for any
	Share float64 // of them, 0 for the next Count alone
	Count int     // 0 is 1
}
