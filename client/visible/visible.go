// Package visible makes text that others wrote safe to show in a terminal.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is s as one line of text: whatever could steer a terminal or hide
// itself (control characters, escape sequences, bidirectional and invisible
// characters) is shown as something to see, and a line break as "⏎".
func Line(s string) string { return show(s, shownInLine) }

// Text is Line that keeps line breaks, and turns tabs to spaces.
func Text(s string) string { return show(s, shownInText) }

const (
	mostMarks = 4 // combining marks on one character; more would pile up over other lines
	tab       = "    "
)

// shownInLine and shownInText are what stands for a line break and for a tab.
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

// plain reports whether s is nothing but printable ASCII, as most text is.
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
	prev  rune // the character before, if it was shown as it is
	onto  bool // there is a character that a mark can stand on
	marks int  // how many stand on it
}

// next shows what s begins with and returns how many bytes that was.
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

// instead shows a stand-in, onto which no mark goes.
func (w *writer) instead(text string) {
	w.endMarks()
	w.out.WriteString(text)
	w.prev, w.onto = 0, false
}

// mark shows a combining mark: on a dotted circle where it would otherwise go
// onto something that is not part of the text, and not at all beyond mostMarks.
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

// endMarks tells how many marks were left out.
func (w *writer) endMarks() {
	if more := w.marks - mostMarks; more > 0 {
		fmt.Fprintf(&w.out, "‹%d more marks›", more)
	}
	w.marks = 0
}

// picture is what stands for a character that must not reach the terminal.
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

// Rune reports whether a character shows itself and does nothing else. Those of
// private use are out too: to some terminals they are commands.
func Rune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\uFFFC' {
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.P, unicode.S, unicode.Zs, unicode.Prepended_Concatenation_Mark)
}
