// Package wire is a connection to a provider that costs the machine little, so
// that one process can hold tens of thousands and measure what comes within
// microseconds: one goroutine, a small buffer, answers taken apart without
// reflection. Everything else that a client needs is in package client.
//
// It speaks the encodings of which ASCII is a part (all but UTF-16 and UTF-32).
package wire
