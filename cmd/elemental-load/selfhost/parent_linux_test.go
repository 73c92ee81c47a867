package selfhost_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"elemental/cmd/elemental-load/selfhost"
)

// TestEndsWithTheLoadTester: if the load tester is killed, the provider ends too.
func TestEndsWithTheLoadTester(t *testing.T) {
	r := run(t, this(t), ".", "SELFHOST_PROGRAM="+program)
	r.hosts()
	conn := dial(t, r.addr)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the provider outlives it (%v)", err)
	}
}

// TestOutlivesTheThread: when the thread ends on which Start was called, the provider
// must not take that for the end of the load tester.
func TestOutlivesTheThread(t *testing.T) {
	r := run(t, this(t), ".", "SELFHOST_PROGRAM="+program, asLoadTester+"="+onDoomedThread)
	r.hosts()
	ask(t, dial(t, r.addr), `{"call":"getprovidername"}`)
	if got, want := r.finish(), "addr: "+r.addr+"\n"; got != want {
		t.Errorf("it says %q", got)
	}
}

// TestOwnProcessGroup: the provider has its own process group, which keeps the terminal's
// Ctrl-C from it.
func TestOwnProcessGroup(t *testing.T) {
	p := start(t, selfhost.Options{})
	if group, err := syscall.Getpgid(p.Pid); err != nil || group != p.Pid {
		t.Errorf("it is in group %d (%v)", group, err)
	}
}
