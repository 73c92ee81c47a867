package measure

import (
	"os"
	"time"

	"github.com/prometheus/procfs"
)

// Process watches how much CPU and memory a process of this machine uses. All figures of a nil
// Process are 0.
type Process struct {
	proc procfs.Proc
	used float64   // seconds of CPU time used until the last measurement
	at   time.Time // when that was
	cpu  float64   // result of the last measurement, in percent of one core
}

// Self watches this process. It is nil on a system without /proc.
func Self() *Process { return Watch(os.Getpid()) }

// Watch begins to watch the process with that number. It is nil if there is no such process, or
// the system does not tell what it uses.
func Watch(pid int) *Process {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	p := &Process{proc: proc}
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
		if !p.at.IsZero() {
			p.cpu = max((stat.CPUTime()-p.used)/passed.Seconds()*100, 0)
		}
		p.used, p.at = stat.CPUTime(), time.Now()
	}
	return p.cpu, int64(stat.ResidentMemory())
}
