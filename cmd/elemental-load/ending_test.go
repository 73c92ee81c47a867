package main_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental-load/result"
	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
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

// TestLineAtTheEnd: the rate in the last line is that of the whole load, not of its last
// second.
func TestLineAtTheEnd(t *testing.T) {
	t.Parallel()
	_, address := at(t)
	r, run := load(t, 0, "chat", address, "--clients=4", "--stages=200x2s,20x1s", "--plain")
	const begin = "load done: 3s of 3s, "
	line, err := run.stderr.Wait(begin, run.exited, func(line string) bool { return strings.HasPrefix(line, begin) })
	if err != nil {
		t.Fatal(err)
	}
	var told float64
	if _, err := fmt.Sscanf(line, begin+"%f/s,", &told); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if mean := float64(operation(t, r, "post").Done) / r.Duration; told < 0.9*mean || told > 1.1*mean {
		t.Errorf("%q, but %.1f a second were done", line, mean)
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

// TestCommands: what can be done with the results of runs, in colours on a terminal, unless they
// are not wanted.
func TestCommands(t *testing.T) {
	t.Parallel()
	kept, dir := filepath.Join("result", "testdata", "steady"), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		code int
		want string
		args []string
	}{
		{0, dir + ": made again\n", []string{"report", dir}},
		{0, "| ", []string{"table", kept, dir}},
		{0, "steady", []string{"compare", kept, filepath.Join("result", "testdata", "stalled")}},
		{1, "no such file", []string{"report", dir, "/nowhere"}},
		{1, "no such file", []string{"table", "/nowhere"}},
		{1, "no such file", []string{"compare", dir, "/nowhere"}},
		{0, "chat ", []string{"scenarios"}},
	} {
		out, err := exec.Command(program, row.args...).CombinedOutput()
		if code := exitCode(err); code != row.code || !strings.Contains(string(out), row.want) {
			t.Errorf("%q: exit code %d, %s", row.args, code, out)
		}
	}
	if isGone(filepath.Join(dir, "report.html")) {
		t.Error("there is no report")
	}
	for env, coloured := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false} {
		term := terminaltest.Start(t, 80, 24, program, []string{"compare", kept, filepath.Join("result", "testdata", "stalled")}, []string{env})
		if code := term.Wait(); code != 0 || strings.Contains(term.Output(), "\x1b[") != coloured {
			t.Errorf("%s: exit code %d, %q", env, code, term.Output())
		}
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

// TestOutputThatCannotBeWritten: this is reported, and not as a mistake in the options.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"--help", "--version", "scenarios"} {
		shut, err := os.Open(os.DevNull) // open only for reading
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		run := exec.Command(program, word)
		run.Stdout, run.Stderr = shut, &said
		if code := exitCode(run.Run()); code != 1 || !strings.HasPrefix(said.String(), "elemental-load: the output cannot be written: ") {
			t.Errorf("%s: exit code %d, %q", word, code, said.String())
		}
		_ = shut.Close()
	}
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

// killed makes a run whose provider dies in the middle of the load. On a machine on which
// the load was over by then, the next one takes longer.
func killed(t *testing.T, args ...string) *tester {
	t.Helper()
	for seconds := 3; ; seconds *= 3 {
		p, address := at(t)
		r := launch(t, append(args, address, fmt.Sprintf("--duration=%ds", seconds))...)
		r.later("the load, or its end", underWay.String()+"|^load done")
		p.Kill()
		if !strings.Contains(r.stderr.Text(), "load done") {
			return r
		}
	}
}

// TestProviderKilled: if the provider dies in the middle of a run, the run tells what it
// measured, and why that could not be checked.
func TestProviderKilled(t *testing.T) {
	t.Parallel()
	r := killed(t, "chat", "--clients=10", "--rate=50")
	r.wait(1)
	text := r.stdout.Text()
	for _, want := range []string{"The run ended early: after the load, for trouble", "connection refused", "not connected", "could not be compared"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// TestProviderGone: a run that posts nothing and has nothing to remove does not ask the
// provider again. It must notice all the same that the provider is gone.
func TestProviderGone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"connect", "login"} {
		r := killed(t, name, "--clients=10", "--rate=5")
		r.wait(1)
		if text := r.stdout.Text(); !strings.Contains(text, "The run ended early: after the load, for trouble") {
			t.Errorf("%s: it does not say so:\n%s", name, text)
		}
		if text := r.stderr.Text(); !strings.Contains(text, "the provider is not there any more") {
			t.Errorf("%s: it does not say why:\n%s", name, text)
		}
	}
}

// TestProviderRestarted: clients connect again, and requests without an answer are no
// violation.
func TestProviderRestarted(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "chat", address, "--clients=10", "--rate=50", "--duration=1h")
	r.loads()
	p.Kill()
	p.Start()
	r.later("everybody back", everybodyBack)
	r.later("posts again", `^load: [0-9.]+\w* of \w+, [1-9].* 10 connections`)
	kept := r.interrupt()
	if len(kept.Violations) > 0 || operation(t, kept, "connection").Failed != 10 {
		t.Errorf("%+v\n%+v", kept.Violations, kept.Failures)
	}
}

// everybodyBack matches the line after ten clients have lost their connections and have
// come back.
const everybodyBack = `^load: .* [1-9][0-9,]+ errors, 10 connections`

// TestRestartedAmongWaves: a client that cannot return at once ends up with one
// connection, however many waves found the provider away. More connections would be load
// that nobody asked for, and each would cut off the one before.
func TestRestartedAmongWaves(t *testing.T) {
	t.Parallel()
	p, address := at(t)
	r := launch(t, "reconnect", address, "--clients=10", "--rate=2", "--duration=1h")
	r.loads()
	p.Kill()
	r.later("waves that found the provider away", `^load: .* [1-9][0-9]{2,} errors, 0 connections`)
	p.Start()
	r.later("everybody back", everybodyBack)
	kept := r.interrupt()
	waves, connect := operation(t, kept, "return"), operation(t, kept, "connect")
	if waves.Failed < 20 {
		t.Errorf("%d could not return at once, of ten in each wave", waves.Failed)
	}
	if others := connect.Done - waves.Done; others > 3*10 { // the first ones, those that were killed on their way, and those that came back
		t.Errorf("%d connections besides those of waves", others)
	}
	for _, f := range kept.Failures {
		if strings.Contains(f.Cause, "closed by the load tester") {
			t.Errorf("%+v", f)
		}
	}
}

// TestNothingThere: the error says what may help. Nothing is sent to other machines.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts its connections
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for want, args := range map[string][]string{
		"--selfhost": {"--address=127.0.0.1:1"},
		"no answer from a provider within 1s (it may need --tls, or": {"--timeout=1s", "--address=" + silent.Addr().String()},
		"no answer from a provider within 1s (start":                 {"--tls", "--timeout=1s", "--address=" + silent.Addr().String()},
		"(it was started for this run":                               {"--selfhost", "--provider=" + provider, "--providerarg=--encoding=utf-16"},
		"--out: the results could not be kept":                       {"--address=127.0.0.1:1", "--out=" + os.DevNull + "/below"},
		"is not this machine":                                        {"--address=192.0.2.1:5005"},
	} {
		if _, run := load(t, 1, args...); !strings.Contains(run.stderr.Text(), want) {
			t.Errorf("%q: %s", args, run.stderr.Text())
		}
	}
}

// TestMistakes: mistakes in the options end with exit code 2, and nothing is sent.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`no scenario "dance"`:          {"dance"},
		"unknown flag --speed":         {"--speed=3"},
		"--workers: 0":                 {"--workers=0"},
		"99999: invalid port":          {"--address=localhost:99999"},
		"--pid: 0":                     {"--pid=0"},
		"--sources: 999":               {"--sources=999", "--address=localhost:1"},
		"--sources: -1":                {"--sources=-1"},
		"--sources: 1000":              {"--sources=01000"},
		`few is no whole number`:       {"--clients=few"},
		"clients: 0 is out of range":   {"--clients=0"},
		"rate: it must be above 0":     {"--rate", "0"},
		"duration: it must be above 0": {"--duration=0s"},
		`"-1s" is no duration`:         {"--duration", "-1s"},
		"clients: -5 is out of range":  {"chat", "--clients", "-5", "--servers=1"},
		"--workers: 64 is out":         {"--workers=064"},
		"the 10 that there are":        {"--clients=010", "--model=closed", "--stages=11x1s"},
		"the closed model has no rate": {"--model=closed", "--rate=3"},
		"neither open nor closed":      {"--model=ajar"},
		"p98":                          {"--expect=p98<3ms"},
		`no operation "posts"`:         {"--expect=posts.p99<3ms", "--address=localhost:1"},
		`no operation "page"; it has`:  {"chat", "--expect=page.p99<3ms", "--address=localhost:1"},
		"--outstanding: 0 is out":      {"--outstanding=0"},
		"--timeout: it must be":        {"--timeout=999ms"},
		"need each other":              {"--userprefix=u"},
		"--tlsca and --tlsinsecure":    {"--tlsca=cert.pem"},
		"are for --tls":                {"--tlsinsecure"},
		"are for --selfhost":           {"--provider=elemental"},
		"--provider and --providerarg": {"--providerarg=--port=1"},
		"--pid and --remote":           {"--selfhost", "--remote"},
		"starts the provider itself":   {"--selfhost", "--pid=1"},
		"leave out --address, --tls":   {"--selfhost", "--tls"},
		"leave out --address":          {"--selfhost", "--address", "localhost:5005"},
		"no such file":                 {"--file=/nowhere/at-all.yaml"},
		"two runs or more":             {"compare", "somewhere"},
	} {
		out, err := exec.Command(program, args...).CombinedOutput()
		if code := exitCode(err); code != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%q: exit code %d, %s", args, code, out)
		}
	}
}

// TestUnknownVariableIsNamed: a warning names unknown variables, but none that belongs to
// an option or to the provider.
func TestUnknownVariableIsNamed(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	run := exec.Command(program, "scenarios")
	run.Stderr = &said
	run.Env = append(os.Environ(), "ELEMENTAL_LOAD_RATE=5", "ELEMENTAL_LOAD_RAET=5", "ELEMENTAL_PORT=1")
	if err := run.Run(); err != nil {
		t.Fatal(err)
	}
	if want := "elemental-load: warning: unknown environment variable ELEMENTAL_LOAD_RAET\n"; said.String() != want {
		t.Errorf("%q, wanted %q", said.String(), want)
	}
}

func exitCode(err error) int {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// TestSelfHost: a run starts a provider, uses it, and leaves nothing of it behind.
func TestSelfHost(t *testing.T) {
	t.Parallel()
	r, run := load(t, 0, "chat", "--selfhost", "--provider="+provider, "--providerarg=--hashmemory=64", "--clients=4", "--rate=20", "--duration=1s")
	clean(t, r)
	if !r.Target.Started || r.Provider == nil || r.Provider.Memory == 0 {
		t.Errorf("%+v %+v", r.Target, r.Provider)
	}
	if conn, err := net.Dial("tcp", r.Target.Address); err == nil {
		_ = conn.Close()
		t.Error("the provider still runs")
	}
	for _, file := range []string{"report.html", "seconds.csv", "post.hgrm", "delivered.hgrm"} {
		if isGone(filepath.Join(run.dir, file)) {
			t.Errorf("%s was not kept", file)
		}
	}
	if others, err := filepath.Glob(filepath.Join(run.dir, ".*")); len(others) > 0 || err != nil {
		t.Errorf("besides the results there are %v, %v", others, err)
	}
}

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

// TestTLS: the load tester connects to a provider with TLS and its own certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, _ := providertest.Certificate(t)
	_, address := at(t, "--tlscert="+cert, "--tlskey="+key)
	r, _ := load(t, 0, "chat", address, "--tls", "--tlsca="+cert, "--clients=4", "--rate=20", "--duration=1s")
	clean(t, r)
	if _, run := load(t, 1, address); !strings.Contains(run.stderr.Text(), "it may need --tls") {
		t.Error(run.stderr.Text())
	}
	if _, run := load(t, 1, address, "--tls"); !strings.Contains(run.stderr.Text(), "(--tlsca names the certificate to trust)") {
		t.Error(run.stderr.Text())
	}
}

// TestEncoding: of the encodings of a provider, the load tester speaks those of which ASCII is a
// part, and names another as what may be wrong.
func TestEncoding(t *testing.T) {
	t.Parallel()
	_, address := at(t, "--encoding=latin-1")
	r, _ := load(t, 0, "chat", address, "--clients=4", "--rate=20", "--duration=1s")
	clean(t, r)
	_, address = at(t, "--encoding=utf-16")
	if _, run := load(t, 1, address); !strings.Contains(run.stderr.Text(), "an encoding such as utf-16") {
		t.Error(run.stderr.Text())
	}
}

// TestFull: a run that takes every connection that the provider has is checked all the
// same.
func TestFull(t *testing.T) {
	t.Parallel()
	cert, key, _ := providertest.Certificate(t)
	for name, args := range map[string][2][]string{
		"plain":     {{"--maxconnections=20"}, {"--clients=20", "--users=4"}},
		"TLS":       {{"--maxconnections=20", "--tlscert=" + cert, "--tlskey=" + key}, {"--clients=20", "--users=4", "--tls", "--tlsca=" + cert}},
		"processes": {{"--maxconnections=20"}, {"--clients=20", "--users=4", "--workers=2"}},
		"few":       {{"--maxconnections=8"}, {"--clients=8", "--users=30"}}, // fewer than the preparation would like to have
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, address := at(t, args[0]...)
			r, _ := load(t, 0, append(args[1], "chat", address, "--rate=50", "--duration=1s")...)
			clean(t, r)
			if !r.Checked.History || !r.Checked.Streamed || r.Checked.Found == 0 {
				t.Errorf("%+v", r.Checked)
			}
		})
	}
}

// TestSmallAnswers: the check asks for fewer messages at once if the provider sends only few.
func TestSmallAnswers(t *testing.T) {
	t.Parallel()
	_, address := at(t, "--maxanswermessages=7")
	r, _ := load(t, 0, "chat", address, "--clients=4", "--rate=50", "--duration=1s")
	clean(t, r)
	if !r.Checked.History || r.Checked.Found < 8 {
		t.Errorf("%+v", r.Checked)
	}
}

// TestDumbTerminal: a terminal that cannot move its cursor gets plain lines, without a bar.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	args := []string{"--selfhost", "--provider", provider, "--providerarg=--hashmemory=64", "--clients=2", "--rate=20", "--duration=1s"}
	term := terminaltest.Start(t, 80, 24, program, args, []string{"TERM=dumb"})
	if code := term.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if said := term.Output(); strings.Contains(said, "\x1b") || !strings.Contains(said, "load done: ") {
		t.Errorf("it says %q", said)
	}
}
