package actors

import (
	"fmt"

	"github.com/alexedwards/argon2id"
)

// Hasher makes and compares password hashes. Each worker has its own one and asks it
// one thing at a time. The workers are outside the actors, so a Hasher may take its
// time. An error means that nothing was done; the client is told to try again.
type Hasher interface {
	// Hash returns the hash of a password with a new salt, as a PHC string.
	Hash(password string) (phc string, err error)
	// Match tells whether a PHC string was made of this password, with
	// whatever parameters.
	Match(password, phc string) (bool, error)
	// Close frees what the Hasher holds. It is the last call.
	Close() error
}

// Argon2id is the Hasher that computes in the calling goroutine, with these parameters for
// new hashes (RFC 9106).
type Argon2id struct {
	Memory     int // KiB
	Iterations int
}

// Hash implements Hasher.
func (a Argon2id) Hash(password string) (string, error) {
	phc, err := argon2id.CreateHash(password, &argon2id.Params{
		Memory: uint32(a.Memory), Iterations: uint32(a.Iterations), //nolint:gosec // checked by the options
		Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return phc, nil
}

// Match implements Hasher.
func (Argon2id) Match(password, phc string) (bool, error) {
	match, err := argon2id.ComparePasswordAndHash(password, phc)
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return match, nil
}

// Close has nothing to free.
func (Argon2id) Close() error { return nil }
