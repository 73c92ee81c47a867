package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// These tests run the real program against a real provider, both built with the race detector.
// Each wait is for a condition; patience only limits how long a failing test takes.
const patience = providertest.Patience

// The built programs.
var etttc, elemental string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	providertest.HeedHangups()
	dir, err := os.MkdirTemp("", "etttc-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if etttc, err = providertest.Build(dir, "elemental/cmd/etttc"); err == nil {
		elemental, err = providertest.Build(dir, "elemental/cmd/elemental")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// The secrets of the tests' users; the program must not show any of them.
const (
	alicePassword  = "PLANTED-alice-password"
	bobPassword    = "PLANTED-bob-password"
	serverPassword = "PLANTED-server-password"
)

// house is a provider, and a home folder for the users of the program.
type house struct {
	t    *testing.T
	p    *providertest.Provider
	home string
}

// newEmptyHouse starts a provider without users.
func newEmptyHouse(t *testing.T, providerArgs ...string) *house {
	t.Helper()
	return &house{t: t, p: providertest.Start(t, elemental, providerArgs...), home: t.TempDir()}
}

// newHouse starts a provider with the users alice and bob, both in alice's
// server demo.
func newHouse(t *testing.T, providerArgs ...string) *house {
	t.Helper()
	h := newEmptyHouse(t, providerArgs...)
	alice, bob := h.login("alice", alicePassword), h.login("bob", bobPassword)
	ctx := h.ctx()
	h.must(alice.CreateServer(ctx, "demo", serverPassword))
	h.must(bob.JoinServer(ctx, "demo", serverPassword))
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	h.t.Cleanup(cancel)
	return ctx
}

// login returns a client of the library that is logged in as that user, who is registered if need
// be.
func (h *house) login(user, password string) *client.Client {
	h.t.Helper()
	c, err := client.Dial(h.ctx(), h.p.Addr, client.Options{})
	h.must(err)
	h.t.Cleanup(func() { c.Close() })
	if err := c.Register(h.ctx(), user, password); client.CodeOf(err) != "" && client.CodeOf(err) != client.UserExists {
		h.t.Fatal(err)
	}
	h.must(c.Login(h.ctx(), user, password))
	return c
}

// texts returns the texts of all messages in a channel of demo.
func (h *house) texts(channel string) []string {
	h.t.Helper()
	page, err := h.login("alice", alicePassword).Latest(h.ctx(), "demo", channel, 5000, -1)
	h.must(err)
	var all []string
	for _, m := range page.Messages {
		all = append(all, m.Text)
	}
	return all
}

// passwordFile writes a password to a file that nobody else can read, and returns its path.
func (h *house) passwordFile(password string) string {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "password")
	h.must(os.WriteFile(path, []byte(password+"\nanother line\n"), 0o600))
	return path
}

// asAlice and asBob return the options that log them in at demo/general.
func (h *house) asAlice(more ...string) []string {
	return append([]string{h.p.Addr, "--plain", "--user", "alice", "--passwordfile", h.passwordFile(alicePassword), "--server", "demo", "--channel", "general"}, more...)
}

func (h *house) asBob(more ...string) []string {
	return append([]string{h.p.Addr, "--plain", "--user", "bob", "--passwordfile", h.passwordFile(bobPassword), "--server", "demo", "--channel", "general"}, more...)
}

// command returns the program, ready to be started.
func (h *house) command(args ...string) *exec.Cmd {
	cmd := exec.Command(etttc, args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ETTTC_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+h.home, "XDG_CONFIG_HOME="+filepath.Join(h.home, "config"),
		"XDG_CACHE_HOME="+filepath.Join(h.home, "cache"), "TZ=UTC", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// result is what a run printed and how it ended.
type result struct {
	out, err string
	code     int
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\nstandard output:\n%s\nstandard error:\n%s", r.code, r.out, r.err)
}

// run runs the program with that input until it ends.
func (h *house) run(input string, args ...string) result {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(input)
	return h.finish(cmd)
}

func (h *house) finish(cmd *exec.Cmd) result {
	h.t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	h.must(cmd.Start())
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(syscall.SIGABRT) })
	defer timer.Stop()
	_ = cmd.Wait() // its result is in ProcessState
	r := result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
	h.checkClean(r.out, r.err)
	return r
}

// checkClean fails if the output has a data race, a panic or a secret in it.
func (h *house) checkClean(texts ...string) {
	h.t.Helper()
	for _, text := range texts {
		for _, sign := range []string{"DATA RACE", "panic:", "goroutine ", "PLANTED"} {
			if strings.Contains(text, sign) {
				h.t.Fatalf("%q in what was printed:\n%s", sign, text)
			}
		}
	}
}

// running is a program that the test talks to while it runs.
type running struct {
	h        *house
	cmd      *exec.Cmd
	in       interface{ Close() error }
	write    func(string)
	out, err *providertest.Lines
	exited   chan struct{}
}

// wrapped returns the program, to be started by another program.
func (h *house) wrapped(by []string, args ...string) *exec.Cmd {
	cmd := h.command()
	path, err := exec.LookPath(by[0])
	h.must(err)
	cmd.Path, cmd.Args = path, slices.Concat(by, []string{etttc}, args)
	return cmd
}

// start starts the program with its input held open.
func (h *house) start(args ...string) *running {
	h.t.Helper()
	return h.startCommand(h.command(args...))
}

func (h *house) startCommand(cmd *exec.Cmd) *running {
	h.t.Helper()
	in, err := cmd.StdinPipe()
	h.must(err)
	r := &running{h: h, cmd: cmd, in: in, out: providertest.NewLines(), err: providertest.NewLines(), exited: make(chan struct{})}
	r.write = func(line string) {
		h.t.Helper()
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			h.t.Fatal(err)
		}
	}
	if cmd.Stdout == nil {
		cmd.Stdout = r.out
	}
	cmd.Stderr = r.err
	h.must(cmd.Start())
	go func() {
		_ = cmd.Wait() // its result is in ProcessState
		close(r.exited)
	}()
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-r.exited
		if h.t.Failed() {
			h.t.Logf("standard output:\n%s\nstandard error:\n%s", r.out.Text(), r.err.Text())
		}
		h.checkClean(r.out.Text(), r.err.Text())
	})
	return r
}

// waitOut and waitErr wait for a line that contains text.
func (r *running) waitOut(text string) string { return r.wait(r.out, text) }
func (r *running) waitErr(text string) string { return r.wait(r.err, text) }

func (r *running) wait(lines *providertest.Lines, text string) string {
	r.h.t.Helper()
	line, err := lines.Wait(fmt.Sprintf("%q", text), r.exited, func(line string) bool { return strings.Contains(line, text) })
	r.h.must(err)
	return line
}

func (r *running) signal(sig syscall.Signal) {
	r.h.t.Helper()
	r.h.must(r.cmd.Process.Signal(sig))
}

// code waits until the program has ended and returns its exit code.
func (r *running) code() int {
	r.h.t.Helper()
	select {
	case <-r.exited:
	case <-time.After(patience):
		_ = r.cmd.Process.Signal(syscall.SIGABRT) // this makes it print where it hangs
		<-r.exited
		r.h.t.Fatalf("the program has not ended:\n%s", r.err.Text())
	}
	return r.cmd.ProcessState.ExitCode()
}
