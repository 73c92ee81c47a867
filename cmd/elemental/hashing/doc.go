// Package hashing makes password hashes in separate processes. A hash takes a processor
// for tens of milliseconds. Inside the provider it would occupy one of the few threads
// that run actors; in a process of lower priority the system lets the provider go first.
//
// A [Process] is the provider's side and implements actors.Hasher; [Serve] is the other
// side. They exchange gob over the process's standard input and output, so passwords are
// never in arguments, environment or files. The process ends when its input ends.
package hashing
