// Package wire is a connection to a provider that needs little CPU and memory: one
// goroutine, a small buffer, and answers that are parsed without reflection. So one
// process can hold tens of thousands of connections and still measure within microseconds
// what they receive. Everything else that a client needs is in package client.
//
// It works with all encodings that contain ASCII (all but UTF-16 and UTF-32).
package wire
