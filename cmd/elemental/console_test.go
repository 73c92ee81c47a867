//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// fullPipe is the name of a pipe that takes no byte more.
func fullPipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := syscall.Open(name, syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(reader) })
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = syscall.Write(reader, []byte(strings.Repeat("x", size)))
		}
		if err != syscall.EAGAIN {
			t.Fatal(err)
		}
	}
	return name
}

// TestLogIsNotRead leaves the pipe full that the log is written to: clients are
// served, and the stop is one in order.
func TestLogIsNotRead(t *testing.T) {
	name := fullPipe(t)
	p := unstarted(t, filepath.Join(t.TempDir(), "data"), "--loglevel", "debug")
	p.Env = []string{"FULL=" + name}
	p.Wrapper = []string{"sh", "-c", `exec "$0" "$@" 2>"$FULL"`}
	p.Start()
	alice := p.join("alice")
	alice.makeServer("gophers")
	alice.post("gophers", "general", "hello")
	p.Signal(syscall.SIGTERM)
	if !ended(p) {
		p.Kill()
		t.Fatal("the stop waits for whoever reads the log")
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestNobodyReadsTheStartLine has the pipe full that the start line is written to, as a reader that stands
// still leaves it to the next run: that one starts and stops all the same.
func TestNobodyReadsTheStartLine(t *testing.T) {
	p := unstarted(t, filepath.Join(t.TempDir(), "data"))
	writeFile(t, filepath.Join(p.Dir, "icon.png"), "no picture") // the log says so while it starts
	p.Env = []string{"FULL=" + fullPipe(t)}
	p.Wrapper = []string{"sh", "-c", `exec "$0" "$@" >"$FULL"`}
	p.Launch(on(p.Dir)...)
	p.WaitLog("a line about the icon", func(line string) bool { return strings.Contains(line, "icon") })
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
}

// ended waits for the process's end: one that cannot write can tell nothing of a hang.
func ended(p *provider) bool {
	select {
	case <-p.Exited():
		return true
	case <-time.After(providertest.Patience):
		return false
	}
}

// TestStacksAreLoggedWhole: whoever finds a crash in the log sees where it was.
func TestStacksAreLoggedWhole(t *testing.T) {
	stack := strings.Repeat("somewhere.go:1 ", 1000) + "the end"
	for _, format := range []string{"text", "json"} {
		var log strings.Builder
		newLogger(&options{LogFormat: format}, &log).Error("actor panicked", "reason", stack, "stack", stack)
		if text := log.String(); strings.Count(text, stack) != 1 || strings.Count(text, "…") != 1 {
			t.Errorf("%s: %s", format, text)
		}
	}
}
