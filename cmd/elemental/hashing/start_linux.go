package hashing

import (
	"os/exec"
	"runtime"
	"syscall"
)

// running is the program that runs, also when its file was replaced meanwhile.
func running() string { return "/proc/self/exe" }

// niceness is how far the process stands back from the provider. It still gets
// a tenth of a processor that somebody wants all of, so nobody's login is put
// off for good.
const niceness = 10

// The kernel tells 20 less the niceness, which is 19 at most (getpriority(2)).
const told, nicest = 20, 19

// startBehind starts a process with a lower priority. A new process has that of
// the thread that makes it, and on Linux each thread has its own; since it
// cannot be raised again, the thread is given up.
func startBehind(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals of the terminal are for the provider
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if syscall.Gettid() == syscall.Getpid() {
			started <- startBehind(cmd) // on another thread: the main one does not end, and its priority shows as the program's
			runtime.UnlockOSThread()
			return
		}
		if own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, min(told-own+niceness, nicest)) // without it all works, less smoothly
		}
		started <- cmd.Start()
	}()
	return <-started
}
