//go:build unix

package selfhost

import (
	"os"
	"syscall"
)

// attributes put the program into a process group of its own. So Ctrl-C in the terminal
// reaches only the load tester, which stops the provider properly at the end.
func attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	endWithParent(attr)
	return attr
}

// Signals go to the whole group, since the named program may be a script that starts the
// provider.

func signalTerminate(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGTERM) }

func signalKill(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGKILL) }
