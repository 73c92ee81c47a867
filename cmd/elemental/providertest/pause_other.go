//go:build !unix

package providertest

// Pause halts the provider, where the system can do that.
func (p *Provider) Pause() {
	p.t.Helper()
	p.t.Skip("a program cannot be halted here")
}

// Resume lets a paused provider go on.
func (p *Provider) Resume() {}
