package measure

import (
	"runtime"

	"elemental/cmd/elemental-load/result"
)

// Machine is what this process runs on.
func Machine() result.Machine {
	m := result.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()}
	describe(&m)
	return m
}
