//go:build unix

package providertest

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Pause halts the provider: its connections stay open and nothing is answered.
// On Linux it has halted when Pause returns.
func (p *Provider) Pause() {
	p.t.Helper()
	p.paused = true
	p.must(Halt(p.Pid()))
}

// Halt halts a process until it gets SIGCONT. On Linux it has halted when Halt
// returns: the signal alone lets it work on for a moment.
func Halt(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("halt process %d: %w", pid, err)
	}
	for deadline := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) { // a pace for looking
		state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // some systems do not tell
		if len(state) == 0 || bytes.Contains(state, []byte(") T ")) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not halt", pid)
		}
	}
}

// Resume lets a paused provider go on.
func (p *Provider) Resume() {
	p.t.Helper()
	p.Signal(syscall.SIGCONT)
	p.paused = false
}
