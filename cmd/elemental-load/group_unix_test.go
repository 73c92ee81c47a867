//go:build unix

package main_test

import (
	"syscall"
	"testing"
)

// TestWorkersOwnGroups: each process of a run has its own process group, which keeps the
// terminal's Ctrl-C from it: the first one only ends the load.
func TestWorkersOwnGroups(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	r := launch(t, "chat", address, "--workers=2", "--clients=4", "--rate=20", "--duration=1h")
	r.loads()
	child := childOf(t, r.cmd.Process.Pid)
	if group, err := syscall.Getpgid(child); err != nil || group != child {
		t.Errorf("process %d is in group %d (%v)", child, group, err)
	}
	r.interrupt()
}
