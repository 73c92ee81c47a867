// Package client talks to a chat provider. With this project's provider it uses pushes,
// pipelining and posts that are safe to repeat. With the original Python provider it uses what
// that one offers.
//
// A [Client] stays connected. When the connection is lost, it connects again after pauses that
// grow and vary at random, logs in again, renews its subscriptions and reads what it missed from
// the history. So a [Subscription] delivers each message of a channel once and in order, even
// across lost connections. A [Conn] is a single connection with the same calls that does none of
// this. It is for callers who want to see a connection end.
//
// Any number of goroutines may use a Client or a Conn at the same time; their calls are
// pipelined. When the provider refuses a call, the error is a [*Refusal].
//
// The package uses no code of the provider itself.
package client
