//go:build unix

package crew

import (
	"os/exec"
	"syscall"
)

// ownGroup starts a process in its own group, so that it gets no signals from the
// terminal.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
