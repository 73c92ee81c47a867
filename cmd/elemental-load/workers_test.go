package main_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"elemental/cmd/elemental/providertest"
)

// TestWorkers: several processes share a run, and together do what one would.
func TestWorkers(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	for name, args := range map[string]string{
		"chat": "--clients=20 --rate=100", "fanout": "--clients=30 --rate=20", "history": "--clients=6 --rate=40 --history=60",
	} {
		r, _ := load(t, 0, append(strings.Fields(args), name, address, "--workers=3", "--duration=2s", fmt.Sprint("--pid=", p.Pid()))...)
		clean(t, r)
		part := r.Parts[0]
		if r.Processes != 3 || part.Done < part.Scheduled-3 || part.Done > part.Scheduled+3 { // each process rounds separately
			t.Errorf("%s: %+v", name, part)
		}
		if r.Provider == nil || r.Provider.Pid != p.Pid() {
			t.Errorf("%+v", r.Provider)
		}
		if name == "fanout" && operation(t, r, "delivered").Done != operation(t, r, "post").Done*26 {
			t.Errorf("%+v", r.Operations)
		}
	}
}

// TestWorkersInterrupted: a signal ends all processes of a run.
func TestWorkersInterrupted(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	r := launch(t, "chat", address, "--workers=2", "--clients=10", "--rate=50", "--duration=1h")
	r.loads()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	kept := r.wait(143)
	if kept.Checked.Found == 0 || len(kept.Violations) > 0 {
		t.Errorf("%+v %+v", kept.Checked, kept.Violations)
	}
}

// TestWorkerKilled: if one process dies, the others end at once, and the run tells what
// all have measured.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, append(named(t), "chat", "churn", address, "--workers=2", "--clients=6", "--rate=6", "--duration=1h")...)
	r.loads()
	child := childOf(t, r.cmd.Process.Pid)
	process, err := os.FindProcess(child)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.wait(1)
	if !strings.Contains(r.stderr.Text(), "has ended before its time") || !strings.Contains(r.stdout.Text(), "post") {
		t.Errorf("%s\n%s", r.stdout.Text(), r.stderr.Text())
	}
	nothingLeft(t, p.Addr) // and nothing of what its clients have made
}

// childOf is a process that another process has started.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	if children := providertest.Children(pid); len(children) > 0 {
		return children[0]
	}
	t.Skip("this system does not tell the processes of a process")
	return 0
}
