// Package terminaltest runs a program in a pseudo-terminal with a terminal emulator at the other
// end. It is for tests that see and do what a person does.
//
// A test waits for what it wants to see (WaitFor), never for a time. The emulator answers the
// questions that programs ask terminals. Its screen can be drawn as a picture (SVG).
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
	"github.com/containerd/console"
)

// Patience is how long each wait lasts at most. It only decides how long a failing test takes.
const Patience = time.Minute

// Terminal is a terminal with a program in it. Its methods must be called from the test's
// goroutine. A program that still runs when the test ends is killed.
type Terminal struct {
	t     testing.TB
	cmd   *exec.Cmd
	pty   console.Console
	light bool

	exited chan struct{} // closed when the program has ended and all of its output has been read

	mu      sync.Mutex // guards the fields below, and above all the emulator
	vt      *vt.Emulator
	frame   string // the text of the last complete frame
	output  []byte // all output, with its escape sequences
	changed chan struct{}
	state   State
	modes   map[ansi.Mode]bool
}

// State is what a program has done to its terminal besides writing text.
type State struct {
	Title     string
	Bells     int
	AltScreen bool // the alternate screen of full-screen programs is shown
	Cursor    bool // the cursor is visible
	Mouse     bool // mouse clicks are reported to the program
	Paste     bool // pastes are bracketed
}

// Start runs a program in a dark terminal of that size, in columns and rows. The program's
// environment has PATH, a folder of its own as HOME, UTF-8 as the language, variables that say
// the terminal can show all colours, and env.
func Start(t testing.TB, cols, rows int, program string, args, env []string) *Terminal {
	t.Helper()
	return start(t, false, cols, rows, program, args, env)
}

// StartLight does what Start does with a light background.
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
		"GORACE=atexit_sleep_ms=0", // otherwise the race detector makes each exit wait for a second
	}, env...)
	var err error
	if term.pty, err = StartIn(term.cmd, cols, rows); err != nil {
		t.Fatal(err)
	}
	go term.reply()
	go term.read()
	t.Cleanup(term.close)
	return term
}

// prepare makes the emulator behave like a present-day terminal.
func (t *Terminal) prepare() {
	if t.light {
		t.vt.SetDefaultBackgroundColor(color.White)
		t.vt.SetDefaultForegroundColor(color.Black)
	}
	// The emulator tells programs only of modes that it has heard of: whole frames, and the
	// widths of characters that are made up of several.
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

// reply passes the emulator's answers on to the program.
func (t *Terminal) reply() {
	answer := make([]byte, 4096)
	for {
		n, err := t.vt.Read(answer) // this may be called while the emulator is used otherwise
		if err != nil {
			return
		}
		_, _ = t.pty.Write(answer[:n]) // fails only if the program has ended
	}
}

// read passes the program's output to the emulator until the program has ended.
func (t *Terminal) read() {
	defer close(t.exited)
	text := make([]byte, 64<<10)
	for {
		n, err := t.pty.Read(text)
		t.show(text[:n])
		if err != nil {
			break // the program and all that it started have ended
		}
	}
	_ = t.cmd.Wait() // its result is in ProcessState
}

func (t *Terminal) show(text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.output = append(t.output, text...)
	_, _ = t.vt.Write(text) // fails only if the emulator is closed, which it never is
	if t.modes[ansi.ModeSynchronizedOutput] {
		return // the frame is not complete yet
	}
	t.frame = t.text()
	close(t.changed)
	t.changed = make(chan struct{})
}

// Screen returns the text of the screen, line by line, without the spaces at the ends of lines.
func (t *Terminal) Screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frame
}

// text returns the text of the screen. The caller holds the lock.
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

// cell returns the text in a cell and how many columns it takes.
func (t *Terminal) cell(x, y int) (string, int) {
	cell := t.vt.CellAt(x, y)
	if cell == nil || cell.Content == "" {
		return " ", 1
	}
	return cell.Content, max(cell.Width, 1)
}

// Output returns all that the program has printed, with its escape sequences.
func (t *Terminal) Output() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.output)
}

// State returns what the program has done to the terminal.
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

// WaitUntil waits until wanted is true for the screen; what describes that in a failure.
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

// Wait waits until the program has ended and returns its exit code.
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

// close ends the program if it still runs, and looks for signs of trouble in its output.
func (t *Terminal) close() {
	_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL) // also what a shell started; fails only if all have ended
	select {
	case <-t.exited:
	case <-time.After(Patience):
		t.t.Errorf("somebody still has the terminal %v after the program was killed", Patience)
		return // reading it cannot be given up
	}
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
