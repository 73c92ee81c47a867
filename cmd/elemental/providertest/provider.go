package providertest

import (
	"os"
	"path/filepath"
	"testing"
)

// Provider is a Process that belongs to a test: what goes wrong fails the test,
// and it ends with the test, cleanly if the test went well. Its methods are
// called from the test's goroutine.
type Provider struct {
	*Process
	t      testing.TB
	paused bool
}

// Start starts a provider on a fresh folder and waits until it listens.
func Start(t testing.TB, program string, args ...string) *Provider {
	t.Helper()
	p := Of(t, New(program, filepath.Join(t.TempDir(), "data"), args...))
	p.Start()
	return p
}

// Of gives a process to a test, to be started.
func Of(t testing.TB, process *Process) *Provider {
	p := &Provider{Process: process, t: t}
	t.Cleanup(p.finish)
	return p
}

// must fails the test for an error.
func (p *Provider) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// Start starts it, for the first time or again: see Process.
func (p *Provider) Start() {
	p.t.Helper()
	p.must(p.Process.Start())
}

// Restart starts it again at the same address. A running one is stopped first.
func (p *Provider) Restart() {
	p.t.Helper()
	if p.Running() {
		p.Stop()
	}
	p.Start()
}

// Launch runs the program with these arguments alone: see Process.
func (p *Provider) Launch(args ...string) {
	p.t.Helper()
	p.must(p.Process.Launch(args...))
}

// Signal sends a signal.
func (p *Provider) Signal(sig os.Signal) {
	p.t.Helper()
	p.must(p.Process.Signal(sig))
}

// Wait gives the exit code once it has ended.
func (p *Provider) Wait() int {
	p.t.Helper()
	code, err := p.Process.Wait()
	p.must(err)
	return code
}

// Stop ends it as an operator does: it has to exit with 0 and a clean log.
func (p *Provider) Stop() {
	p.t.Helper()
	if p.paused {
		p.Resume()
	}
	p.must(p.Process.Stop())
}

// Kill ends it as a crash does; its log has to be clean up to then.
func (p *Provider) Kill() {
	p.t.Helper()
	p.paused = false
	p.must(p.Process.Kill())
}

// WaitLog waits for the first line of its log that fits; what says which.
func (p *Provider) WaitLog(what string, fits func(line string) bool) {
	p.t.Helper()
	_, err := p.Stderr.Wait(what, p.Exited(), fits)
	p.must(err)
}

// finish ends what the test left running.
func (p *Provider) finish() {
	switch {
	case p.cmd == nil:
	case p.Running() && !p.t.Failed():
		p.Stop()
	case p.Running():
		if err := p.Process.Kill(); err != nil {
			p.t.Log(err)
		}
		p.t.Logf("the provider's log:\n%s", p.Stderr.Text())
	default:
		p.must(p.CheckLog())
	}
}
