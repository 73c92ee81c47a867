//go:build unix

package selfhost

import (
	"os"
	"syscall"
)

// attributes put the program into a process group of its own: the terminal's
// Ctrl-C is for the load tester, which stops the provider in order at the end.
func attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	endWithParent(attr)
	return attr
}

// The signals go to the group: what was named as the program may be a script
// that starts the provider.

func signalTerminate(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGTERM) }

func signalKill(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGKILL) }
