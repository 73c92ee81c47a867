// Package actors is the provider itself: every user, server, channel and
// connection is an actor that owns its state and talks to the others by
// messages. Nothing here knows the wire (that is transport) or the disk (that
// is persistence).
//
//	provider ─┬─ users ─── alice, bob, …        durable    account, session keys, joined servers
//	          ├─ servers ─┬─ gophers, …         durable    owner, password, members, channels, image
//	          │           └── 1, 17, …          durable    a channel, named by its incarnation: messages
//	          ├─ router                         transient  who is online, who is subscribed; sends the pushes
//	          ├─ passwords                      transient  hashes in a few workers, counts wrong passwords
//	          └─ persistence                    one per folder (package persistence)
//	conn/1, conn/2, …                           transient  one session per connection
//
// A durable actor is rebuilt from the journal, a transient one is not.
//
// # The path of a post
//
//	transport → session → servers → server → channel → persistence
//	               ↑                          │  ↑        │
//	               │                          │  └────────┘ on disk
//	               └────── answer ── router ←─┘ publish
//	                                   └──→ the subscribers' outboxes (transport)
//
// The session admits the request (gate), knows who is logged in, and sets the
// author. The server checks membership and forwards. The channel makes an event,
// applies it and hands it to persistence. It also says one message: publish, to
// the router. What a durable actor says leaves it only when everything that it
// decided before is on disk (durable.say). The router pushes the post to the
// subscribers' outboxes and then answers the session.
//
// # Rules
//
//   - One fact, one owner. Membership belongs to the server; a user's list of
//     joined servers follows it (membershipChanged until membershipNoted).
//   - Decide, remember, speak. A handler checks a command against the state and
//     makes one event. Only apply changes state, live and in replay. What the
//     actor says waits for the journal; what happens then is speech alone and
//     changes no durable state. The one exception: a server forgets what it owes a
//     user without an event. After a restart it tells that again, which does no harm.
//   - Users and servers are reached by kind and name (Directory), channels through
//     their server, never by a PID that somebody kept. All that others want of a
//     durable actor passes through its parent, so that it can leave memory without
//     losing a message. Only the answers to its own questions come to its PID, and
//     it stays until it has them.
//   - Messages are never changed after they are sent.
//   - Nothing blocks in a Receive: no file, no socket, no hash, no future.
//   - Work is admitted before it is sent (gate). That bounds the mailboxes.
//
// # When something fails
//
// A refusal is a reply (Refused). Trouble outside, such as a full disk, is
// logged once, and clients hear that storage is unavailable; the actor forgets
// what did not become durable and recovers. A broken invariant panics. Then the
// guard answers whoever asked, at once, and the parent decides: a durable actor
// restarts from the journal, a session is stopped and its connection closed, and
// the few tables that no journal holds (router, passwords, directories) stay as
// they are. What a crash left undone and nobody would ask for again is made good
// by the actor itself (mender).
//
// # Looking at it from outside
//
// The actors report to a telemetry.Recorder, and a Provider offers its Look.
// With Config.Inspect there is a roll of all living actors, and counts by kind
// (Actors, KindCounts). Watch shows of one actor how long its messages wait and
// how long it takes for them. View asks an actor for its state, through its
// mailbox; each actor's file ends with what it shows, which is never a secret nor
// what people write. Feed reports crashes and trouble as they happen. Crash makes
// an actor crash, to see supervision at work. Follow reports each station of a
// request.
package actors

// Where an int has 32 bits, protoactor-go seeks half of all actors at a negative index, and
// panics. So the provider does not build for a system of 32 bits.
const _ int = 1 << 32 // overflows there
