package main_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental-load/result"
	"elemental/cmd/elemental/providertest"
)

// These tests run the real load tester against the real provider, both with the race
// detector. Waits are for conditions; patience only limits how long a failure takes.
const patience = 2 * time.Minute

var program, provider string // the paths of the built programs

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	providertest.HeedHangups()
	dir, err := os.MkdirTemp("", "elemental-load-test")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		program, err = providertest.Build(dir, "elemental/cmd/elemental-load")
	}
	if err == nil {
		provider, err = providertest.Build(dir, "elemental/cmd/elemental")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	// The tests mostly wait for the time that a run takes, so more of them than usual may
	// run at once.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// tester is a run of the load tester.
type tester struct {
	t              *testing.T
	dir            string // folder of its results
	stdout, stderr *providertest.Lines
	cmd            *exec.Cmd
	exited         chan struct{}
}

// launch starts the load tester with these arguments and an --out folder.
func launch(t *testing.T, args ...string) *tester {
	t.Helper()
	r := &tester{
		t: t, dir: filepath.Join(t.TempDir(), "results"),
		stdout: providertest.NewLines(), stderr: providertest.NewLines(), exited: make(chan struct{}),
	}
	r.cmd = exec.Command(program, append([]string{"--out", r.dir}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.stdout, r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait() // the outcome is in ProcessState
		close(r.exited)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // most have ended already
		<-r.exited
	})
	return r
}

// wait waits until it ends, expects this exit code, and returns its results.
func (r *tester) wait(code int) *result.Result {
	r.t.Helper()
	select {
	case <-r.exited:
	case <-time.After(patience):
		r.t.Fatalf("it does not end\n%s", r.stderr.Text())
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.t.Fatalf("exit code %d, wanted %d\n%s\n%s", got, code, r.stdout.Text(), r.stderr.Text())
	}
	if strings.Contains(r.stderr.Text(), "DATA RACE") || strings.Contains(r.stderr.Text(), "panic:") {
		r.t.Fatal(r.stderr.Text())
	}
	if code == 1 || code == 2 {
		return nil
	}
	kept, err := result.Read(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return kept
}

// underWay matches a line that comes after the first second of the load, when something
// was done.
var underWay = regexp.MustCompile(`^load: [0-9.]+\w* of \w+, [1-9]`)

// loads waits until the load is under way.
func (r *tester) loads() {
	r.t.Helper()
	if _, err := r.stderr.Wait("the load", r.exited, underWay.MatchString); err != nil {
		r.t.Fatalf("%v\n%s", err, r.stderr.Text())
	}
}

// later waits for a line of its progress that comes after those that there are.
func (r *tester) later(what, pattern string) {
	r.t.Helper()
	before, fits := strings.Count(r.stderr.Text(), "\n"), regexp.MustCompile(pattern)
	if _, err := r.stderr.Wait(what, r.exited, func(line string) bool {
		before--
		return before < 0 && fits.MatchString(line)
	}); err != nil {
		r.t.Fatalf("%v\n%s", err, r.stderr.Text())
	}
}

// interrupt ends the load, as Ctrl-C does, and returns the results.
func (r *tester) interrupt() *result.Result {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	return r.wait(130)
}

// load runs the load tester to its end.
func load(t *testing.T, code int, args ...string) (*result.Result, *tester) {
	t.Helper()
	r := launch(t, args...)
	return r.wait(code), r
}

// at starts a provider, and returns the option that names its address.
func at(t *testing.T, args ...string) (p *providertest.Provider, address string) {
	t.Helper()
	p = providertest.Start(t, provider, args...)
	return p, "--address=" + p.Addr
}

// operation finds an operation of a result.
func operation(t *testing.T, r *result.Result, name string) result.Operation {
	t.Helper()
	for _, o := range r.Operations {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("%s was not measured", name)
	return result.Operation{}
}

// clean expects a run that came to its end, and in which nothing went wrong.
func clean(t *testing.T, r *result.Result) {
	t.Helper()
	if r.Ended != result.Completed {
		t.Error(r.Ended)
	}
	nothingWrong(t, r)
}

// nothingWrong expects a run in which nothing went wrong up to its end.
func nothingWrong(t *testing.T, r *result.Result) {
	t.Helper()
	if len(r.Violations) > 0 || len(r.Refusals) > 0 || len(r.Failures) > 0 {
		t.Errorf("violations %+v\nrefusals %+v\nfailures %+v", r.Violations, r.Refusals, r.Failures)
	}
	if r.Checked.Acknowledged != r.Checked.Found {
		t.Errorf("%d acknowledged, %d found", r.Checked.Acknowledged, r.Checked.Found)
	}
}

// isGone tells whether a file or folder does not exist.
func isGone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}
