package screen

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// cells measures, cuts and wraps text by the columns that it takes in the present terminal, since
// terminals differ in how wide they draw joined characters.
type cells struct{ method ansi.Method }

func (c cells) width(s string) int { return c.method.StringWidth(s) }

// fit returns s in exactly width columns, cut with "…" or filled with spaces.
func (c cells) fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	s = c.cut(s, width)
	return s + strings.Repeat(" ", max(width-c.width(s), 0))
}

// cut returns s in at most width columns, with "…" if something is missing. Styles in it stay
// complete. (The library's Truncate measures by one method and cuts by another.)
func (c cells) cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if c.width(s) <= width {
		return s
	}
	var out strings.Builder
	taken, cutting := 0, false
	for state := byte(0); s != ""; {
		part, _, size, next := c.method.DecodeSequenceInString(s, state, nil)
		s, state = s[size:], next
		columns := c.width(part) // 0 for an escape sequence
		if taken += columns; taken > width-1 && columns > 0 {
			if !cutting {
				out.WriteString("…")
			}
			cutting = true
			continue
		}
		out.WriteString(part)
	}
	return out.String()
}

// last returns the end of a plain text that fits into width columns, and how many it takes. The
// text is measured only once, since it may be a pasted image of some ten thousand characters.
func (c cells) last(s string, width int, measure func(string) int) (end string, columns int) {
	columns = measure(s)
	for columns > width {
		size, taken := c.cluster(s)
		s, columns = s[size:], columns-taken
	}
	return s, columns
}

// ends returns left and right at the two ends of width columns. If there is no room for both,
// right is left out.
func (c cells) ends(left, right string, width int) string {
	gap := width - c.width(left) - c.width(right)
	if gap < 1 {
		return c.fit(left, width)
	}
	return left + strings.Repeat(" ", gap) + right
}

// cluster returns the length in bytes and the width in columns of the first character of s, as a
// reader counts characters.
func (c cells) cluster(s string) (size, columns int) {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		if s[0] < ' ' || s[0] == 0x7F {
			return 1, 0
		}
		return 1, 1
	}
	first, columns := ansi.FirstGraphemeCluster(s, c.method)
	return len(first), columns
}

// row is the part of a text that is on one line of the screen, as byte offsets.
type row struct{ start, end int }

// rows breaks text at its line breaks, and between words if a line is wider than width. Spaces at
// which a line was broken belong to the row before and may reach beyond its width. There is at
// least one row.
func (c cells) rows(text string, width int) []row {
	var rows []row
	for start := 0; ; {
		end := strings.IndexByte(text[start:], '\n')
		if end < 0 {
			return c.wordRows(rows, text, start, len(text), width)
		}
		rows = c.wordRows(rows, text, start, start+end, width)
		start += end + 1
	}
}

// wordRows adds the rows of the line text[start:end].
func (c cells) wordRows(rows []row, text string, start, end, width int) []row {
	taken, word := 0, start // taken: columns since start; word: where the last word began
	for at := start; at < end; {
		size, columns := c.cluster(text[at:end])
		if text[at] == ' ' {
			taken++
			at++
			word = at
			continue
		}
		if taken+columns > width && at > start {
			if word == start || c.widerThan(text[word:end], width) {
				word = at // a word that is wider than a line is broken where the line ends
			}
			rows = append(rows, row{start, word})
			start, taken = word, c.width(text[word:at])
		}
		taken += columns
		at += size
	}
	return append(rows, row{start, end})
}

// widerThan reports whether the word that text begins with is wider than width.
func (c cells) widerThan(text string, width int) bool {
	for at, taken := 0, 0; at < len(text) && text[at] != ' '; {
		size, columns := c.cluster(text[at:])
		if taken += columns; taken > width {
			return true
		}
		at += size
	}
	return false
}

// wrap is the lines of text in width columns.
func (c cells) wrap(text string, width int) []string {
	rows := c.rows(text, max(width, 2))
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = strings.TrimRight(text[r.start:r.end], " ")
	}
	return lines
}
