// Package hashing makes password hashes in processes of their own. A hash takes
// a processor for tens of milliseconds: inside the provider it keeps one of the
// few threads that run actors, beside it the system lets the provider go first.
//
// A [Process] is the provider's side, and an actors.Hasher; [Serve] is the other.
// They talk over the process's standard input and output, in gob: passwords are
// never in arguments, environment or files. The process ends with its input.
package hashing
