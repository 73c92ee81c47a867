// Package terminaltest runs a program in a pseudo-terminal, with a terminal
// emulator at the other end, for tests that see and do what a person does.
//
// A test waits for what it wants to see (WaitFor), never for a time. The
// emulator answers the questions that programs ask terminals, and its screen
// can be drawn as a picture (SVG).
package terminaltest

import (
	"image/color"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// Patience bounds every wait. It only says how long a failure takes.
const Patience = 30 * time.Second

// Terminal is a terminal with a program in it. Its methods are called from the
// test's goroutine. A program that still runs when the test ends is killed.
type Terminal struct {
	t     testing.TB
	cmd   *exec.Cmd
	pty   *os.File
	light bool

	exited chan struct{} // closed when the program has ended and all it printed was seen

	mu      sync.Mutex // guards what follows, the emulator above all
	vt      *vt.Emulator
	frame   string // the text of the last complete frame
	output  []byte // all that was printed
	changed chan struct{}
	state   State
	modes   map[ansi.Mode]bool
}

// State is what a program has done to its terminal besides the text.
type State struct {
	Title     string
	Bells     int
	AltScreen bool // on the screen of full-screen programs
	Cursor    bool // visible
	Mouse     bool // clicks are reported
	Paste     bool // pastes are bracketed
}

// Start runs a program in a dark terminal of that size. Of the environment, it
// has PATH alone, a folder of its own as HOME, what says that the terminal can
// show all colours, and env.
func Start(t testing.TB, cols, rows int, program string, args, env []string) *Terminal {
	t.Helper()
	return start(t, false, cols, rows, program, args, env)
}

// StartLight is Start in a terminal with a light background.
func StartLight(t testing.TB, cols, rows int, program string, args, env []string) *Terminal {
	t.Helper()
	return start(t, true, cols, rows, program, args, env)
}

func start(t testing.TB, light bool, cols, rows int, program string, args, env []string) *Terminal {
	t.Helper()
	term := &Terminal{
		t: t, light: light, vt: vt.NewEmulator(cols, rows), state: State{Cursor: true}, modes: map[ansi.Mode]bool{},
		exited: make(chan struct{}), changed: make(chan struct{}),
	}
	term.prepare()
	term.cmd = exec.Command(program, args...)
	term.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "TERM=xterm-256color", "COLORTERM=truecolor",
		"GORACE=atexit_sleep_ms=0", // else the race detector makes each exit wait a second
	}, env...)
	var err error
	if term.pty, err = pty.StartWithSize(term.cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil { //nolint:gosec // small
		t.Fatal(err)
	}
	go term.reply()
	go term.read()
	t.Cleanup(term.close)
	return term
}

// prepare makes the emulator a terminal of today.
func (t *Terminal) prepare() {
	if t.light {
		t.vt.SetDefaultBackgroundColor(color.White)
		t.vt.SetDefaultForegroundColor(color.Black)
	}
	// The emulator tells programs of the modes it has heard of: whole frames, and
	// widths of characters that are made of several.
	_, _ = t.vt.WriteString(ansi.ResetModeSynchronizedOutput + ansi.ResetModeUnicodeCore)
	t.vt.SetCallbacks(vt.Callbacks{
		Bell:             func() { t.state.Bells++ },
		Title:            func(title string) { t.state.Title = title },
		AltScreen:        func(on bool) { t.state.AltScreen = on },
		CursorVisibility: func(visible bool) { t.state.Cursor = visible },
		EnableMode:       func(mode ansi.Mode) { t.setMode(mode, true) },
		DisableMode:      func(mode ansi.Mode) { t.setMode(mode, false) },
	})
}

func (t *Terminal) setMode(mode ansi.Mode, on bool) {
	t.modes[mode] = on
	t.state.Paste = t.modes[ansi.ModeBracketedPaste]
	t.state.Mouse = t.modes[ansi.ModeMouseNormal] || t.modes[ansi.ModeMouseButtonEvent] || t.modes[ansi.ModeMouseAnyEvent]
}

// reply carries the emulator's answers to the program.
func (t *Terminal) reply() {
	answer := make([]byte, 4096)
	for {
		n, err := t.vt.Read(answer) // an emulator's pipe may be read beside its other use
		if err != nil {
			return
		}
		_, _ = t.pty.Write(answer[:n]) // a program that has ended wants no answers
	}
}

// read shows what the program prints until it has ended.
func (t *Terminal) read() {
	defer close(t.exited)
	text := make([]byte, 64<<10)
	for {
		n, err := t.pty.Read(text)
		t.show(text[:n])
		if err != nil {
			break // the program, and all that it started, are gone
		}
	}
	_ = t.cmd.Wait() // its result is in ProcessState
}

func (t *Terminal) show(text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.output = append(t.output, text...)
	_, _ = t.vt.Write(text) // fails only when it is closed, which it never is
	if t.modes[ansi.ModeSynchronizedOutput] {
		return // in the middle of a frame
	}
	t.frame = t.text()
	close(t.changed)
	t.changed = make(chan struct{})
}

// Screen is the text of the screen: its lines without the spaces at their ends.
func (t *Terminal) Screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frame
}

// text is the screen's text; the caller holds the lock.
func (t *Terminal) text() string {
	var b strings.Builder
	for y := range t.vt.Height() {
		var line strings.Builder
		for x := 0; x < t.vt.Width(); {
			content, width := t.cell(x, y)
			line.WriteString(content)
			x += width
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// cell is the text in a place and how many columns it takes.
func (t *Terminal) cell(x, y int) (string, int) {
	cell := t.vt.CellAt(x, y)
	if cell == nil || cell.Content == "" {
		return " ", 1
	}
	return cell.Content, max(cell.Width, 1)
}

// Output is all that the program has printed, sequences and all.
func (t *Terminal) Output() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.output)
}

// State is what the program has done to the terminal.
func (t *Terminal) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// WaitFor waits until text is on the screen, within one line.
func (t *Terminal) WaitFor(text string) {
	t.t.Helper()
	t.WaitUntil("the text "+text, func(screen string) bool { return strings.Contains(screen, text) })
}

// WaitGone waits until text is not on the screen.
func (t *Terminal) WaitGone(text string) {
	t.t.Helper()
	t.WaitUntil("a screen without "+text, func(screen string) bool { return !strings.Contains(screen, text) })
}

// WaitUntil waits until the screen is as wanted; what says how that is.
func (t *Terminal) WaitUntil(what string, wanted func(screen string) bool) {
	t.t.Helper()
	deadline := time.After(Patience)
	for {
		t.mu.Lock()
		frame, changed := t.frame, t.changed
		t.mu.Unlock()
		if wanted(frame) {
			return
		}
		select {
		case <-changed:
			continue
		case <-t.exited:
			if last := t.Screen(); last != frame {
				continue
			}
			t.t.Fatalf("the program ended before %s; the screen:\n%s", what, frame)
		case <-deadline:
			t.t.Fatalf("no %s after %v; the screen:\n%s", what, Patience, frame)
		}
	}
}

// Wait gives the program's exit code once it has ended.
func (t *Terminal) Wait() int {
	t.t.Helper()
	select {
	case <-t.exited:
	case <-time.After(Patience):
		t.t.Fatalf("the program has not ended after %v; the screen:\n%s", Patience, t.Screen())
	}
	return t.cmd.ProcessState.ExitCode()
}

// Signal sends the program a signal.
func (t *Terminal) Signal(sig os.Signal) {
	t.t.Helper()
	if err := t.cmd.Process.Signal(sig); err != nil {
		t.t.Fatal(err)
	}
}

// close ends the program, if it runs, and looks for signs of trouble in what it printed.
func (t *Terminal) close() {
	_ = t.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-t.exited
	_ = t.pty.Close()
	if answers, ok := t.vt.InputPipe().(interface{ Close() error }); ok {
		_ = answers.Close() // ends reply; the emulator's own Close would race with it
	}
	for _, sign := range []string{"WARNING: DATA RACE", "Caught panic", "fatal error: "} {
		if strings.Contains(t.Output(), sign) {
			t.t.Errorf("the program printed %q:\n%s", sign, ansi.Strip(t.Output()))
		}
	}
	if t.t.Failed() {
		t.t.Logf("the last screen of %s:\n%s", t.cmd.Path, t.Screen())
	}
}
