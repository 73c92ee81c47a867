package screen

import (
	"sort"
	"strings"
	"unicode"

	"elemental/client/visible"
)

// longestInput is how many bytes can be typed and pasted. Providers take messages of 16 KiB
// unless told otherwise.
const longestInput = 64 << 10

// editor is a text being typed and the place of the cursor in it: a byte offset that is always
// between two characters as a reader counts them. (The textarea of the bubbles library would not
// do: it edits by rune, cuts pastes that do not fit without saying so, and cannot show secrets as
// stars.)
type editor struct {
	text   string
	cursor int
}

// typed prepares what the keyboard or a paste brought for editing: line breaks become \n, tabs
// stay, other control characters are left out.
func typed(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// insert puts s at the cursor. It reports false if there is no room for it.
func (e *editor) insert(s string) bool {
	if len(e.text)+len(s) > longestInput {
		return false
	}
	e.text = e.text[:e.cursor] + s + e.text[e.cursor:]
	e.cursor += len(s)
	return true
}

// set replaces the text, with the cursor at its end.
func (e *editor) set(s string) { e.text, e.cursor = s, len(s) }

// replace puts s in place of the text from start to the cursor.
func (e *editor) replace(start int, s string) {
	e.text = e.text[:start] + s + e.text[e.cursor:]
	e.cursor = start + len(s)
}

// before and after return the places of the cursor one character back and one on.
func (e *editor) before() int {
	at, last := 0, 0
	if line := strings.LastIndexByte(e.text[:e.cursor], '\n'); line >= 0 && line < e.cursor-1 {
		at, last = line+1, line+1
	} else if line >= 0 {
		return line
	}
	for at < e.cursor {
		last = at
		size, _ := cells{}.cluster(e.text[at:])
		at += size
	}
	return last
}

func (e *editor) after() int {
	if e.cursor == len(e.text) {
		return e.cursor
	}
	size, _ := cells{}.cluster(e.text[e.cursor:])
	return e.cursor + size
}

// wordBefore and wordAfter return the places of the cursor one word back and one on.
func (e *editor) wordBefore() int {
	return strings.LastIndexFunc(strings.TrimRightFunc(e.text[:e.cursor], unicode.IsSpace), unicode.IsSpace) + 1
}

func (e *editor) wordAfter() int {
	rest := e.text[e.cursor:]
	skipped := len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
	end := strings.IndexFunc(rest[skipped:], unicode.IsSpace)
	if end < 0 {
		return len(e.text)
	}
	return e.cursor + skipped + end
}

// lineStart and lineEnd return the ends of the line that the cursor is in.
func (e *editor) lineStart() int { return strings.LastIndexByte(e.text[:e.cursor], '\n') + 1 }

func (e *editor) lineEnd() int {
	if end := strings.IndexByte(e.text[e.cursor:], '\n'); end >= 0 {
		return e.cursor + end
	}
	return len(e.text)
}

// remove deletes the text between the cursor and another place, before or after it.
func (e *editor) remove(to int) {
	from, to := min(e.cursor, to), max(e.cursor, to)
	e.text, e.cursor = e.text[:from]+e.text[to:], from
}

// key does what an editing key stands for, and reports false for other keys.
func (e *editor) key(name string) bool {
	switch name {
	case "left", "ctrl+b":
		e.cursor = e.before()
	case "right", "ctrl+f":
		e.cursor = e.after()
	case "ctrl+left", "alt+left", "alt+b":
		e.cursor = e.wordBefore()
	case "ctrl+right", "alt+right", "alt+f":
		e.cursor = e.wordAfter()
	case "home", "ctrl+a":
		e.cursor = e.lineStart()
	case "end", "ctrl+e":
		e.cursor = e.lineEnd()
	case "backspace", "shift+backspace", "ctrl+h":
		e.remove(e.before())
	case "delete":
		e.remove(e.after())
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		e.remove(e.wordBefore())
	case "ctrl+u":
		e.remove(e.lineStart())
	case "ctrl+k":
		e.remove(e.lineEnd())
	default:
		return false
	}
	return true
}

// shownText is a text as it is shown, and where each character of the edited text is in it.
type shownText struct {
	text   string
	places []place // one for each character, and one for the end
}

type place struct{ edited, shown int }

// shown returns the text as it is shown. Characters for whose byte offset secret is true become
// stars.
func (e *editor) shown(secret func(at int) bool) shownText {
	var out strings.Builder
	places := make([]place, 0, len(e.text)+1)
	for at := 0; at < len(e.text); {
		places = append(places, place{at, out.Len()})
		size, _ := cells{}.cluster(e.text[at:])
		if secret(at) {
			out.WriteByte('*')
		} else { // line breaks stay, and tabs become spaces
			out.WriteString(visible.Text(e.text[at : at+size]))
		}
		at += size
	}
	return shownText{out.String(), append(places, place{len(e.text), out.Len()})}
}

// cursor returns where in the shown text the cursor is, given its place in the edited text.
func (s shownText) cursor(edited int) int {
	i := sort.Search(len(s.places)-1, func(i int) bool { return s.places[i].edited >= edited })
	return s.places[i].shown
}

func noSecret(int) bool { return false }

// laid is a text in rows of a width, and where its characters are.
type laid struct {
	shownText
	width int
	rows  []row
	lines []string // the text of the rows as they are drawn
}

// lay breaks the text into rows of width columns. The last column stays free for the cursor.
func (e *editor) lay(c cells, width int, secret func(at int) bool) laid {
	width = max(width-1, 2)
	l := laid{shownText: e.shown(secret), width: width}
	l.rows = c.rows(l.text, width)
	for _, r := range l.rows {
		l.lines = append(l.lines, c.cut(l.text[r.start:r.end], width))
	}
	return l
}

// spot returns the column and the row of a cursor, given its place in the edited text. It
// measures only the part of the row before the cursor.
func (l *laid) spot(edited int, measure func(string) int) (x, y int) {
	at := l.cursor(edited)
	y = sort.Search(len(l.rows), func(i int) bool { return l.rows[i].start > at }) - 1
	return min(measure(l.text[l.rows[y].start:at]), l.width), y
}

// vertical moves the cursor by rows, down or, if by is below 0, up. It reports false if there is
// no such row.
func (e *editor) vertical(c cells, width, by int) bool {
	l := e.lay(c, width, noSecret)
	x, y := l.spot(e.cursor, c.width)
	to := y + by
	if to < 0 || to >= len(l.rows) {
		return false
	}
	start, next := l.rows[to].start, len(l.text)+1
	if to+1 < len(l.rows) {
		next = l.rows[to+1].start
	}
	first := sort.Search(len(l.places), func(i int) bool { return l.places[i].shown >= start })
	for _, p := range l.places[first:] {
		if p.shown >= next || c.width(l.text[start:p.shown]) > x {
			break
		}
		e.cursor = p.edited
	}
	return true
}
