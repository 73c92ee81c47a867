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
	p.Signal(syscall.SIGSTOP)
	p.paused = true
	for deadline := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) { // a pace for looking
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
		if err != nil || bytes.Contains(state, []byte(") T ")) {
			return // halted, or a system that does not tell
		}
		if time.Now().After(deadline) {
			p.t.Fatal("the provider does not halt")
		}
	}
}

// Resume lets a paused provider go on.
func (p *Provider) Resume() {
	p.t.Helper()
	p.Signal(syscall.SIGCONT)
	p.paused = false
}
