//go:build !linux

package drive

// newClock is a plainClock: finer timers are used on Linux only.
func newClock() clock { return plainClock{} }
