package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
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

// consoleLine is what the original printed of every request and answer.
var consoleLine = regexp.MustCompile(
	`^\(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\) \| HOME (<==|==>) \[127\.0\.0\.1:\d+\] \| \{.*\}$`)

func TestConsoleLines(t *testing.T) {
	p := startProvider(t, "--logrequests", "--providernameinconsole", "HOME")
	p.dial().must("register", "usernm", "alice", "passwd", "secret")
	p.Stop()
	arrows := map[string]int{}
	for _, line := range strings.Split(p.Stdout.Text(), "\n")[1:] {
		if match := consoleLine.FindStringSubmatch(line); match != nil {
			arrows[match[1]]++
		}
	}
	if arrows["<=="] != 1 || arrows["==>"] != 1 {
		t.Errorf("one request and one answer were due:\n%s", p.Stdout.Text())
	}
}

// TestHostileTextIsHarmlessInTheLog sends what would forge a line or move the
// operator's cursor.
func TestHostileTextIsHarmlessInTheLog(t *testing.T) {
	p := startProvider(t, "--logrequests", "--loglevel", "debug")
	forged := "x\n(2020-01-01 00:00:00) | FORGED \x1b[2J \u202e"
	c := p.join("alice")
	c.call("register", "usernm", forged, "passwd", "x")
	c.call("login", "usernm", forged, "passwd", "x")
	c.call(forged)
	c.makeServer("gophers")
	c.post("gophers", "general", forged)
	p.Stop()
	for _, line := range strings.Split(p.Stdout.Text()+"\n"+p.Stderr.Text(), "\n") {
		if strings.HasPrefix(line, "(2020-01-01") || strings.ContainsAny(line, "\x1b\u202e") {
			t.Errorf("a client's text reached the terminal as it was: %q", line)
		}
	}
}

// onPipe starts a provider that prints to a pipe, and reads no more than the start line.
func onPipe(t *testing.T) (p *provider, reader *os.File) {
	t.Helper()
	p = unstarted(t, filepath.Join(t.TempDir(), "data"))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() }) // perhaps again
	if err := p.LaunchTo(writer, on(p.Dir, "--logrequests")...); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, err := reader.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(first[:n]), "\n")
	p.Addr = providertest.ListensAt(line)
	return p, reader
}

// TestOutputReaderGone closes the pipe that the provider prints to: it goes on.
func TestOutputReaderGone(t *testing.T) {
	p, reader := onPipe(t)
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	p.join("alice").makeServer("gophers")
	p.join("alice").must("getjoinedservers")
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestOutputIsNotRead leaves the pipe full that the provider prints to: clients
// are served, and the stop is one in order.
func TestOutputIsNotRead(t *testing.T) {
	t.Parallel()
	p, _ := onPipe(t)
	alice := p.join("alice")
	alice.makeServer("gophers")
	for range 200 { // a line has up to 1,000 letters, the pipe 64 KiB
		alice.post("gophers", "general", strings.Repeat("x", 1000))
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
}

// TestLongValuesAreCutInTheLog: between characters, and with a sign that something was there.
func TestLongValuesAreCutInTheLog(t *testing.T) {
	p := unstarted(t, filepath.Join(t.TempDir(), "data"))
	p.Env = []string{"ELEMENTAL_X" + strings.Repeat("é", 150) + "=1"}
	p.Start()
	p.WaitLog("a warning", func(line string) bool {
		return strings.HasSuffix(line, "name=ELEMENTAL_X"+strings.Repeat("é", 94)+"…")
	})
	p.Stop()
}

// TestLogForms wants the log in the form and from the level that was asked for.
func TestLogForms(t *testing.T) {
	p := startProvider(t, "--logformat", "json", "--loglevel", "debug")
	p.Stop()
	if p.Stderr.Text() == "" {
		t.Fatal("nothing is logged")
	}
	for _, line := range strings.Split(strings.TrimSpace(p.Stderr.Text()), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == nil {
			t.Errorf("%q is no JSON log line: %v", line, err)
		}
	}
	quiet := startProvider(t, "--loglevel", "error")
	quiet.Stop()
	if text := strings.TrimSpace(quiet.Stderr.Text()); text != "" {
		t.Errorf("logged below the level: %s", text)
	}
}
