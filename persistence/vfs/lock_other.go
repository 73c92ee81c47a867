//go:build !unix || solaris || illumos || aix

package vfs

import (
	"errors"
	"os"
)

// lockFile refuses: two processes in one folder would ruin it.
func lockFile(*os.File) error { return errors.ErrUnsupported }
