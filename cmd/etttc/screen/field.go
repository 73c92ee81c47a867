package screen

import (
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"elemental/client/visible"
)

// field is one value of a dialog. The text input edits it; it is drawn here
// (drawField), since what others wrote may be in it and widths are the terminal's.
type field struct {
	textinput.Model
	label  string
	choice string // the letters of which one is the value; "" is free text
	filled bool   // the value was there before; the first text typed replaces it
}

func newField(label, value string) field {
	f := field{Model: textinput.New(), label: label}
	f.CharLimit = longestInput
	f.SetVirtualCursor(false) // the terminal's own is used, which blinks by itself
	f.KeyMap.DeleteCharacterBackward.SetKeys("backspace", "shift+backspace", "ctrl+h")
	f.KeyMap.DeleteWordForward.Unbind() // goes beyond the text's end in its last word
	f.KeyMap.Paste.Unbind()             // would run programs to ask them; the terminal pastes
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

// press is a key for a field: a choice takes one of its letters.
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
		f.Model, _ = f.Update(msg) // its commands make a cursor blink that is not shown
	}
}

// runes is how many times a key has to be passed on so that it moves over a
// whole character as a reader counts them: the text input knows runes.
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

// paste puts text into the field, and reports false where there is no room for
// all of it: the text input would cut it.
func (f *field) paste(text string) bool {
	if f.choice != "" {
		return true // there is nothing to paste a letter for
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

// shown is what stands before and after the cursor, as it may be shown.
func (f *field) shown() (before, after string) {
	value, at := []rune(f.Value()), f.Position()
	if f.secret() {
		return repeat("*", at), repeat("*", len(value)-at)
	}
	return visible.Line(string(value[:at])), visible.Line(string(value[at:]))
}
