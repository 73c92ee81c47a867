package measure

import (
	"runtime"

	"elemental/cmd/elemental-load/result"
)

// Machine describes the machine and the Go version of this process.
func Machine() result.Machine {
	m := result.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()}
	describe(&m)
	return m
}
