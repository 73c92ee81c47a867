//go:build unix

package crew

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's signals from a process.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
