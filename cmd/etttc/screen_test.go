package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startScreen starts the full screen for alice in demo/general.
func (h *house) startScreen(more ...string) *terminal {
	h.t.Helper()
	args := slices.DeleteFunc(h.asAlice(more...), func(arg string) bool { return arg == "--plain" })
	term := h.startTerminal(args...)
	term.shows("message to ")
	return term
}

// shows waits until a text was sent to the terminal. Of a full screen it finds only what is drawn
// in one piece.
func (term *terminal) shows(text string) {
	term.h.t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(5 * time.Millisecond); !strings.Contains(term.out.Text(), text); {
		select {
		case <-tick.C:
		case <-term.exited:
			term.h.t.Fatalf("the program ended before %q", text)
		case <-deadline:
			term.h.t.Fatalf("no %q after %v", text, patience)
		}
	}
}

// showsImage has alice look at demo's image in a terminal that can show it.
func (h *house) showsImage() *terminal {
	h.t.Helper()
	var b bytes.Buffer
	h.must(png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 8, 8))))
	h.must(h.login("alice", alicePassword).SetImage(h.ctx(), "demo", b.Bytes()))
	term := h.startScreen()
	term.press("/getserverimg\r")
	term.shows("\x1b_Gi=31")
	term.press("\x1b_Gi=31;OK\x1b\\\x1b[?62c") // as Kitty answers
	term.shows("press Enter to return")
	return term
}

// Keys that are typed after the Enter that leaves an image go to the screen as they were typed.
func TestTypingOnAfterAnImage(t *testing.T) {
	h := newHouse(t)
	sub, err := h.login("bob", bobPassword).Subscribe(h.ctx(), "demo", "general")
	h.must(err)
	term := h.showsImage()
	term.press("ignored\rone line\ranother\r")
	for ctx, heard := h.ctx(), 0; heard < 2; heard++ {
		select {
		case <-sub.Events():
		case <-ctx.Done():
			t.Fatal("what was typed on was not posted")
		}
	}
	if got := h.texts("general"); !slices.Equal(got, []string{"one line", "another"}) {
		t.Errorf("posted %q", got)
	}
	term.press("\x04")
	if code := term.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSignalWhileAnImageIsShown(t *testing.T) {
	h := newHouse(t)
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		term := h.showsImage()
		term.signal(sig)
		if got := term.code(); got != code {
			t.Errorf("%v: exit code %d", sig, got)
		}
		term.checkCooked()
	}
}

// A hang-up reaches the program as a signal; its terminal may still be there.
func TestHangup(t *testing.T) {
	h := newHouse(t)
	term := h.startScreen()
	term.press("\x1b[200~never-sent\x1b[201~") // as a paste, which is drawn in one piece
	term.shows("never-sent")
	term.signal(syscall.SIGHUP)
	if code := term.code(); code != 129 {
		t.Errorf("exit code %d", code)
	}
	term.waitOut("not sent: never-sent")
	if out := term.out.Text(); strings.LastIndex(out, "\x1b[?1049l") < strings.LastIndex(out, "\x1b[?1049h") {
		t.Error("the full screen was not left")
	}
	term.checkCooked()
}

// The program ends when its terminal is closed, in either mode.
func TestTerminalIsClosed(t *testing.T) {
	h := newHouse(t)
	bob := h.login("bob", bobPassword)
	for mode, start := range map[string]func() *terminal{
		"screen": func() *terminal { return h.startScreen() },
		"lines": func() *terminal {
			term := h.startTerminal(h.asAlice()...)
			term.shows("connected to demo/general")
			return term
		},
	} {
		term := start()
		h.must(term.keys.Close())
		_, err := bob.Post(h.ctx(), "demo", "general", "wakes the test's own read, which holds the terminal")
		h.must(err)
		if code := term.code(); code != 129 {
			t.Errorf("%s: exit code %d", mode, code)
		}
	}
}

func TestHangupOfLineMode(t *testing.T) {
	h := newHouse(t)
	r := h.start(h.asAlice("--raw", "--json")...)
	r.write("first")
	r.waitOut(`"event":"posted"`)
	h.p.Pause()
	r.write("second")
	r.waitOut(`"msg":"second"`)
	r.signal(syscall.SIGHUP)
	if code := r.code(); code != 129 || !strings.Contains(r.err.Text(), "line 2 was not acknowledged") {
		t.Errorf("exit code %d, %q", code, r.err.Text())
	}
}

// Under nohup the program goes on.
func TestNohup(t *testing.T) {
	h := newHouse(t)
	script := filepath.Join(t.TempDir(), "script")
	h.must(os.WriteFile(script, []byte("trap '' HUP; exec \"$@\""), 0o600))
	r := h.startCommand(h.wrapped([]string{"sh", script}, h.asAlice("--json")...))
	r.write("first")
	r.waitOut(`"event":"posted"`)
	r.signal(syscall.SIGHUP)
	r.write("second")
	r.waitOut(`"text":"second"`)
	h.must(r.in.Close())
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The library of the screen can be told to write all input, with the passwords in it, to a file.
// The program prevents that.
func TestNoTrace(t *testing.T) {
	h := newHouse(t)
	trace := filepath.Join(t.TempDir(), "trace")
	t.Setenv("TEA_TRACE", trace)
	term := h.startScreen()
	term.press("/joinserver demo PLANTED-password\x15\x04")
	if code := term.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if text, err := os.ReadFile(trace); err == nil {
		t.Errorf("a trace was written:\n%s", text)
	}
}
