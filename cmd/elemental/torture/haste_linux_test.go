package torture

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// haste lets this process have a processor as soon as it wants one, for a short
// while each time. The bystanders stand for people at machines of their own:
// what counts is when the provider has answered, not when the machine that is
// busy with the load finds the time to look at the answer.
func haste() {
	const slice = 100_000 // nanoseconds, the shortest that there is
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads { // those to come are as the ones that make them
		id, err := strconv.Atoi(thread.Name())
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Runtime: slice}
		if err == nil && unix.SchedSetAttr(id, &attr, 0) != nil {
			return // an older system: the figures will be worse than they are
		}
	}
}
