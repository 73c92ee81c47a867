package main

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// Two signals end the full screen also if its terminal takes no output any more.
func TestSignalsWhileTheTerminalIsStuck(t *testing.T) {
	h := newHouse(t)
	provider, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	defer func() { _ = provider.Close() }()
	keys, screen, err := terminaltest.Open(80, 24)
	h.must(err)
	defer func() { _ = keys.Close() }()
	h.must(unix.IoctlSetInt(int(screen.Fd()), unix.TCXONC, unix.TCOOFF)) // the terminal takes no output from now on
	cmd := h.command(provider.Addr().String(), "--user", "alice", "--passwordfile", h.passwordFile(alicePassword))
	r := &running{h: h, cmd: cmd, err: providertest.NewLines(), exited: make(chan struct{})}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, r.err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	h.must(cmd.Start())
	go func() {
		_ = cmd.Wait() // its result is in ProcessState
		close(r.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-r.exited
	})
	h.must(screen.Close())
	wire, err := provider.Accept() // by now it takes signals
	h.must(err)
	defer func() { _ = wire.Close() }()
	r.signal(syscall.SIGTERM)
	r.signal(syscall.SIGINT)
	if code := r.code(); code != 130 && code != 143 {
		t.Errorf("exit code %d", code)
	}
}
