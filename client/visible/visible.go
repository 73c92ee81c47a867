// Package visible makes text that others wrote safe to show in a terminal.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line of text that is safe to show. All that could steer a terminal or
// hide (control characters, escape sequences, bidirectional and invisible characters) is replaced
// by something visible, and a line break by "⏎".
func Line(s string) string { return show(s, shownInLine) }

// Text does what Line does, but keeps line breaks and turns tabs into spaces.
func Text(s string) string { return show(s, shownInText) }

const (
	mostMarks = 4 // combining marks that are shown on one character; more would cover other lines
	tab       = "    "
)

// shownInLine and shownInText are what is shown for a line break and for a tab.
var (
	shownInLine = breaks{line: "⏎", tab: "␉"}
	shownInText = breaks{line: "\n", tab: tab}
)

type breaks struct{ line, tab string }

func show(s string, b breaks) string {
	if plain(s) {
		return s
	}
	w := writer{breaks: b}
	w.out.Grow(len(s) + len(s)/8)
	for rest := s; rest != ""; {
		rest = rest[w.next(rest):]
	}
	w.endMarks()
	return w.out.String()
}

// plain reports whether s has only printable ASCII characters, as most texts do.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// writer collects the shown text.
type writer struct {
	breaks
	out   strings.Builder
	prev  rune // the character before, if it was shown unchanged; else 0
	onto  bool // there is a character before that a combining mark can stand on
	marks int  // how many marks that character has so far
}

// next writes the first character of s, or the emoji that it begins with, and returns its length
// in bytes.
func (w *writer) next(s string) int {
	if n := emoji(s); n > 0 {
		w.endMarks()
		w.out.WriteString(s[:n])
		w.prev, w.onto = 0, true
		return n
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		w.instead("\uFFFD")
	case r == '\n':
		w.instead(w.line)
	case strings.HasPrefix(s, "\r\n"):
		w.instead(w.line)
		size = 2
	case r == '\t':
		w.instead(w.tab)
	case isJoiner(r) && joins(w.prev, s[size:]):
		w.out.WriteRune(r)
	case !Rune(r):
		w.instead(picture(r))
	case unicode.IsMark(r):
		w.mark(r)
	default:
		w.endMarks()
		w.out.WriteRune(r)
		w.prev, w.onto = r, !unicode.IsSpace(r)
	}
	return size
}

// instead writes a replacement for a character. No combining mark may stand on it.
func (w *writer) instead(text string) {
	w.endMarks()
	w.out.WriteString(text)
	w.prev, w.onto = 0, false
}

// mark writes a combining mark. If there is no character of the text for it to stand on, it goes
// onto a dotted circle. Marks beyond mostMarks are left out.
func (w *writer) mark(r rune) {
	if !w.onto {
		w.out.WriteRune('◌')
		w.onto = true
	}
	if w.marks++; w.marks <= mostMarks {
		w.out.WriteRune(r)
		w.prev = r
	}
}

// endMarks writes how many marks were left out, if any. It is called at the end of each character
// with its marks.
func (w *writer) endMarks() {
	switch more := w.marks - mostMarks; {
	case more == 1:
		w.out.WriteString("‹1 more mark›")
	case more > 1:
		fmt.Fprintf(&w.out, "‹%d more marks›", more)
	}
	w.marks = 0
}

// picture returns what is shown for a character that must not reach the terminal.
func picture(r rune) string {
	switch {
	case r < ' ':
		return string('␀' + r)
	case r == 0x7f:
		return "␡"
	default:
		return fmt.Sprintf("‹U+%04X›", r)
	}
}

// Rune reports whether a character shows only itself and has no other effect. Characters for
// private use do not count, since some terminals take them as commands.
func Rune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\uFFFC' {
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.P, unicode.S, unicode.Zs, unicode.Prepended_Concatenation_Mark)
}
