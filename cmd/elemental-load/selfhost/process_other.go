//go:build !unix

package selfhost

import (
	"errors"
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// signalTerminate fails: on this system a program cannot be asked to end.
func signalTerminate(*os.Process) error { return errors.ErrUnsupported }

func signalKill(process *os.Process) error { return process.Kill() }
