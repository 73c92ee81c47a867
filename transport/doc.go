// Package transport connects the wire with the actors: it listens, splits the input
// into requests, translates them into actor messages, and writes answers and events.
//
// A poller reads connections whose clients send whole requests; any other connection
// has a goroutine that reads. A flusher writes, or a goroutine that is borrowed while
// there is something to write. What has to be written waits in a buffer under a small
// mutex. There are no actors here, and the session that answers must never wait for a
// socket.
package transport
