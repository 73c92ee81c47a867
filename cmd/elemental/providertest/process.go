package providertest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Patience bounds every wait. A wait is always for a condition; this only says
// how long a failure takes.
const Patience = 60 * time.Second

// Process is a provider on a folder, which can be started and ended any number
// of times. It is used by one goroutine at a time, and ends with this process.
type Process struct {
	Program string   // its path
	Dir     string   // its data
	Args    []string // all its arguments
	Env     []string // variables beyond the environment
	Wrapper []string // a command that runs the program, if any

	Addr           string // where it listens: known once it was started, and kept
	Stdout, Stderr *Lines // of the newest run

	cmd    *exec.Cmd
	exited <-chan struct{} // closed when it has ended
}

// HeedHangups has programs that are started here heed SIGHUP also when the tests run under nohup:
// a signal that has a handler is reset for them.
func HeedHangups() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}

// New makes a provider with its data in dir, to be started.
func New(program, dir string, args ...string) *Process {
	return &Process{Program: program, Dir: dir, Args: Args(dir, args...)}
}

// Start starts it and waits until it listens: where it did before, if it did.
// Then the port may be taken by somebody else for a moment, and Start tries on.
func (p *Process) Start() error {
	for deadline := time.Now().Add(Patience); ; {
		err := p.startOnce()
		if err == nil || p.Addr == "" || !strings.Contains(err.Error(), "address already in use") || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond) // a pace for the attempts, nothing is hoped to happen meanwhile
	}
}

func (p *Process) startOnce() error {
	args := p.Args
	if p.Addr != "" {
		_, port, err := net.SplitHostPort(p.Addr)
		if err != nil {
			return err
		}
		args = append(args[:len(args):len(args)], "--port", port)
	}
	if err := p.Launch(args...); err != nil {
		return err
	}
	listens := func(line string) bool { return ListensAt(line) != "" }
	line, err := p.Stdout.Wait("the start line", p.exited, listens)
	if err != nil {
		return errors.Join(fmt.Errorf("%w\n%s", err, p.Stderr.Text()), p.end())
	}
	p.Addr = ListensAt(line)
	return nil
}

var startLine = regexp.MustCompile(`^elemental: listening on (\S+) \(encoding \S+, data in .*, \d+ connections at most\)$`)

// ListensAt is the address of a start line, or "" if line is none.
func ListensAt(line string) string {
	if found := startLine.FindStringSubmatch(line); found != nil {
		return found[1]
	}
	return ""
}

// Launch runs the program with these arguments alone, without waiting for
// anything.
func (p *Process) Launch(args ...string) error {
	p.Stdout = NewLines()
	return p.LaunchTo(p.Stdout, args...)
}

// LaunchTo is Launch with the standard output going elsewhere.
func (p *Process) LaunchTo(stdout io.Writer, args ...string) error {
	words := append(append(p.Wrapper[:len(p.Wrapper):len(p.Wrapper)], p.Program), args...)
	p.cmd = exec.Command(words[0], words[1:]...)
	// The race detector makes each exit wait a second unless told otherwise.
	p.cmd.Env = append(append(cleanEnv(), "GORACE=atexit_sleep_ms=0"), p.Env...)
	p.Stderr = NewLines()
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.Stderr
	exited, err := StartBound(p.cmd)
	if err != nil {
		return err
	}
	p.exited = exited
	return nil
}

// cleanEnv is the environment without the program's own variables.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ELEMENTAL_") })
}

// Pid is the process of the newest run.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the newest run has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running tells whether it was started and has not ended.
func (p *Process) Running() bool {
	if p.cmd == nil || p.exited == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Signal sends a signal.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Wait gives the exit code once it has ended. One that does not end is made to
// tell where it hangs.
func (p *Process) Wait() (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(Patience):
		_ = p.Signal(syscall.SIGQUIT) // makes it print all its goroutines
		<-p.exited
		return 0, fmt.Errorf("the provider has not ended\n%s", p.Stderr.Text())
	}
}

// Stop ends it as an operator does: it has to exit with 0 and a clean log.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	code, err := p.Wait()
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("%v after SIGTERM\n%s", p.cmd.ProcessState, p.Stderr.Text())
	}
	return p.CheckLog()
}

// Kill ends it as a crash does; its log has to be clean up to then.
func (p *Process) Kill() error {
	if err := p.end(); err != nil {
		return err
	}
	return p.CheckLog()
}

func (p *Process) end() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := p.Wait()
	return err
}

// CheckLog is an error for a data race or a panic in the program.
func (p *Process) CheckLog() error {
	for _, sign := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine "} {
		if strings.Contains(p.Stderr.Text(), sign) {
			return fmt.Errorf("the provider's log has %q:\n%s", sign, p.Stderr.Text())
		}
	}
	return nil
}
