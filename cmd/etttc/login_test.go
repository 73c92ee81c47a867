package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/termios"
	"github.com/containerd/console"
	xterm "golang.org/x/term"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// terminal is the program in a terminal, with somebody who types.
type terminal struct {
	*running
	keys console.Console
}

func (h *house) startTerminal(args ...string) *terminal {
	h.t.Helper()
	cmd := h.command(args...)
	r := &running{h: h, cmd: cmd, out: providertest.NewLines(), err: providertest.NewLines(), exited: make(chan struct{})}
	keys, err := terminaltest.StartIn(cmd, 80, 24)
	h.must(err)
	term := &terminal{r, keys}
	go func() {
		defer close(r.exited)
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			_, _ = r.out.Write([]byte(strings.ReplaceAll(string(b[:n]), "\r\n", "\n"))) // this never fails
			if err != nil {
				break // the program has ended
			}
		}
		_ = cmd.Wait() // its result is in ProcessState
	}()
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-r.exited
		_ = keys.Close()
		if h.t.Failed() {
			h.t.Logf("the terminal:\n%s", r.out.Text())
		}
		h.checkClean(r.out.Text())
	})
	return term
}

// answer waits for a question and types an answer.
func (term *terminal) answer(question, answer string) {
	term.h.t.Helper()
	term.question(question)
	term.press(answer + "\n")
}

// question waits until the terminal shows a question and nothing after it.
func (term *terminal) question(question string) {
	term.h.t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(5 * time.Millisecond); !strings.HasSuffix(term.out.Text(), question); {
		select {
		case <-tick.C:
		case <-term.exited:
			term.h.t.Fatalf("the program ended before %q", question)
		case <-deadline:
			term.h.t.Fatalf("no %q after %v", question, patience)
		}
	}
}

func (term *terminal) press(keys string) {
	term.h.t.Helper()
	if _, err := term.keys.Write([]byte(keys)); err != nil {
		term.h.t.Fatal(err)
	}
}

// A user registers and logs in as with the original client, is told of mistakes on the way, and
// is remembered. Passwords are never shown.
func TestLoginByAsking(t *testing.T) {
	h := newHouse(t)
	term := h.startTerminal(h.p.Addr, "--plain")
	term.answer("(r)egister or (l)ogin: ", "x")
	term.waitOut("invalid option")
	term.answer("(r)egister or (l)ogin: ", "l")
	term.answer("username: ", "carol")
	term.answer("password: ", "PLANTED-carol-password")
	term.waitOut("login failed, username does not exist")
	term.answer("(r)egister or (l)ogin: ", "r")
	term.answer("username: ", "carol")
	term.answer("password: ", "PLANTED-carol-password")
	term.waitOut("logged in as carol at LOCALPROVIDER")
	term.waitOut("welcome to")

	term.press("/joinserver\n")
	term.answer("server name: ", "demo")
	term.answer("server password: ", serverPassword)
	term.waitOut("successfully joined server")
	term.press("hello from carol\n")
	term.press("/passwd\n")
	term.answer("old password: ", "PLANTED-carol-password")
	term.answer("new password: ", "PLANTED-other")
	term.answer("new password again: ", "PLANTED-other")
	term.waitOut("password has been changed")
	term.press("/quit\n")
	if code := term.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := h.texts("general"); len(got) != 1 || got[0] != "hello from carol" {
		t.Errorf("the channel has %q", got)
	}

	again := h.startTerminal("--plain", "--server", "demo")
	again.answer("(r)egister or (l)ogin: ", "l")
	again.answer("username (carol): ", "")
	again.answer("password: ", "PLANTED-other")
	again.waitOut("demo/general carol: hello from carol") // the last messages are shown
	again.press("\x04")
	h.checkFolder(h.home)
}

// A registration that is refused is tried again with the next password, unless the user is there
// already: then only a login can help.
func TestRegisterOnceMore(t *testing.T) {
	h := newHouse(t)
	term := h.startTerminal(h.p.Addr, "--plain", "--register", "--user", "carol")
	term.answer("password: ", "")
	term.waitOut("registration failed, invalid password")
	term.answer("password: ", "PLANTED-carol-password")
	term.waitOut("logged in as carol")
	term.press("\x04")

	again := h.startTerminal(h.p.Addr, "--plain", "--register", "--user", "carol")
	again.answer("password: ", "PLANTED-carol-password")
	again.waitOut("registration failed, user already exists")
	again.answer("password: ", "PLANTED-carol-password")
	again.waitOut("logged in as carol")
	again.press("\x04")
}

// Messages that come while a question waits are not printed into its line. If they are too many
// to be held back, the question is asked again.
func TestQuestionIsNotInterrupted(t *testing.T) {
	h := newHouse(t)
	bob := h.login("bob", bobPassword)
	term := h.startTerminal(h.asAlice()...)
	term.waitOut("connected to demo/general")
	term.press("/joinserver\n")
	term.question("server name: ")
	term.press("nowh")
	term.question("nowh")
	for _, text := range []string{"interrupting", "1", "2", "3", "4", "5"} {
		_, err := bob.Post(h.ctx(), "demo", "general", strings.Repeat(text, 15_000/len(text)))
		h.must(err)
	}
	term.question("\nserver name: ")
	if all := term.out.Text(); !strings.Contains(all, "server name: nowh\n[") {
		t.Errorf("the question was interrupted:\n%s", all)
	}
	term.press("ere\n")
	term.answer("server password: ", "PLANTED-x")
	term.waitOut("server does not exist")
}

// checkFolder fails if a file has a secret in it, or others can read it.
func (h *house) checkFolder(folder string) {
	h.t.Helper()
	files := 0
	h.must(filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "PLANTED") || info.Mode().Perm() != 0o600 {
			h.t.Errorf("%s, %v:\n%s", path, info.Mode(), text)
		}
		return err
	}))
	if files == 0 {
		h.t.Errorf("there is no file in %s", folder)
	}
}

// Ctrl-C or Ctrl-\ during a question for a password leaves the terminal with its echo.
func TestInterruptedQuestion(t *testing.T) {
	h := newHouse(t)
	for key, code := range map[string]int{"\x03": 130, "\x1c": 131} {
		term := h.startTerminal(h.p.Addr, "--plain", "--user", "alice")
		term.answer("password: ", "wrong")
		term.waitOut("login failed, password is incorrect")
		term.question("password: ")
		term.press(key)
		if got := term.code(); got != code {
			t.Errorf("exit code %d after %q", got, key)
		}
		term.checkCooked()
	}
}

// The answer to a question for a password is hidden also after Ctrl-Z: the shell has given the
// terminal its echo back.
func TestStoppedAtAQuestion(t *testing.T) {
	h := newHouse(t)
	term := h.startTerminal(h.p.Addr, "--plain", "--user", "alice")
	term.question("password: ")
	h.must(termios.SetTermios(int(term.keys.Fd()), 0, 0, nil, nil, nil, nil, map[termios.L]bool{termios.ECHO: true}))
	term.signal(syscall.SIGCONT)
	term.answer("password: password: ", alicePassword) // that it is not shown is checked at the end
	term.waitOut("logged in as alice")
	term.press("/quit\n")
	if code := term.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	term.checkCooked()
}

// Ctrl-D at a question of the login ends the program without a refusal, and leaves the line and
// the terminal in order; also if the answer is not shown.
func TestEndAtAQuestion(t *testing.T) {
	h := newHouse(t)
	for question, args := range map[string][]string{
		"(r)egister or (l)ogin: ": {h.p.Addr, "--plain"},
		"password: ":              {h.p.Addr, "--plain", "--user", "alice"},
	} {
		term := h.startTerminal(args...)
		term.question(question)
		term.press("\x04")
		if code := term.code(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
		if got := term.out.Text(); got != question+"\n" {
			t.Errorf("the terminal has %q", got)
		}
		term.checkCooked()
	}
}

// Ctrl-D in a line hands it over as it is, and a second one ends the input, as in other programs.
func TestEndInALine(t *testing.T) {
	h := newHouse(t)
	term := h.startTerminal(h.asAlice()...)
	term.waitOut("connected to demo/general")
	term.press("without its end\x04\x04")
	if code := term.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"without its end"}) {
		t.Errorf("the channel has %q", got)
	}
}

// Ctrl-D at a question of a command gives up that command and nothing else.
func TestEndAtAQuestionOfACommand(t *testing.T) {
	h := newHouse(t)
	term := h.startTerminal(h.asAlice()...)
	term.waitOut("connected to demo/general")
	term.press("/joinserver\n")
	term.question("server name: ")
	term.press("\x04")
	term.waitOut("/joinserver was given up")
	term.press("/joinserver\n")
	term.answer("server name: ", "demo")
	term.question("server password: ")
	term.press("\x04")
	term.waitOut("/joinserver was given up")
	term.press("still here\n/quit\n")
	if code := term.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"still here"}) {
		t.Errorf("the channel has %q", got)
	}
}

// On a terminal that says it can do nothing (TERM=dumb), no full screen is drawn.
func TestDumbTerminal(t *testing.T) {
	h := newHouse(t)
	t.Setenv("TERM", "dumb")
	term := h.startTerminal(h.p.Addr)
	term.answer("(r)egister or (l)ogin: ", "l")
	term.answer("username: ", "alice")
	term.answer("password: ", alicePassword)
	term.waitOut("logged in as alice")
	term.press("/quit\n")
	if code, all := term.code(), term.out.Text()+term.err.Text(); code != exitOK || !strings.Contains(all, "TERM=dumb") || strings.Contains(all, "\x1b") {
		t.Errorf("exit code %d, %q", code, all)
	}
}

// checkCooked checks that the terminal is in the state of a new one.
func (term *terminal) checkCooked() {
	h := term.h
	h.t.Helper()
	keys, screen, err := terminaltest.Open(80, 24)
	h.must(err)
	defer func() { _, _ = keys.Close(), screen.Close() }()
	want, err := xterm.GetState(int(keys.Fd()))
	h.must(err)
	if got, err := xterm.GetState(int(term.keys.Fd())); err != nil || *got != *want {
		h.t.Errorf("the terminal is left as %v, a new one is %v, %v", got, want, err)
	}
}

func TestPasswordFromEnvironment(t *testing.T) {
	h := newHouse(t)
	cmd := h.command(h.p.Addr, "--json")
	cmd.Env = append(cmd.Env, "ETTTC_USER=alice", "ETTTC_PASSWORD="+alicePassword, "ETTTC_SERVER=demo", "ETTTC_SEVER=x")
	cmd.Stdin = strings.NewReader("hello\n")
	r := h.finish(cmd)
	if r.code != 0 || !strings.Contains(r.out, `"posted"`) || r.err != "etttc: warning: unknown environment variable ETTTC_SEVER\n" {
		t.Errorf("%v", r)
	}
	cmd = h.command(h.asAlice()...) // with a file, which counts first
	cmd.Env = append(cmd.Env, "ETTTC_PASSWORD="+bobPassword)
	if r := h.finish(cmd); r.code != 0 || r.err != "" {
		t.Errorf("with another password in the environment: %v", r)
	}
}

func TestPasswordFileOthersCanRead(t *testing.T) {
	h := newHouse(t)
	args := h.asAlice()
	for _, mode := range []os.FileMode{0o640, 0o604} {
		h.must(os.Chmod(args[5], mode))
		r := h.run("", args...)
		if r.code != 0 || r.err != "etttc: warning: "+args[5]+" can be read by others\n" {
			t.Errorf("%v: %v", mode, r)
		}
	}
}

// Secrets that went through the program are not in anything that it prints.
func TestSecretsStayInside(t *testing.T) {
	h := newHouse(t)
	script := strings.Join([]string{
		"/createserver two PLANTED-two", "/joinserver demo " + serverPassword, "/joinserver demo PLANTED-wrong", "/joinserver two words PLANTED-three",
		"/joinserver \"demo PLANTED-open", "/deleteserver two PLANTED-wrong", "/jionserver demo PLANTED-typo",
		"/passwd " + alicePassword + " PLANTED-new PLANTED-other", "/passwd " + alicePassword + " PLANTED-new PLANTED-new", "/reconnect", "hello",
	}, "\n")
	for _, form := range [][]string{{"--raw"}, {"--raw", "--json"}} {
		r := h.run(script, h.asAlice(form...)...) // run checks that no secret is printed
		if r.code != exitRefused || !strings.Contains(r.out+r.err, `"***"`) {
			t.Errorf("%v: %v", form, r)
		}
		h.must(h.login("alice", "PLANTED-new").ChangePassword(h.ctx(), "PLANTED-new", alicePassword))
	}
}

func TestTLS(t *testing.T) {
	certFile, keyFile, _ := providertest.Certificate(t)
	h := newEmptyHouse(t, "--tlscert", certFile, "--tlskey", keyFile)
	args := []string{h.p.Addr, "--plain", "--user", "alice", "--passwordfile", h.passwordFile(alicePassword), "--register"}
	for _, c := range []struct {
		more []string
		code int
		err  string
	}{
		{[]string{"--cafile", certFile}, exitOK, ""},
		{[]string{"--tlsskipverify"}, exitLogin, "no certificate is checked"}, // alice is registered by now
		{[]string{"--tls"}, exitTrouble, "certificate"},
		{nil, exitTrouble, h.p.Addr + ": no provider answers there, it may need --tls"},
	} {
		if r := h.run("", append(args, c.more...)...); r.code != c.code || !strings.Contains(r.err, c.err) {
			t.Errorf("%v: %v", c.more, r)
		}
	}
	other, _, _ := providertest.Certificate(t)
	cmd := h.command(append(args, "--cafile", other)...)
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+certFile) // the system's certificates are not trusted besides
	if r := h.finish(cmd); r.code != exitTrouble || !strings.Contains(r.err, "certificate") {
		t.Errorf("with another certificate: %v", r)
	}
}
