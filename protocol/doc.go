// Package protocol is the vocabulary of the wire between a chat client and a
// provider: requests, answers, events, reasons, text encodings and the rule for
// names. Both ends use it; it knows nothing of the provider's insides.
//
// A client sends JSON objects one after the other, without a delimiter. The
// provider answers each with one JSON object and a newline, in order, and may
// send events between answers.
package protocol
