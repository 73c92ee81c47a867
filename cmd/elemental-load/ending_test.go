package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental-load/result"
)

// TestInterrupted: a signal ends the run early. It cleans up and keeps its results.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, append(named(t), "chat", address, "--clients=10", "--rate=50", "--duration=1h")...)
	r.loads()
	kept := r.interrupt()
	if !strings.HasPrefix(kept.Ended, "interrupted after ") || kept.Checked.Found == 0 || len(kept.Violations) > 0 {
		t.Errorf("%s %+v %+v", kept.Ended, kept.Checked, kept.Violations)
	}
	if !strings.Contains(r.stdout.Text(), "interrupted") {
		t.Errorf("the answer does not say so:\n%s", r.stdout.Text())
	}
	nothingLeft(t, p.Addr)
}

// TestTimeout: connections on which the provider is silent are given up, and the clients
// connect again. Requests without an answer must not make the percentiles look good.
func TestTimeout(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "chat", address, "--clients=4", "--rate=50", "--duration=30s", "--timeout=20s", "--expect=max<1h")
	r.loads()
	p.Pause()
	r.later("requests given up", `^load( done)?: .*, [1-9][0-9,]* errors?,`)
	p.Resume()
	kept := r.wait(3)
	post := operation(t, kept, "post")
	if len(kept.Violations) > 0 || post.Failed == 0 || post.Done == 0 || operation(t, kept, "connection").Failed == 0 {
		t.Errorf("%+v\n%+v", kept.Violations, kept.Failures)
	}
	text := r.stdout.Text()
	judged := strings.Contains(text, "did not keep up") || strings.Contains(text, "cannot be told") // on a busy machine the generator is late too
	if !judged || !strings.Contains(text, "no answer in time") {
		t.Error(text)
	}
}

// TestTimeoutInThePreparation: a provider that falls silent while the history is made is
// given up as well.
func TestTimeoutInThePreparation(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "history", address, "--users=1", "--history=100000", "--timeout=20s", "--plain")
	isUnderWay := func(line string) bool { return strings.HasPrefix(line, "history: ") && strings.Contains(line, " of ") }
	if _, err := r.stderr.Wait("the history", r.exited, isUnderWay); err != nil {
		t.Fatalf("%v\n%s", err, r.stderr.Text())
	}
	p.Pause()
	r.wait(1)
	p.Resume()
	if said := r.stderr.Text(); !strings.Contains(said, "no answer in time") {
		t.Error(said)
	}
}

// TestNothingDone: a run in which nothing was done is no success, even if no request
// failed.
func TestNothingDone(t *testing.T) {
	t.Parallel()
	_, address := at(t, "--maxmessage=50")
	_, run := load(t, 1, "chat", address, "--clients=4", "--rate=20", "--duration=1s")
	if text := run.stdout.Text(); !strings.Contains(text, "Nothing was done") || !strings.Contains(text, "message is too long") {
		t.Error(text)
	}
	if said := run.stderr.Text(); !regexp.MustCompile(`(?m)^load done: .*, [1-9][0-9]* errors?,`).MatchString(said) {
		t.Errorf("what was refused is no error:\n%s", said)
	}
}

// TestSecondSignal: a run whose end waits for the provider ends at the second signal. The end of
// the terminal is a signal too.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "chat", address, "--clients=4", "--rate=50", "--duration=1h", "--timeout=1h")
	r.loads()
	p.Pause()
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := r.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-r.exited:
	case <-time.After(patience):
		t.Error("it does not end")
	}
	p.Resume()
	if code := r.cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGHUP) && code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d\n%s", code, r.stderr.Text())
	}
}

// TestNobodyReads: a run whose output is no longer read, as after "head -1", goes to its
// end, keeps its results and leaves nothing behind.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	reader, writer, err := os.Pipe()
	if err == nil {
		err = reader.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := exec.Command(program, append(named(t), "chat", address, "--clients=4", "--rate=20", "--duration=1s", "--out", dir)...)
	run.Stdout, run.Stderr = writer, writer
	if code := exitCode(run.Run()); code != 1 {
		t.Errorf("exit code %d", code)
	}
	_ = writer.Close()
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, r)
	nothingLeft(t, p.Addr)
}

// TestExpectations: the exit code is 3 if an expectation is not met.
func TestExpectations(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	small := []string{"chat", address, "--clients=4", "--rate=20", "--duration=1s"}
	r, _ := load(t, 0, append(small, "--expect=errors=0", "--expect=p99<1h", "--expect=delivered.max<1h", "--expect=connection.failed=0")...)
	if len(r.Verdicts) != 4 || !r.Verdicts[2].Met || !r.Verdicts[3].Met {
		t.Errorf("%+v", r.Verdicts)
	}
	r, _ = load(t, 3, append(small, "--expect=errors=0", "--expect=p99<1us")...)
	if !r.Verdicts[0].Met || r.Verdicts[1].Met {
		t.Errorf("%+v", r.Verdicts)
	}
}
