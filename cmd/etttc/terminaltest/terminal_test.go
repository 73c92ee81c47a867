package terminaltest_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"elemental/cmd/etttc/terminaltest"
)

// program starts this package's own program in a terminal.
func program(t *testing.T) *terminaltest.Terminal {
	t.Helper()
	term := terminaltest.Start(t, 60, 24, os.Args[0], nil, []string{asProgram})
	term.WaitFor("ready")
	return term
}

func TestFullScreenProgram(t *testing.T) {
	term := program(t)
	term.WaitFor("size 60x24")
	term.WaitFor("dark true") // the program asked, the terminal answered
	term.WaitFor("日本 e\u0301 👩‍👩‍👧|end")
	want := terminaltest.State{Title: "what was heard", AltScreen: true, Mouse: true, Paste: true}
	if got := term.State(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	term.Type("ab")
	term.WaitFor("key b")
	for _, key := range []string{"enter", "tab", "shift+tab", "pgup", "ctrl+a", "alt+x", "f5", "ctrl+right"} {
		term.Key(key)
		term.WaitFor("key " + key)
	}
	term.Paste("two\nlines")
	term.WaitFor(`paste "two\rlines"`)
	term.ClickOn("end")
	term.WaitFor("click 16,0")
	term.Wheel(1, 1, -1)
	term.WaitFor("wheel wheelup")
	term.Resize(40, 10)
	term.WaitUntil("ten lines", func(screen string) bool { return strings.Count(screen, "\n") == 10 })
	term.Resize(50, 24)
	term.WaitFor("size 50x24")
	term.Type("q")
	if code := term.Wait(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	if got := term.State(); got != (terminaltest.State{Title: got.Title, Cursor: true}) {
		t.Errorf("the program leaves the terminal as %+v", got)
	}
}

func TestLightTerminal(t *testing.T) {
	term := terminaltest.StartLight(t, 60, 10, os.Args[0], nil, []string{asProgram})
	term.WaitFor("dark false")
}

func TestShell(t *testing.T) {
	term := terminaltest.Start(t, 40, 6, "bash", []string{"--norc", "-i"}, []string{"PS1=> ", "GREETING=hello"})
	term.WaitFor(">")
	term.Type("printf '\\a\\033]2;a title\\007%s\\n%s\\n' $GREETING there\r")
	term.WaitFor("\nhello\nthere\n>") // the shell reads keys again
	if state := term.State(); state.Bells != 1 || state.Title != "a title" || !state.Cursor || state.AltScreen {
		t.Errorf("%+v %q", state, term.Output())
	}
	if !strings.Contains(term.Output(), "\x1b]2;a title\a") {
		t.Errorf("not all that was printed: %q", term.Output())
	}
	term.Key("ctrl+d")
	if code := term.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSVG draws styles, wide characters and lines.
func TestSVG(t *testing.T) {
	text := "plain \x1b[1;31mbold red\x1b[0m \x1b[2mfaint\x1b[0m \x1b[3;4mitalic\x1b[0m \x1b[7mreverse\x1b[0m\r\n" +
		"\x1b[38;2;1;2;3mrgb\x1b[0m 日本x <&> \x1b[48;5;4m  \x1b[0m\r\n╭─┐\r\n│█┃\r\n\x1b[?25l"
	term := terminaltest.Start(t, 44, 6, "printf", []string{text}, nil)
	term.WaitFor("│█┃")
	if code := term.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	got := term.SVG("a <picture>")
	for decoder := xml.NewDecoder(strings.NewReader(got)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{
		`>a &lt;picture&gt;</text>`,
		`<text x="16" y="54" textLength="42" lengthAdjust="spacingAndGlyphs" fill="#d8dee9" xml:space="preserve">plain</text>`,
		`fill="#ed8796" font-weight="bold" xml:space="preserve">bold red</text>`,
		`fill-opacity="0.6" xml:space="preserve">faint</text>`,
		`font-style="italic" text-decoration="underline" xml:space="preserve">italic</text>`,
		`fill="#1b1e27" xml:space="preserve">reverse</text>`,
		`fill="#010203" xml:space="preserve">rgb</text>`,
		`<text x="49.6" y="73" textLength="16.8" lengthAdjust="spacingAndGlyphs" fill="#d8dee9" xml:space="preserve">日</text>`,
		`<text x="83.2" y="73"`, // the x after two characters of two columns each
		`x &lt;&amp;&gt;</text>`,
		`width="16.8" height="19" fill="#8aadf4"`,
		`<path d="`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("the picture lacks %s", part)
		}
	}
	if file := os.Getenv("TERMINALTEST_SVG"); file != "" { // for people who want to look at it
		if err := os.WriteFile(filepath.Clean(file), []byte(got), 0o600); err != nil {
			t.Error(err)
		}
	}
}
