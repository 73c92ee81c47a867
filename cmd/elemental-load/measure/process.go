package measure

import (
	"os"
	"time"

	"github.com/prometheus/procfs"
)

// Process is a process of this machine whose use of it is looked at now and then.
// Where the system does not tell (no /proc), all is 0.
type Process struct {
	proc procfs.Proc
	ok   bool
	used float64 // seconds of processor time, at the last look
	at   time.Time
	cpu  float64 // what the last look came to
}

// Self is this process.
func Self() *Process { return Watch(os.Getpid()) }

// Watch begins to look at a process.
func Watch(pid int) *Process {
	p := &Process{}
	proc, err := procfs.NewProc(pid)
	if err == nil {
		p.proc, p.ok = proc, true
		p.Sample()
	}
	return p
}

// Known tells whether there is such a process, and a system that tells of it.
func (p *Process) Known() bool { return p.ok }

// Pid is its number.
func (p *Process) Pid() int { return p.proc.PID }

// Sample is the processor time since the last call but one of less than half a
// second ago, in percent of one core, and the resident memory now, in bytes.
func (p *Process) Sample() (cpu float64, memory int64) {
	if !p.ok {
		return 0, 0
	}
	stat, err := p.proc.Stat()
	if err != nil {
		return 0, 0 // it has ended
	}
	// The system counts in hundredths of a second: a shorter time says nothing.
	const least = 500 * time.Millisecond
	if passed := time.Since(p.at); p.at.IsZero() || passed >= least {
		if !p.at.IsZero() {
			p.cpu = max((stat.CPUTime()-p.used)/passed.Seconds()*100, 0)
		}
		p.used, p.at = stat.CPUTime(), time.Now()
	}
	return p.cpu, int64(stat.ResidentMemory())
}
