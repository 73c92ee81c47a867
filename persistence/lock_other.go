//go:build !unix || solaris || illumos || aix

package persistence

import (
	"errors"
	"os"
)

// lockFile refuses: two processes in one folder would ruin it.
func lockFile(*os.File) error { return errors.ErrUnsupported }
