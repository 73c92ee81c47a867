package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"elemental/cmd/elemental/providertest"
	"elemental/cmd/etttc/terminaltest"
)

// reader collects the numbered texts of a channel while it scrolls through it.
type reader struct {
	t    *testing.T
	term *terminaltest.Terminal
	seen map[string]bool
}

func newReader(t *testing.T, term *terminaltest.Terminal) *reader {
	return &reader{t, term, map[string]bool{}}
}

var numberedText = regexp.MustCompile(`text-\d{4}`)

// take notes which texts are on a screen. They have to be in order, without gaps and doubles.
func (r *reader) take(screen string) []string {
	r.t.Helper()
	found := numberedText.FindAllString(screen, -1)
	for i, text := range found {
		r.seen[text] = true
		if i > 0 && number(text) != number(found[i-1])+1 {
			r.t.Errorf("%s stands after %s:\n%s", text, found[i-1], screen)
		}
	}
	return found
}

func number(text string) int {
	n := 0
	for _, digit := range strings.TrimPrefix(text, "text-") {
		n = 10*n + int(digit-'0')
	}
	return n
}

// scroll presses a key until a text is on the screen. While history loads it waits: it could not
// tell the screen after the key from the one after loading.
func (r *reader) scroll(key, until string) {
	r.t.Helper()
	for range 200 {
		var screen string
		r.term.WaitUntil("a loaded screen", func(now string) bool {
			screen = now
			return !strings.Contains(now, loading) && !strings.Contains(now, "─ ⋮ ─")
		})
		shown := r.take(screen)
		if strings.Contains(screen, until) {
			return
		}
		r.term.Key(key)
		r.term.WaitUntil("another screen after "+key, func(now string) bool {
			return !slices.Equal(numberedText.FindAllString(now, -1), shown) || strings.Contains(now, until)
		})
	}
	r.t.Fatalf("%s does not lead to %q:\n%s", key, until, r.term.Screen())
}

// check checks that all of the texts were seen, and no others.
func (r *reader) check(want []string) {
	r.t.Helper()
	for _, text := range want {
		if !r.seen[text] {
			r.t.Errorf("%s was not seen", text)
		}
		delete(r.seen, text)
	}
	for text := range r.seen {
		r.t.Errorf("%s was never posted", text)
	}
}

const (
	beginning = "beginning of #general"
	loading   = "loading…"
)

// settled waits for all that comes to the screen by itself after the login.
func settled(term *terminaltest.Terminal) {
	term.WaitFor("logged in as")
	term.WaitFor("welcome to")
	waitForMatch(term, `members \d/\d`)
}

// TestScrollback scrolls through 500 messages to the first and back, with the keys and with the
// mouse wheel. The provider sends fewer messages at once than the client would like to have.
func TestScrollback(t *testing.T) {
	p := providertest.Start(t, elemental, "--maxanswermessages", "60")
	alice := newUser(t, p.Addr, "alice")
	alice.makes("gophers")
	texts := numbered(0, 500)
	alice.posts("gophers", "general", texts...)

	term := open(t, p.Addr, as(t, "alice")...)
	term.WaitFor("text-0499")
	term.WaitFor("500 messages")
	settled(term)
	up := newReader(t, term)
	up.scroll("pgup", beginning)
	up.check(texts)
	term.WaitFor("scrolled up")
	alice.posts("gophers", "general", "text-0500", "text-0501")
	term.WaitFor("↓ 2 new")
	term.WaitFor(beginning) // new messages do not move what the user reads
	down := newReader(t, term)
	down.scroll("pgdown", "text-0501")
	down.check(append(texts, "text-0500", "text-0501"))

	term.Key("home")
	term.WaitGone("text-0501")
	term.Key("end")
	term.WaitFor("text-0501")
	term.Wheel(60, 10, -5)
	term.WaitGone("text-0501")
	term.Wheel(60, 10, 20)
	term.WaitFor("text-0501")
	term.WaitGone("scrolled up")
}

// TestResize makes the terminal as small as it may be, and larger again. A click where it is too
// small does nothing.
func TestResize(t *testing.T) {
	p := providertest.Start(t, elemental)
	alice := newUser(t, p.Addr, "alice")
	alice.makes("gophers")
	alice.posts("gophers", "general", append(numbered(0, 60), "a text that is so long that a narrow terminal breaks it into several lines, text-0060")...)

	term := open(t, p.Addr, as(t, "alice")...)
	waitForMatch(term, `#general in gophers(.|\n)*text-0060`)
	for _, size := range []struct{ cols, rows int }{{40, 10}, {80, 24}, {39, 9}, {120, 2}, {200, 50}, {120, 40}} {
		term.Resize(size.cols, size.rows)
		tooSmall := size.cols < 40 || size.rows < 10
		term.WaitUntil("screen of the new size", func(screen string) bool {
			if tooSmall {
				return strings.Contains(screen, "too small")
			}
			lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
			status := lines[len(lines)-1]
			return len(lines) == size.rows && strings.Contains(status, "online") && strings.Contains(screen, "text-0060") &&
				strings.Contains(screen, strings.Repeat("─", size.cols)+"\n")
		})
		newReader(t, term).take(term.Screen())
		if tooSmall {
			term.Click(5, 1)
		}
	}
	waitForMatch(term, `#general in gophers`)
	waitForMatch(term, `members 1/1`)
	enter(term, "still here")
	waitForMatch(term, `alice +still here`)
}

// TestWideCharacters checks that the columns stay straight whatever people write.
func TestWideCharacters(t *testing.T) {
	alice, term := inGeneral(t)
	alice.posts("gophers", "general", "日本語の長い文章"+strings.Repeat("漢字", 60), "👩‍👩‍👧‍👦 family 🇯🇵🇫🇷 flags 1️⃣ keycap ❤️ heart 👍🏽 thumb",
		"e\u0301\u0302 combined "+strings.Repeat("\u0301", 50)+" piled", "สวัสดี مرحبا שלום नमस्ते", "ｆｕｌｌ ﾊﾝｶｸ ½ ☀ ★ ─ █", "tab\there", "the last one")
	waitForMatch(term, `alice +the last one`)
	lines := strings.Split(term.Screen(), "\n")
	first := borders(lines[0])
	if len(first) != 2 {
		t.Fatalf("no columns: %s", lines[0])
	}
	for _, line := range lines[:rows-3] { // the last rows are rule, input and status
		if now := borders(line); !slices.Equal(now, first) {
			t.Errorf("borders at %v, not at %v: %s", now, first, line)
		}
	}
}

// borders returns the columns in which a line of the screen has a vertical line.
func borders(line string) (found []int) {
	for at := range line {
		if strings.HasPrefix(line[at:], "│") {
			found = append(found, ansi.StringWidth(line[:at]))
		}
	}
	return found
}
