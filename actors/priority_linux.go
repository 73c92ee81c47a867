package actors

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// yieldToOthers gives this goroutine a thread of its own, to which the system
// prefers all others: hashing is much work, and may take a little longer where
// there is other work. It ends with the goroutine.
func yieldToOthers() {
	const niceness = 10 // a tenth of the usual share, where there is too little for all
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // of the thread; without it, hashing is as everything else
}
