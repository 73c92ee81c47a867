package screen

import (
	"slices"
	"strings"
	"testing"
)

func TestEditing(t *testing.T) {
	for _, c := range []struct {
		keys string
		want string // with | at the cursor
	}{
		{"", "one two\nthree|"},
		{"left left", "one two\nthr|ee"},
		{"home", "one two\n|three"},
		{"home left", "one two|\nthree"},
		{"home left backspace", "one tw|\nthree"},
		{"home backspace", "one two|three"},
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
	if got := typed("a\r\nb\rc\td\x1b[31m\x00e\u009b\xff"); got != "a\nb\nc    d[31me�" {
		t.Errorf("%q", got)
	}
}

func TestEditorIsBounded(t *testing.T) {
	e := editor{}
	if !e.insert(strings.Repeat("x", longestInput)) || e.insert("y") || len(e.text) != longestInput {
		t.Errorf("%d bytes", len(e.text))
	}
}
