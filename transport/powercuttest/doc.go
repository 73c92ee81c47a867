// Package powercuttest holds the test that cuts the power of a whole provider
// under load. What each client sent and read is kept in a book, and everything
// that a new run of the provider reads back is held against it.
package powercuttest
