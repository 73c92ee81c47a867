//go:build linux || darwin

package wire

import "syscall"

// fileLimit is how many files this process may have open. Go has raised the soft limit to
// the hard limit already.
func fileLimit() (uint64, bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return limit.Cur, err == nil
}
