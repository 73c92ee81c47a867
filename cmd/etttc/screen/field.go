package screen

import (
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"elemental/client/visible"
)

// field is one value of a dialog. The library's text input edits it, but drawField draws it: what
// others wrote may be in it, and widths have to be those of the terminal.
type field struct {
	textinput.Model
	label  string
	choice string // if not "", the value is one of these letters
	filled bool   // the value was filled in before; the first text typed replaces it
}

func newField(label, value string) field {
	f := field{Model: textinput.New(), label: label}
	f.CharLimit = longestInput
	f.SetVirtualCursor(false) // the terminal's own cursor is used, which
	f.KeyMap.DeleteCharacterBackward.SetKeys("backspace", "shift+backspace", "ctrl+h")
	f.KeyMap.DeleteWordForward.Unbind() // in the last word this would go beyond the end of the text
	f.KeyMap.Paste.Unbind()             // this would run programs to get the clipboard; the terminal pastes instead
	f.SetValue(value)
	f.filled = value != ""
	return f
}

func newSecret(label string) field {
	f := newField(label, "")
	f.EchoMode = textinput.EchoPassword
	return f
}

func (f *field) secret() bool { return f.EchoMode == textinput.EchoPassword }

// press passes a key to the field. A field with a choice takes only one of its letters.
func (f *field) press(msg tea.KeyPressMsg) {
	if f.choice != "" {
		if text := strings.ToLower(msg.Text); text != "" && strings.Contains(f.choice, text) {
			f.SetValue(text)
		}
		return
	}
	if f.filled && msg.Text != "" {
		f.Reset()
	}
	f.filled = false
	for range f.runes(msg) {
		f.Model, _ = f.Update(msg) // the command that this returns is for a blinking cursor that is not shown
	}
}

// runes returns how many times a key has to be passed to the text input so that it moves over or
// deletes a whole character as a reader counts them: the text input goes by runes.
func (f *field) runes(msg tea.KeyPressMsg) int {
	value, at := []rune(f.Value()), f.Position()
	switch {
	case key.Matches(msg, f.KeyMap.CharacterBackward, f.KeyMap.DeleteCharacterBackward):
		e := editor{text: string(value[:at]), cursor: len(string(value[:at]))}
		return max(utf8.RuneCountInString(e.text[e.before():]), 1)
	case key.Matches(msg, f.KeyMap.CharacterForward, f.KeyMap.DeleteCharacterForward):
		e := editor{text: string(value[at:])}
		return max(utf8.RuneCountInString(e.text[:e.after()]), 1)
	}
	return 1
}

// paste puts text into the field. It reports false, and changes nothing but a value that was
// filled in before, if there is no room for all of the text: the text input would cut it.
func (f *field) paste(text string) bool {
	if f.choice != "" {
		return true // a choice takes no pasted text
	}
	if f.filled {
		f.Reset()
		f.filled = false
	}
	if len(f.Value())+len(text) > longestInput {
		return false
	}
	f.Model, _ = f.Update(tea.PasteMsg{Content: strings.TrimRight(text, "\n")})
	return true
}

// shown returns the text before and after the cursor as it is shown.
func (f *field) shown() (before, after string) {
	value, at := []rune(f.Value()), f.Position()
	if f.secret() {
		return repeat("*", at), repeat("*", len(value)-at)
	}
	return visible.Line(string(value[:at])), visible.Line(string(value[at:]))
}
