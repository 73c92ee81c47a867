// Package protocol is the vocabulary of the wire between a chat client and a
// provider: requests, answers, events, the reasons of refusals, text encodings
// and the rule for names. Both sides use it. It knows nothing of how a provider
// works inside.
//
// A client sends JSON objects one after the other, without a delimiter. The
// provider answers each with one JSON object and a newline, in order, and may
// send events between answers. docs/protocol.md describes all of it.
package protocol
