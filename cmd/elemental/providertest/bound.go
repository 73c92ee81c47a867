package providertest

import (
	"os/exec"
	"runtime"
)

// StartBound starts a command that ends with this process, also when this is
// killed, where the system can do that. The channel is closed at its end.
//
// The system takes the thread that made the child for the parent, and Go ends a
// thread when a goroutine that is locked to it returns. So one thread is kept
// for the child alone, until it has ended.
func StartBound(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	bind(cmd)
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its result is in ProcessState
			close(ended)
		}
	}()
	return ended, <-started
}
