// Package actors is the provider itself: every user, server, channel and
// connection is an actor that owns its state and talks to the others by
// messages. Nothing here knows the wire (that is transport) or the disk (that
// is persistence).
//
//	provider ─┬─ users ─── alice, bob, …        durable    account, session keys, joined servers
//	          ├─ servers ─┬─ gophers, …         durable    owner, password, members, channels, image
//	          │           └── 1, 17, …          durable    a server's channels by incarnation: messages
//	          ├─ router                         transient  who is online, who is subscribed; fans pushes out
//	          ├─ passwords                      transient  hashes in a few workers, counts wrong ones
//	          └─ persistence                    one per folder (package persistence)
//	conn/1, conn/2, …                           transient  a session for each connection
//
// # The path of a post
//
//	transport → session → servers → server → channel → persistence
//	                                            │  (on disk)  │
//	transport ← session ←───────────────────────┤←────────────┘
//	subscribers' sessions ← router ←────────────┘
//
// The session admits it (gate), knows who is logged in, and sets the author.
// The server checks membership and forwards. The channel makes an event,
// applies it, hands it to persistence, and says two things: the answer to the
// session and the message to the router. What an actor says leaves it only
// when everything it decided before is on disk (durable.say).
//
// # Rules
//
//   - One fact, one owner. Membership is the server's; a user's list of joined
//     servers follows it (membershipChanged until membershipNoted).
//   - Decide, remember, speak: a handler checks a command against the state and
//     makes one event; apply alone changes state, live and in replay; what is
//     said waits for the journal. Code that runs later speaks and never
//     changes durable state.
//   - An actor of another domain is reached by kind and name (Directory), never
//     by a PID kept. All messages for a durable actor pass through its parent,
//     so that it can leave memory without losing one.
//   - Messages are immutable plain data.
//   - Nothing blocks in a Receive: no file, no socket, no hash, no future.
//   - Work is admitted before it is sent (gate), so mailboxes are bounded by it.
//
// # When something fails
//
// A refusal is a reply (Refused). Trouble outside, such as a full disk, is
// logged once and the client hears that storage is unavailable; the actor
// forgets what did not become durable and recovers. A broken invariant panics:
// the asker is answered at once (guard), a durable actor restarts from the
// journal, a session is stopped and its connection closed, and the few tables
// that no journal holds (router, passwords, directories) stay as they are. What
// nobody would ask for again is made good (mender).
//
// # Looked at from outside
//
// The actors tell a telemetry.Recorder of themselves, and a Provider has the Look at
// it. With Config.Inspect there is a roll of who lives, and counts by kind (Actors,
// KindCounts). One actor can be watched (Watch): how long its messages wait and how
// long they take. Its state is asked through its mailbox (View), each actor's file
// ends with what it shows: never a secret, nor what people write. Feed tells of
// crashes and trouble as they happen, and Crash makes one, to see supervision at
// work. Follow tells of each station of a request.
package actors
