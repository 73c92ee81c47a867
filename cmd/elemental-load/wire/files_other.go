//go:build !linux && !darwin

package wire

// fileLimit is not known here.
func fileLimit() (uint64, bool) { return 0, false }
