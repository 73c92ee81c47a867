//go:build !linux

package measure

import "elemental/cmd/elemental-load/result"

// describe adds nothing: this system's hardware is not known.
func describe(*result.Machine) {}
