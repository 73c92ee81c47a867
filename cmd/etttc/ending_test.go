package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestExitCodes(t *testing.T) {
	h := newHouse(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	nowhere := nobody.Addr().String()
	h.must(nobody.Close())
	empty := filepath.Join(t.TempDir(), "empty")
	h.must(os.WriteFile(empty, nil, 0o600))
	right, wrong := h.passwordFile(alicePassword), h.passwordFile(bobPassword)
	for _, c := range []struct {
		what string
		args []string
		code int
		err  string
	}{
		{"fine", h.asAlice(), exitOK, ""},
		{"the provider is not there", []string{nowhere, "--plain", "--user", "alice", "--passwordfile", right}, exitTrouble, "refused"},
		{"an unknown option", []string{"--colour"}, exitUsage, "unknown flag --colour"},
		{"no terminal for the screen", []string{h.p.Addr}, exitUsage, "the full screen needs a terminal; use --plain in pipes and scripts"},
		{"a bad address", []string{"a:b:c", "--plain", "--user", "alice", "--passwordfile", right}, exitUsage, "a:b:c"},
		{"an unknown encoding", h.asAlice("--encoding", "klingon"), exitUsage, "--encoding"},
		{"a channel of no server", []string{"--plain", "--channel", "general"}, exitUsage, "--channel needs --server"},
		{"nobody to register", []string{"--plain", "--register"}, exitUsage, "--register needs --user"},
		{"an option of the line mode", []string{"--follow"}, exitUsage, "need --plain"},
		{"another one", []string{"--literal"}, exitUsage, "need --plain"},
		{"one with a number", []string{"--tail", "3"}, exitUsage, "need --plain"},
		{"trust in some and in any", h.asAlice("--cafile", right, "--tlsskipverify"), exitUsage, "exclude each other"},
		{"plain seconds", []string{"--plain", "--timeout=-1.5"}, exitUsage, "--timeout: -1.5s is out of range"},
		{"no duration", h.asAlice("--timeout", "soon"), exitUsage, `--timeout: "soon" is no duration`},
		{"no time", []string{"--plain", "--timeout", "0s"}, exitUsage, "--timeout"},
		{"a tail below nothing", h.asAlice("--tail=-3"), exitUsage, "--tail: -3 is out of range"},
		{"the default's own number as a tail", h.asAlice("--tail=-1"), exitUsage, "--tail: -1 is out of range"},
		{"no user", []string{h.p.Addr, "--plain", "--passwordfile", right}, exitUsage, "user and password are needed"},
		{"no password", []string{h.p.Addr, "--plain", "--user", "alice"}, exitUsage, "user and password are needed"},
		{"no password file", []string{"--plain", "--passwordfile", empty + "no"}, exitUsage, "no such file"},
		{"an empty password file", []string{"--plain", "--passwordfile", empty}, exitUsage, "is no password"},
		{"no certificates", h.asAlice("--cafile", right), exitUsage, "has no certificate"},
		{"a wrong password", []string{h.p.Addr, "--plain", "--user", "alice", "--passwordfile", wrong}, exitLogin, "login failed, password is incorrect"},
		{"no such user", []string{h.p.Addr, "--plain", "--user", "carol", "--passwordfile", right}, exitLogin, "login failed, username does not exist"},
		{"a user that is there", []string{h.p.Addr, "--plain", "--user", "alice", "--passwordfile", right, "--register"}, exitLogin, "registration failed, user already exists"},
		{"nobody there, which TLS would not change", []string{nowhere, "--plain", "--user", "alice", "--passwordfile", right}, exitTrouble, "connection refused"},
		{"no such server", []string{h.p.Addr, "--plain", "--user", "alice", "--passwordfile", right, "--server", "no\x1bwhere"}, exitRefused, "no␛where: not in that server"},
		{"no such channel", h.asAlice("--channel", "nowhere"), exitRefused, "nowhere: no such channel in this server"},
		{"no TLS there", h.asAlice("--tlsskipverify"), exitTrouble, "no certificate is checked"},
	} {
		r := h.run("a line\n", c.args...)
		if r.code != c.code || !strings.Contains(r.err, c.err) || (c.err == "") != (r.err == "") {
			t.Errorf("%s: %v\nwant %d and %q", c.what, r, c.code, c.err)
		}
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"a line"}) {
		t.Errorf("what failed has posted: %q", got)
	}
}

func TestHelpTellsExitCodes(t *testing.T) {
	h := &house{t: t, home: t.TempDir()}
	r := h.run("", "--help")
	text := strings.Join(strings.Fields(r.out), " ")
	for _, want := range []string{"141 since nobody reads the output", "1 trouble", "2 a mistake in the options", "3 the login was refused", "4 a post or command was refused", "130 ended by Ctrl-C"} {
		if !strings.Contains(text, want) {
			t.Errorf("--help does not say %q", want)
		}
	}
}

// An output that cannot be written is reported, and is no mistake in the options.
func TestOutputThatCannotBeWritten(t *testing.T) {
	h := &house{t: t, home: t.TempDir()}
	shut, err := os.Open(os.DevNull) // open only for reading
	h.must(err)
	defer func() { _ = shut.Close() }()
	for _, option := range []string{"--help", "--version"} {
		var said strings.Builder
		cmd := h.command(option)
		cmd.Stdout, cmd.Stderr = shut, &said
		_ = cmd.Run() // its result is in ProcessState
		if code := cmd.ProcessState.ExitCode(); code != exitTrouble || !strings.HasPrefix(said.String(), "etttc: the output cannot be written: ") {
			t.Errorf("%s: exit code %d, %q", option, code, said.String())
		}
	}
}

// A program whose output nobody reads any more ends as a shell expects.
func TestNobodyReads(t *testing.T) {
	h := newHouse(t)
	for i := range 3 {
		_, err := h.login("bob", bobPassword).Post(h.ctx(), "demo", "general", fmt.Sprint("message ", i))
		h.must(err)
	}
	cmd := h.command(h.asAlice("--follow", "--tail", "3")...)
	reader, writer, err := os.Pipe()
	h.must(err)
	h.must(reader.Close())
	cmd.Stdout = writer
	h.must(cmd.Start())
	h.must(writer.Close())
	_ = cmd.Wait() // its result is in ProcessState
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGPIPE {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}

// A program whose output is not read for a while, though it could be, ends at the first signal.
func TestSignalWhileNobodyReads(t *testing.T) {
	h := newHouse(t)
	bob := h.login("bob", bobPassword)
	cmd := h.command(h.asAlice("--json", "--follow")...)
	reader, writer, err := os.Pipe()
	h.must(err)
	defer func() { _ = reader.Close() }()
	fill(t, writer)
	cmd.Stdout = writer
	r := h.startCommand(cmd)
	r.write("hello")
	sub, err := bob.SubscribeFrom(h.ctx(), "demo", "general", 0)
	h.must(err)
	<-sub.Events() // by now it prints
	r.signal(syscall.SIGTERM)
	if code := r.code(); code != 143 {
		t.Errorf("exit code %d", code)
	}
}

// fill fills a pipe.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	if err == nil {
		err = raw.Write(func(fd uintptr) bool {
			for size := 64 << 10; size > 0; size /= 2 {
				for full := error(nil); full == nil; { // it is not blocking yet
					_, full = syscall.Write(int(fd), make([]byte, size))
				}
			}
			return true
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// After a signal, the post that is under way can still be acknowledged, if that comes soon.
func TestSignalWaitsForPost(t *testing.T) {
	h := newHouse(t)
	r := h.start(h.asAlice("--raw", "--json")...)
	r.write("first")
	r.waitOut(`"event":"posted"`)
	h.p.Pause()
	r.write("second")
	r.waitOut(`"msg":"second"`)
	r.signal(syscall.SIGINT)
	h.p.Resume()
	if code := r.code(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("the channel has %q", got)
	}
	if strings.Contains(r.err.Text(), "not acknowledged") {
		t.Errorf("the second line is said to be lost: %s", r.err.Text())
	}
}

// A post that is not acknowledged in time is reported.
func TestSignalTellsWhatIsPending(t *testing.T) {
	h := newHouse(t)
	r := h.start(h.asAlice("--raw", "--json")...)
	r.write("first")
	r.waitOut(`"event":"posted"`)
	h.p.Pause()
	r.write("second")
	r.waitOut(`"msg":"second"`)
	r.signal(syscall.SIGTERM)
	if code := r.code(); code != 143 {
		t.Errorf("exit code %d", code)
	}
	if want := "line 2 was not acknowledged (1 message before it was)"; !strings.Contains(r.err.Text(), want) {
		t.Errorf("it says %q, want %q", r.err.Text(), want)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	h := newHouse(t)
	r := h.start(h.asAlice("--raw", "--json", "--follow")...)
	r.write("first")
	r.waitOut(`"event":"posted"`)
	h.p.Pause()
	r.write("second")
	r.waitOut(`"msg":"second"`)
	r.signal(syscall.SIGTERM)
	r.signal(syscall.SIGINT)
	if code := r.code(); code != 130 && code != 143 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(r.err.Text(), "not acknowledged") {
		t.Error("it waited for the post")
	}
}

func TestSignalWhileIdle(t *testing.T) {
	h := newHouse(t)
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		r := h.start(h.asAlice("--follow", "--json")...)
		r.waitOut(`"online"`)
		r.signal(sig)
		if got := r.code(); got != code || r.err.Text() != "" {
			t.Errorf("%v: exit code %d, %q", sig, got, r.err.Text())
		}
	}
}

// If the provider is killed and comes back, nothing is lost: every line is there once and in
// order.
func TestProviderComesBack(t *testing.T) {
	h := newHouse(t)
	r := h.start(h.asAlice("--json")...)
	bob := h.start(h.asBob("--follow", "--json", "--raw")...)
	bob.waitOut(`"amount":0`) // from here on it is subscribed
	r.write("first")
	r.waitOut(`"event":"posted"`)
	want := []string{"first"}
	for i := range 300 {
		if i%100 == 50 {
			h.p.Kill()
		}
		want = append(want, fmt.Sprint("line ", i))
		r.write(want[i+1])
		if i%100 == 60 {
			r.waitOut("connection lost")
			h.p.Start()
		}
	}
	h.must(r.in.Close())
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := h.texts("general"); !slices.Equal(got, want) {
		t.Errorf("the channel has %d lines: %q", len(got), got)
	}
	r.waitOut("connected again")
	bob.waitOut(`"text":"line 299"`) // printed as an event, and not only as part of the wire
	var heard []string
	for line := range strings.Lines(bob.out.Text()) {
		if _, text, found := strings.Cut(line, `"author":"alice","text":"`); found {
			text, _, _ = strings.Cut(text, `"`)
			heard = append(heard, text)
		}
	}
	if !slices.Equal(heard, want) {
		t.Errorf("bob heard %d lines: %q", len(heard), heard)
	}
}

// A post is refused after an earlier try of it got no answer: the refusal does not say that
// nothing was done.
func TestRefusedAfterALostAnswer(t *testing.T) {
	h := newHouse(t)
	bob := h.start(h.asBob("--json", "--raw")...)
	bob.waitOut(`"messages":[]`) // from here on it listens
	h.must(h.login("alice", alicePassword).DeleteChannel(h.ctx(), "demo", "general"))
	bob.waitOut("demo/general is not heard any more, channel was deleted")
	h.p.Pause()
	bob.write("perhaps")
	bob.waitOut(`"call":"message"`)
	h.p.Kill()
	h.p.Restart()
	bob.waitOut(`{"event":"refused","text":"line 1: not posted, channel does not exist, but an earlier try may have been done","line":1,"code":"outcome_unknown"}`)
}

func TestProviderStaysAway(t *testing.T) {
	h := newHouse(t)
	const away = "8s" // a busy machine needs some of it for the login
	r := h.start(h.asAlice("--timeout", away, "--json")...)
	idle := h.start(h.asBob("--timeout", away, "--json", "--raw")...)
	idle.waitOut(`"messages":[]`) // from here on it does nothing
	r.write("first")
	r.waitOut(`"event":"posted"`)
	h.p.Kill()
	r.write("second")
	r.write("third")
	if code := r.code(); code != exitTrouble {
		t.Errorf("exit code %d", code)
	}
	if want := "line 2 was not acknowledged (1 message before it was), what follows it was not read"; !strings.Contains(r.err.Text(), want) {
		t.Errorf("it says %q, want %q", r.err.Text(), want)
	}
	if code := idle.code(); code != exitTrouble || !strings.Contains(idle.err.Text(), "the provider stayed away for "+away) {
		t.Errorf("without a line: exit code %d, %q", code, idle.err.Text())
	}
}
