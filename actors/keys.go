package actors

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// keyLetters are the letters of a session key. There are 62, so 25 of them hold 148 bits.
const keyLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// newKey makes a session key of 25 characters.
func newKey() string {
	key := make([]byte, 0, 25)
	var random [64]byte
	for len(key) < cap(key) {
		rand.Read(random[:]) //nolint:errcheck // never fails, by its documentation
		for _, b := range random {
			// 248 is the largest multiple of 62 in a byte, so all letters are equally likely.
			if b < 248 && len(key) < cap(key) {
				key = append(key, keyLetters[b%62])
			}
		}
	}
	return string(key)
}

// hashKey is the form in which a key is stored. A plain hash is enough, since keys are long and random.
func hashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
