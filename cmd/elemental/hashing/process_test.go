package hashing

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/actors"
	"elemental/cmd/elemental/providertest"
)

// TestMain is also what a Process starts, since the program that runs is this one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Argument {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var cheap = actors.Argon2id{Memory: 64, Iterations: 1}

// started is a Process, and what it logs.
func started(t *testing.T) (*Process, *bytes.Buffer) {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector makes each exit wait a second
	var log bytes.Buffer
	p := NewProcess(cheap, slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, &log
}

// works hashes and compares, also what a Hasher of this process has hashed.
func works(t *testing.T, p *Process) {
	t.Helper()
	const password = "pass\x00w\xffrd" // bytes, not text
	phc, err := p.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	if match, err := cheap.Match(password, phc); !match || err != nil {
		t.Errorf("its hash: %v, %v", match, err)
	}
	ours, err := cheap.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{password: true, "other": false} {
		if match, err := p.Match(text, ours); match != want || err != nil {
			t.Errorf("%q: %v, %v", text, match, err)
		}
	}
	if _, err := p.Match(password, "no hash"); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("compared with no hash: %v", err)
	}
}

func TestHashesElsewhere(t *testing.T) {
	p, log := started(t)
	works(t, p)
	if p.child == nil || p.child.cmd.Process.Pid == os.Getpid() || log.Len() > 0 {
		t.Errorf("it was not another process\n%s", log)
	}
	works(t, p)
	if _, asked := p.ask(question{With: cheap, Password: "password"}); !asked {
		t.Error("its answer does not count: all is hashed here too")
	}
}

// TestSignalsAreForTheProvider: what asks the provider to stop does not take the
// process from it.
func TestSignalsAreForTheProvider(t *testing.T) {
	p, log := started(t)
	works(t, p) // so it runs, and ignores them
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := p.child.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	works(t, p)
	if log.Len() > 0 {
		t.Errorf("it was lost\n%s", log)
	}
}

func TestAProcessThatIsLostIsStartedAgain(t *testing.T) {
	p, log := started(t)
	works(t, p)
	lost := p.child.cmd.Process
	if err := lost.Kill(); err != nil {
		t.Fatal(err)
	}
	works(t, p)
	if p.child == nil || p.child.cmd.Process.Pid == lost.Pid {
		t.Error("there is no other")
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "killed") {
		t.Errorf("logged\n%s", log)
	}
}

// TestAProcessThatHangsIsGivenUp: nobody waits for it for ever.
func TestAProcessThatHangsIsGivenUp(t *testing.T) {
	p, log := started(t)
	works(t, p)
	if err := providertest.Halt(p.child.cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	p.limit = 10 * time.Millisecond
	hung := p.child.cmd.Process.Pid
	if _, err := p.Hash("password"); err != nil {
		t.Error(err)
	}
	p.limit = patience
	works(t, p)
	if p.child == nil || p.child.cmd.Process.Pid == hung || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("logged\n%s", log)
	}
}

// TestHashesHereWithoutAProcess: a system that starts none costs smoothness, no
// password.
func TestHashesHereWithoutAProcess(t *testing.T) {
	p, log := started(t)
	sound := p.program
	p.program = "/nowhere/elemental"
	works(t, p)
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "/nowhere/elemental") {
		t.Errorf("logged\n%s", log)
	}
	p.program = sound
	works(t, p)
	if p.child == nil {
		t.Error("it is not tried again")
	}
}
