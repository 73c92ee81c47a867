// Package transport carries the wire to the actors and back: it listens, frames
// and translates requests into actor messages, and writes answers and events.
//
// A poller reads connections whose clients send whole requests, any other has a
// goroutine that reads. Writing is a flusher's, or a goroutine's that is borrowed
// while there is something to write. What is due to be written stands in a
// buffer under a small mutex: transport is no actor, and the session that
// answers must never wait for a socket.
package transport
