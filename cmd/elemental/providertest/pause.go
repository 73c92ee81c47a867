//go:build unix

package providertest

import "syscall"

// Pause halts the provider: its connections stay open and nothing is answered.
func (p *Provider) Pause() {
	p.t.Helper()
	p.Signal(syscall.SIGSTOP)
	p.paused = true
}

// Resume lets a paused provider go on.
func (p *Provider) Resume() {
	p.t.Helper()
	p.Signal(syscall.SIGCONT)
	p.paused = false
}
