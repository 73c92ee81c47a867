// Package client talks to a provider: to ours with pushes, pipelining and
// posts that are safe to repeat, and to the original Python provider with what
// that has.
//
// A [Client] stays connected. When the connection is lost it comes back with
// growing, jittered pauses, logs in again, takes its subscriptions up and fills
// the gap from the history, so that a [Subscription] delivers each message of a
// channel once and in order, whatever happened in between. A [Conn] is a single
// connection with the same calls and none of that, for load tests and for those
// who want to see a connection end.
//
// Both may be used by any number of goroutines at once; calls are pipelined.
// What the provider answers with a "no" is a [*Refusal].
//
// The package needs nothing of the provider's own code.
package client
