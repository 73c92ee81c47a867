package screen

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func TestEditing(t *testing.T) {
	for _, c := range []struct {
		keys string
		want string // the text with | at the cursor
	}{
		{"", "one two\nthree|"},
		{"left left", "one two\nthr|ee"},
		{"home", "one two\n|three"},
		{"home left", "one two|\nthree"},
		{"home left backspace", "one tw|\nthree"},
		{"home backspace", "one two|three"},
		{"left left end", "one two\nthree|"},
		{"home left ctrl+a ctrl+e", "one two|\nthree"},
		{"ctrl+left ctrl+left", "one |two\nthree"},
		{"ctrl+left ctrl+left ctrl+right", "one two|\nthree"},
		{"ctrl+w", "one two\n|"},
		{"ctrl+w ctrl+w", "one |"},
		{"ctrl+u", "one two\n|"},
		{"left left ctrl+k", "one two\nthr|"},
		{"home delete", "one two\n|hree"},
		{"home left delete", "one two|three"},
		{"delete right", "one two\nthree|"},
	} {
		e := editor{}
		e.set("one two\nthree")
		for _, key := range strings.Fields(c.keys) {
			if !e.key(key) {
				t.Errorf("%s is no editing key", key)
			}
		}
		if got := e.text[:e.cursor] + "|" + e.text[e.cursor:]; got != c.want {
			t.Errorf("%q: %q, want %q", c.keys, got, c.want)
		}
	}
}

func TestCursorStaysBetweenCharacters(t *testing.T) {
	e := editor{}
	e.set("x👩‍🚀e\u0301日")
	var places []int
	for e.cursor > 0 {
		e.key("left")
		places = append(places, e.cursor)
	}
	if want := []int{len("x👩‍🚀e\u0301"), len("x👩‍🚀"), 1, 0}; !slices.Equal(places, want) {
		t.Errorf("the cursor stops at %v, want %v", places, want)
	}
	e.key("right")
	e.key("delete")
	if e.text != "xe\u0301日" {
		t.Errorf("%q after deleting a joined character", e.text)
	}
}

func TestUpAndDownKeepTheColumn(t *testing.T) {
	e := editor{}
	e.set("a long first line\nb\nlast line here")
	e.cursor = len("a long first line\nb\nlast li")
	c := cells{}
	for _, step := range []struct {
		by   int
		want string
	}{{-1, "a long first line\nb"}, {-1, "a"}, {-1, "a"}, {1, "a long first line\nb"}} {
		e.vertical(c, 40, step.by)
		if got := e.text[:e.cursor]; got != step.want {
			t.Fatalf("the cursor is after %q, want %q", got, step.want)
		}
	}
	if e.cursor = 0; e.vertical(c, 40, -1) {
		t.Error("the first row is not the edge")
	}
}

func TestWhatIsPastedBecomesText(t *testing.T) {
	if got := typed("a\r\nb\rc\td\x1b[31m\x00e\u009b\xff"); got != "a\nb\nc\td[31me�" {
		t.Errorf("%q", got)
	}
}

// A tab is posted as it is, is shown as spaces, and counts as one character to edit.
func TestPastedTabsStay(t *testing.T) {
	u := alice(t, 80, 24).page(0).gets(tea.PasteMsg{Content: "if x {\r\treturn\r}"}).sees("› if x {\n      return\n  }").fits(80, 24)
	u.presses("up", "home", "delete").sees("› if x {\n  return\n  }").gets(tea.PasteMsg{Content: "\t\t"}).sees("\n          return\n")
	u.presses("enter")
	if got := u.m.outbox.posts[0].text; got != "if x {\n\t\treturn\n}" {
		t.Errorf("%q is posted", got)
	}
}

func TestEditorIsBounded(t *testing.T) {
	e := editor{}
	if !e.insert(strings.Repeat("x", longestInput)) || e.insert("y") || len(e.text) != longestInput {
		t.Errorf("%d bytes", len(e.text))
	}
	u := alice(t, 80, 24).page(0).gets(tea.PasteMsg{Content: strings.Repeat("x", longestInput)}).seesNot("the input is full")
	u.types("y").sees("the input is full").seesNot("y\n")
}

// However long the text is, only the part of the cursor's row before the cursor is measured.
func TestCursorIsFoundByMeasuringItsRow(t *testing.T) {
	const width = 40
	for _, text := range []string{strings.Repeat("日本", 8<<10), strings.Repeat("👩‍🚀", 4<<10), strings.Repeat("words and\n", 5<<10)} {
		e := editor{}
		e.set(text)
		l := e.lay(cells{}, width, noSecret)
		calls, bytes := 0, 0
		for _, cursor := range []int{0, len(text) / 2, len(text)} {
			l.spot(cursor, func(s string) int { calls++; bytes += len(s); return cells{}.width(s) })
		}
		if calls != 3 || bytes > 3*width*len("👩‍🚀") {
			t.Errorf("%d bytes are measured in %d calls to find three places in %d bytes", bytes, calls, len(text))
		}
	}
}

// The text is laid out when it changes, not each time that it is drawn.
func TestInputIsLaidOutOncePerChange(t *testing.T) {
	u := alice(t, 80, 24).page(0).gets(tea.PasteMsg{Content: strings.Repeat("one two\n", 4<<10)})
	before := &u.m.input.layout.rows[0]
	u.presses("left", "left").gets(tickMsg{now: noon}).sees("one two")
	if before != &u.m.input.layout.rows[0] {
		t.Error("it is laid out again though it is the same")
	}
	if u.types("X").sees("one twX"); before == &u.m.input.layout.rows[0] {
		t.Error("it is not laid out again")
	}
	u.gets(tea.WindowSizeMsg{Width: 40, Height: 10}).sees("one twX").fits(40, 10)
}

func BenchmarkTypingInALongText(b *testing.B) {
	for name, text := range map[string]string{"ascii": "word ", "wide": "日本", "emoji": "👩‍🚀"} {
		b.Run(name, func(b *testing.B) {
			u := alice(b, 80, 24).gets(tea.PasteMsg{Content: strings.Repeat(text, 60<<10/len(text))})
			for b.Loop() {
				u.types("x").m.View()
				u.presses("backspace").m.View()
			}
		})
	}
}
