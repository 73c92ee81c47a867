package screen

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// joining opens a dialog with two fields, the name of a server and its password.
func joining(t *testing.T, width, height int) *user {
	t.Helper()
	return alice(t, width, height).page(0).types("/joinserver").presses("enter").sees("server name:")
}

func TestFieldIsEditedByWholeCharacters(t *testing.T) {
	for _, c := range []struct{ typed, keys, want string }{
		{"one two", "ctrl+w", "one "},
		{"one two", "ctrl+left ctrl+k", "one "},
		{"one two", "home delete right backspace", "e two"},
		{"one two", "ctrl+u", ""},
		{"x👩‍🚀e\u0301日", "backspace backspace backspace", "x"},
		{"x👩‍🚀e\u0301日", "left left left delete", "xe\u0301日"},
		{"x👩‍🚀e\u0301日", "home right right delete", "x👩‍🚀日"},
		{"word", "left alt+d", "word"},
		{"word", "ctrl+v", "word"},
	} {
		u := joining(t, 80, 24).gets(tea.PasteMsg{Content: c.typed}).presses(strings.Fields(c.keys)...)
		if got := u.m.dialog.field().Value(); got != c.want {
			t.Errorf("%q, %s: %q, want %q", c.typed, c.keys, got, c.want)
		}
	}
}

// A text that is longer than its field moves with the cursor, by columns.
func TestLongFieldShowsThePartAroundTheCursor(t *testing.T) {
	for _, width := range []int{40, 80} {
		u := joining(t, width, 24).gets(tea.PasteMsg{Content: "BEGIN" + strings.Repeat("日本", 60) + "end"}).fits(width, 24)
		u.sees("本end").seesNot("BEGIN").presses("home").sees("BEGIN日").seesNot("本end").fits(width, 24)
		rows, cursor := u.m.draw()
		if before, _, _ := strings.Cut(u.plain(rows[cursor.Y]), "BEGIN"); u.m.cells.width(before) != cursor.X {
			t.Errorf("the cursor is in column %d of %q", cursor.X, rows[cursor.Y])
		}
		u.presses("right", "right", "right", "right", "right", "right")
		_, cursor = u.m.draw()
		if before, _, _ := strings.Cut(u.plain(rows[cursor.Y]), "本"); u.m.cells.width(before) != cursor.X {
			t.Errorf("after a wide character the cursor is in column %d", cursor.X)
		}
	}
}

func TestWhatIsPastedIntoAField(t *testing.T) {
	u := joining(t, 80, 24).gets(tea.PasteMsg{Content: "two\r\nlines\x1b[31m\u202e\n"}).sees("two lines[31m‹U+202E›")
	u.gets(tea.PasteMsg{Content: strings.Repeat("x", longestInput)}).presses("esc").sees("too much to be pasted")
	if u = joining(t, 80, 24).presses("tab"); u.m.dialog.at != 1 {
		t.Fatal("Tab does not lead to the password")
	}
	u.gets(tea.PasteMsg{Content: "pass word\n"}).sees("› server password: *********").seesNot("*********.", "pass word")
	if got := u.m.dialog.field().Value(); got != "pass word" {
		t.Errorf("the password is %q", got)
	}
	u = start(t, Config{}, 80, 24).gets(tea.PasteMsg{Content: "rubbish"}).sees("(r)egister or (l)ogin: l").seesNot("rubbish")
	u.presses("enter").types("alice").presses("enter").types("secret").presses("enter").sees("logging in…")
	u.gets(tea.PasteMsg{Content: "rubbish"}).seesNot("rubbish")
}

// Keys in a field must not start a timer: the cursor is the terminal's, which blinks by itself.
func TestFieldsDoNotTick(t *testing.T) {
	u := joining(t, 80, 24)
	if _, cmd := u.m.Update(keyNamed("x")); cmd != nil {
		t.Errorf("a key leads to %T", cmd())
	}
}

// The remembered name is in the field so that Enter takes it. A user who types means another
// name.
func TestTypingReplacesTheRememberedName(t *testing.T) {
	for _, c := range []struct {
		does func(u *user)
		want string
	}{
		{func(u *user) {}, "mega"},
		{func(u *user) { u.types("alice") }, "alice"},
		{func(u *user) { u.gets(tea.PasteMsg{Content: "alice"}) }, "alice"},
		{func(u *user) { u.presses("tab", "shift+tab").types("alice") }, "alice"},
		{func(u *user) { u.types("al").presses("tab", "shift+tab").types("ice") }, "alice"},
		{func(u *user) { u.presses("end").types("alice") }, "megaalice"}, // the user is editing the name
		{func(u *user) { u.presses("backspace").types("b") }, "megb"},
	} {
		u := start(t, Config{User: "mega"}, 80, 24).presses("enter").sees("› username:              mega ")
		c.does(u)
		u.sees("username:              " + c.want + " ")
	}
}
