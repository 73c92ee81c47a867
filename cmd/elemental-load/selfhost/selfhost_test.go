package selfhost_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/cmd/elemental-load/selfhost"
)

// start starts a provider for a test. It is stopped at the end of the test.
func start(t *testing.T, o selfhost.Options) *selfhost.Provider {
	t.Helper()
	if o.Program == "" {
		o.Program = program
	}
	if o.Parent == "" {
		o.Parent = t.TempDir()
	}
	p, err := selfhost.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(killAtOnce()) })
	return p
}

// killAtOnce is a context that has ended, with which Stop kills at once.
func killAtOnce() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err = conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask returns the answer to a request.
func ask(t *testing.T, conn net.Conn, request string) string {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// isEmpty fails the test if a folder is not empty.
func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestStartAndStop(t *testing.T) {
	parent := t.TempDir()
	p := start(t, selfhost.Options{Parent: parent, Args: []string{"--providername", "HOSTED"}})
	if answer := ask(t, dial(t, p.Addr), `{"call":"getprovidername"}`); !strings.Contains(answer, "HOSTED") {
		t.Errorf("the options that were given have no effect: %s", answer)
	}
	if process, err := os.FindProcess(p.Pid); err != nil || process.Pid == os.Getpid() {
		t.Errorf("process %d (%v)", p.Pid, err)
	}
	if _, err := os.Stat(filepath.Join(p.Dir, "data")); err != nil || filepath.Dir(p.Dir) != parent {
		t.Errorf("its data is not in %s of %s (%v)", p.Dir, parent, err)
	}
	if err := p.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	for range 2 {
		if err := p.Stop(t.Context()); err != nil {
			t.Errorf("a stop: %v\n%s", err, p.Log())
		}
	}
	<-p.Exited()
	if err := p.Err(); err != nil {
		t.Errorf("after a stop: %v", err)
	}
	if !strings.Contains(p.Log(), "stopped") {
		t.Errorf("it was not stopped in order:\n%s", p.Log())
	}
	isEmpty(t, parent)
}

func TestKeep(t *testing.T) {
	var said []string
	p := start(t, selfhost.Options{Keep: true, Log: func(text string) { said = append(said, text) }})
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(p.Dir, "data")); err != nil || len(left) == 0 {
		t.Errorf("nothing is kept: %v", err)
	}
	if len(said) != 1 || !strings.Contains(said[0], p.Dir) {
		t.Errorf("where it is kept is not said: %q", said)
	}
}

// TestEnvironment: a variable of the user's own provider, which would show in the
// provider's name, has no effect.
func TestEnvironment(t *testing.T) {
	t.Setenv("ELEMENTAL_PROVIDERNAME", "FROM-THE-ENVIRONMENT")
	p := start(t, selfhost.Options{})
	if answer := ask(t, dial(t, p.Addr), `{"call":"getprovidername"}`); strings.Contains(answer, "FROM-THE-ENVIRONMENT") {
		t.Error(answer)
	}
}

// TestAllAddresses: if the provider listens on all addresses, Addr is one that clients
// can connect to.
func TestAllAddresses(t *testing.T) {
	for host, want := range map[string]string{"0.0.0.0": "127.0.0.1:", "::": "127.0.0.1:", "127.0.0.2": "127.0.0.2:"} {
		p := start(t, selfhost.Options{Args: []string{"--host", host}})
		if !strings.HasPrefix(p.Addr, want) {
			t.Errorf("--host %s: listens at %s", host, p.Addr)
		}
		ask(t, dial(t, p.Addr), `{"call":"getprovidername"}`)
	}
}

// TestDiesEarly: if a provider ends before it listens, the error says why in the
// provider's words. Nothing is left, since there is nothing to keep.
func TestDiesEarly(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--port", port}, "address already in use"},
		{[]string{"--no-such-option"}, "no-such-option"},
		{[]string{"--storagepath", "/dev/null/data"}, "/dev/null"},
		{[]string{"--version"}, "its log is empty"},
	} {
		parent := t.TempDir()
		p, err := selfhost.Start(t.Context(), selfhost.Options{Program: program, Parent: parent, Args: c.args, Keep: true})
		if p != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ended at its start (exit status") {
			t.Errorf("%v: %v", c.args, err)
		}
		isEmpty(t, parent)
	}
}

// TestSaysNothing: a program does not say that it listens.
func TestSaysNothing(t *testing.T) {
	silent := script(t, "echo some other program >&2; exec sleep 1000")
	parent := t.TempDir()
	_, err := selfhost.Start(t.Context(), selfhost.Options{Program: silent, Parent: parent, Timeout: 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "did not say within 50ms that it listens") {
		t.Error(err)
	}
	isEmpty(t, parent)
	_, err = selfhost.Start(killAtOnce(), selfhost.Options{Program: silent, Parent: parent})
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Error(err)
	}
	isEmpty(t, parent)
}

// TestDies: somebody kills the provider during the load.
func TestDies(t *testing.T) {
	parent := t.TempDir()
	p := start(t, selfhost.Options{Parent: parent})
	process, err := os.FindProcess(p.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err = process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.Exited()
	for _, err := range []error{p.Err(), p.Stop(t.Context()), p.Stop(killAtOnce())} {
		if err == nil || !strings.Contains(err.Error(), "ended by itself (signal: killed)") {
			t.Errorf("it says %v", err)
		}
	}
	isEmpty(t, parent)
}

// TestDoesNotStop: a provider ignores every signal but SIGKILL, and Stop is called twice.
// The second call has no time, and so ends the wait of the first.
func TestDoesNotStop(t *testing.T) {
	deaf := script(t, "trap 'echo no >&2' TERM\n"+
		"echo 'elemental: listening on 127.0.0.1:1 (encoding ascii, data in x, 1 connections at most)'\n"+
		"while :; do sleep 0.1; done")
	parent := t.TempDir()
	p := start(t, selfhost.Options{Program: deaf, Parent: parent})
	var both sync.WaitGroup
	check := func(err error) {
		if err == nil || !strings.Contains(err.Error(), "did not stop in time and was killed; the end of its log:\n") || !strings.Contains(err.Error(), "no") {
			t.Errorf("it says %v", err)
		}
	}
	both.Go(func() { check(p.Stop(context.Background())) })
	for heard := false; !heard; heard = strings.Contains(p.Log(), "no") {
		select {
		case <-p.Exited():
			t.Fatal("it stopped")
		case <-time.After(time.Millisecond): // the pace of looking
		}
	}
	check(p.Stop(killAtOnce()))
	both.Wait()
	isEmpty(t, parent)
}

// TestScript: the program is a script, and the provider that it starts ends with it.
func TestScript(t *testing.T) {
	wrapper := script(t, program+` "$@"; echo it has ended >&2`)
	p := start(t, selfhost.Options{Program: wrapper})
	conn := dial(t, p.Addr)
	if err := p.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "signal: terminated") {
		t.Errorf("it says %v", err) // about the script, which does not handle signals
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the provider is still there (%v)", err)
	}
}

// TestLogIsBounded: a provider prints much, and one endless line.
func TestLogIsBounded(t *testing.T) {
	chatty := script(t, "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done >&2\n"+
		"head -c 100000 /dev/zero | tr '\\0' x >&2; exit 7")
	_, err := selfhost.Start(t.Context(), selfhost.Options{Program: chatty, Parent: t.TempDir()})
	if err == nil {
		t.Fatal("it started")
	}
	text := err.Error()
	if !strings.Contains(text, "exit status 7") || !strings.Contains(text, "\nline 500\n") || !strings.Contains(text, "\nline 401\n") ||
		strings.Contains(text, "line 400\n") || len(text) > 8<<10 {
		t.Errorf("%d bytes: %.2000s", len(text), text)
	}
}

// TestManyRequestsPrinted: a provider prints each request. That must neither stop it nor
// fill the memory.
func TestManyRequestsPrinted(t *testing.T) {
	p := start(t, selfhost.Options{Args: []string{"--logrequests"}})
	conn := dial(t, p.Addr)
	request := `{"call":"getprovidername","ballast":"` + strings.Repeat("x", 10<<10) + `"}`
	for range 50 { // more than a pipe holds
		ask(t, conn, request)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
