package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests run the real program, built with the race detector, and talk to
// it over real sockets. A wait is always for a condition; patience only bounds
// how long a failure takes.
const patience = 60 * time.Second

// program is the built command.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "elemental-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "elemental")
	if err := build(program, ".", "-race"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(target, source string, flags ...string) error {
	args := append([]string{"build", "-o", target}, flags...)
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// cheap makes password hashes quick, and turns off the interval that would
// make tests wait. A later flag overrides.
var cheap = []string{"--port", "0", "--host", "127.0.0.1", "--hashmemory", "64", "--hashtime", "1", "--countinterval", "0",
	"--stoptimeout", "1h"} // a stop that hangs is caught by wait, which shows where

// provider is one running program.
type provider struct {
	t              testing.TB
	dir, addr      string
	args, env      []string
	wrapper        []string // command that runs the program, if any
	cmd            *exec.Cmd
	stdout, stderr *lines
	exited         chan struct{} // closed when it has ended
}

// startProvider starts the program on a fresh folder and waits until it listens.
func startProvider(t testing.TB, args ...string) *provider {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), "data"), args...)
}

func startIn(t testing.TB, dir string, args ...string) *provider {
	t.Helper()
	p := &provider{t: t, dir: dir, args: append(append(append([]string{}, cheap...), "--storagepath", dir), args...)}
	p.start()
	t.Cleanup(p.finish)
	return p
}

var listening = regexp.MustCompile(`^elemental: listening on (\S+) \(encoding \S+, data in .*, \d+ connections at most\)$`)

func (p *provider) start() {
	p.t.Helper()
	p.launch(p.args)
	line := p.stdout.wait(p.t, "the start line", p.exited, listening.MatchString)
	p.addr = listening.FindStringSubmatch(line)[1]
}

// launch starts the program without waiting for it to listen.
func (p *provider) launch(args []string) {
	p.t.Helper()
	p.stdout = newLines()
	p.launchTo(p.stdout, args)
}

// launchTo is launch with standard output going elsewhere.
func (p *provider) launchTo(stdout io.Writer, args []string) {
	p.t.Helper()
	words := append(append(p.wrapper[:len(p.wrapper):len(p.wrapper)], program), args...)
	p.cmd = exec.Command(words[0], words[1:]...)
	// The race detector makes each exit wait a second unless told otherwise.
	p.cmd.Env = append(append(cleanEnv(), "GORACE=atexit_sleep_ms=0"), p.env...)
	p.stderr = newLines()
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited := make(chan struct{})
	p.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // its result is in ProcessState
		close(exited)
	}(p.cmd)
}

// cleanEnv is the environment without the program's own variables.
func cleanEnv() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ELEMENTAL_") {
			env = append(env, variable)
		}
	}
	return env
}

func (p *provider) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// wait gives the exit code once the program has ended.
func (p *provider) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // makes it print where it hangs
		<-p.exited
		p.t.Fatalf("the provider has not ended\n%s", p.stderr.text())
		return 0
	}
}

// stop ends it as an operator does.
func (p *provider) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Fatalf("%v after SIGTERM\n%s", p.cmd.ProcessState, p.stderr.text())
	}
	p.checkLog()
}

func (p *provider) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.wait()
	p.checkLog()
}

// checkLog fails the test for a data race or a panic in the program.
func (p *provider) checkLog() {
	p.t.Helper()
	for _, sign := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine "} {
		if strings.Contains(p.stderr.text(), sign) {
			p.t.Errorf("the provider's log has %q:\n%s", sign, p.stderr.text())
			return
		}
	}
}

// finish ends what a test left running; every provider ends cleanly.
func (p *provider) finish() {
	select {
	case <-p.exited:
	default:
		if p.t.Failed() {
			p.kill()
			p.t.Logf("the provider's log:\n%s", p.stderr.text())
			return
		}
		p.stop()
	}
}

// lines collects output and wakes who waits for a line.
type lines struct {
	mu      sync.Mutex
	partial string
	all     []string
	changed chan struct{}
}

func newLines() *lines { return &lines{changed: make(chan struct{})} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	scanner := bufio.NewReader(strings.NewReader(l.partial + string(b)))
	for {
		line, err := scanner.ReadString('\n')
		if err != nil {
			l.partial = line
			break
		}
		l.all = append(l.all, strings.TrimSuffix(line, "\n"))
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return len(b), nil
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(append(append([]string{}, l.all...), l.partial), "\n")
}

// wait gives the first line that fits.
func (l *lines) wait(t testing.TB, what string, exited <-chan struct{}, fits func(string) bool) string {
	t.Helper()
	deadline := time.After(patience)
	for seen := 0; ; {
		l.mu.Lock()
		all, changed := l.all, l.changed
		l.mu.Unlock()
		for ; seen < len(all); seen++ {
			if fits(all[seen]) {
				return all[seen]
			}
		}
		select {
		case <-changed:
		case <-exited:
			if l.settled(seen) {
				t.Fatalf("the provider ended before %s", what)
			}
		case <-deadline:
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}

// settled tells whether all lines have been seen; called after the program ended.
func (l *lines) settled(seen int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return seen == len(l.all)
}
