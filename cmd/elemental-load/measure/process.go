package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Process watches how much CPU and memory a process of this machine uses. All figures of a nil
// Process are 0.
type Process struct {
	proc   procfs.Proc
	family bool      // the CPU use of the processes that it has started counts too
	used   float64   // seconds of CPU time used until the last measurement
	at     time.Time // when that was
	cpu    float64   // result of the last measurement, in percent of one core
}

// Self watches this process, without those that it has started: the provider may be one of
// them. It is nil on a system without /proc.
func Self() *Process { return watch(os.Getpid(), false) }

// Watch begins to watch the process with that number. The CPU use of the processes that it has
// started counts as its own: a provider has its passwords hashed in such processes. It is nil if
// there is no such process, or the system does not tell what it uses.
func Watch(pid int) *Process { return watch(pid, true) }

func watch(pid int, family bool) *Process {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	p := &Process{proc: proc, family: family}
	p.Sample()
	return p
}

// Sample returns the CPU use in percent of one core, and the resident memory in bytes.
// CPU use is measured over at least half a second: a call sooner after the last
// measurement returns that one again.
func (p *Process) Sample() (cpu float64, memory int64) {
	if p == nil {
		return 0, 0
	}
	stat, err := p.proc.Stat()
	if err != nil {
		return 0, 0 // the process has ended
	}
	// The system counts CPU time in hundredths of a second: over a shorter time that says
	// nothing.
	const least = 500 * time.Millisecond
	if passed := time.Since(p.at); p.at.IsZero() || passed >= least {
		used := stat.CPUTime()
		if p.family {
			used = withChildren(stat)
		}
		if !p.at.IsZero() {
			p.cpu = max((used-p.used)/passed.Seconds()*100, 0)
		}
		p.used, p.at = used, time.Now()
	}
	return p.cpu, int64(stat.ResidentMemory())
}

// withChildren returns the seconds of CPU time that a process and those that it has started have
// used. What has ended stays in the sum: the system adds it to who has waited for it.
func withChildren(stat procfs.ProcStat) float64 {
	const ticks = 100 // of a second, in which the system counts
	used := stat.CPUTime() + float64(stat.CUTime+stat.CSTime)/ticks
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", stat.PID)) // the pattern is good
	for _, list := range lists {
		pids, _ := os.ReadFile(list) // a thread that has just ended has none
		for pid := range strings.FieldsSeq(string(pids)) {
			used += timeOf(pid)
		}
	}
	return used
}

// timeOf returns the seconds of CPU time that a process has used, 0 if it has just ended.
func timeOf(pid string) float64 {
	number, _ := strconv.Atoi(pid) // the system writes numbers
	proc, err := procfs.NewProc(number)
	if err != nil {
		return 0
	}
	stat, _ := proc.Stat() // of one that has just ended it is 0
	return stat.CPUTime()
}
