package terminaltest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// send sends input to the program.
func (t *Terminal) send(text string) {
	t.t.Helper()
	if _, err := t.pty.Write([]byte(text)); err != nil {
		t.t.Fatalf("%v; the screen:\n%s", err, t.Screen())
	}
}

// Type types text, without Enter.
func (t *Terminal) Type(text string) {
	t.t.Helper()
	t.send(text)
}

// Key presses keys, named as "enter", "ctrl+c", "alt+enter", "pgup", "f2", …
func (t *Terminal) Key(names ...string) {
	t.t.Helper()
	for _, name := range names {
		sequence := sequenceOf(name)
		if sequence == "" {
			t.t.Fatalf("there is no key %q", name)
		}
		t.send(sequence)
	}
}

// sequenceOf returns what a terminal sends for a key, or "" for an unknown one.
func sequenceOf(name string) string {
	if rest, with := strings.CutPrefix(name, "alt+"); with {
		return "\x1b" + sequenceOf(rest)
	}
	if rest, with := strings.CutPrefix(name, "ctrl+"); with && len(rest) == 1 && rest[0] >= 'a' && rest[0] <= 'z' {
		return string(rest[0] - 'a' + 1)
	}
	if utf8.RuneCountInString(name) == 1 {
		return name
	}
	return map[string]string{
		"enter": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "esc": "\x1b", "space": " ", "backspace": "\x7f",
		"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
		"ctrl+up": "\x1b[1;5A", "ctrl+down": "\x1b[1;5B", "ctrl+right": "\x1b[1;5C", "ctrl+left": "\x1b[1;5D",
		"shift+up": "\x1b[1;2A", "shift+down": "\x1b[1;2B", "shift+enter": "\x1b[13;2u", "ctrl+enter": "\x1b[13;5u",
		"home": "\x1b[H", "end": "\x1b[F", "ctrl+home": "\x1b[1;5H", "ctrl+end": "\x1b[1;5F",
		"insert": "\x1b[2~", "delete": "\x1b[3~", "pgup": "\x1b[5~", "pgdown": "\x1b[6~",
		"f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS",
		"f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~",
		"f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~", "f12": "\x1b[24~",
	}[name]
}

// Paste pastes text as terminals do for a program that asked for bracketed paste. If the program
// did not, the test fails.
func (t *Terminal) Paste(text string) {
	t.t.Helper()
	if !t.State().Paste {
		t.t.Fatalf("the program takes no bracketed paste; the screen:\n%s", t.Screen())
	}
	// Terminals send a return for each line break.
	t.send(ansi.BracketedPasteStart + strings.ReplaceAll(text, "\n", "\r") + ansi.BracketedPasteEnd)
}

// Click clicks into a cell with the mouse; the top left one is 0, 0.
func (t *Terminal) Click(x, y int) {
	t.t.Helper()
	t.mouse(0, x, y, false)
	t.mouse(0, x, y, true)
}

// ClickOn waits for text and clicks on its first character.
func (t *Terminal) ClickOn(text string) {
	t.t.Helper()
	t.WaitFor(text)
	for y, line := range strings.Split(t.Screen(), "\n") {
		if before, _, found := strings.Cut(line, text); found {
			t.Click(ansi.StringWidth(before), y)
			return
		}
	}
	t.t.Fatalf("%q has gone; the screen:\n%s", text, t.Screen())
}

// Wheel turns the mouse wheel over a cell by that many lines: down, or up if lines is below 0.
func (t *Terminal) Wheel(x, y, lines int) {
	t.t.Helper()
	const up, down = 64, 65
	for ; lines < 0; lines++ {
		t.mouse(up, x, y, false)
	}
	for ; lines > 0; lines-- {
		t.mouse(down, x, y, false)
	}
}

func (t *Terminal) mouse(button, x, y int, release bool) {
	t.t.Helper()
	if !t.State().Mouse {
		t.t.Fatalf("the program takes no mouse; the screen:\n%s", t.Screen())
	}
	kind := "M"
	if release {
		kind = "m"
	}
	t.send(fmt.Sprintf("\x1b[<%d;%d;%d%s", button, x+1, y+1, kind))
}

// Resize changes the terminal's size and tells the program.
func (t *Terminal) Resize(cols, rows int) {
	t.t.Helper()
	t.mu.Lock()
	t.vt.Resize(cols, rows)
	t.mu.Unlock()
	t.TellSize(cols, rows)
}

// TellSize tells the program a size, and leaves the terminal as it is. If the terminal is to become
// narrower, that comes first for a program whose lines are not to wrap: it may be drawing for the
// old size.
func (t *Terminal) TellSize(cols, rows int) {
	t.t.Helper()
	if err := resize(t.pty, cols, rows); err != nil {
		t.t.Fatal(err)
	}
}

// Focus tells the program that the terminal has got the focus, or has lost it.
func (t *Terminal) Focus(front bool) {
	t.t.Helper()
	if front {
		t.send(ansi.Focus)
	} else {
		t.send(ansi.Blur)
	}
}
