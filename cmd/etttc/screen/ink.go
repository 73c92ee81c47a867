package screen

import (
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"elemental/client"
	"elemental/client/visible"
)

// ink draws the items of a room for a given width.
type ink struct {
	cells   cells
	theme   theme
	zone    *time.Location
	width   int
	me      string
	newFrom int64
	online  bool
	drawn   map[sight][]string
}

// sight is all that the look of a message depends on, except the theme and the time zone.
type sight struct {
	client.Message
	day, fresh bool // the lines above it: the day, and the mark of new messages
	cells      cells
	width      int
	me         string
}

// mostDrawn is how many messages are kept as they were drawn: some screens full.
const mostDrawn = 256

func (m *model) ink(r *room, width int) ink {
	return ink{
		cells: m.cells, theme: m.theme, zone: m.zone, width: max(width-1, 12), me: m.user,
		newFrom: r.newFrom, online: m.online(), drawn: m.drawn,
	}
}

// The columns of a line: a mark, the time, the name, the text. On a narrow pane the text follows
// the name at once.
const (
	timeEnd     = 1 + 5 + 1 // mark, "15:04", a space
	nameColumns = 12
	widthInCols = 56
)

// message draws message i and the lines above it: the day, if the message before was of another
// day, and the line that marks new messages. What was drawn is kept, since each key asks for all
// messages on the screen more than once; the lines must not be changed.
func (k ink) message(all []client.Message, i int) []string {
	m := all[i]
	s := sight{m, i == 0 || !k.sameDay(all[i-1].Time, m.Time), m.Index == k.newFrom, k.cells, k.width, k.me}
	lines, kept := k.drawn[s]
	if !kept {
		lines = k.draw(s)
		if len(k.drawn) >= mostDrawn {
			clear(k.drawn)
		}
		k.drawn[s] = lines
	}
	return lines
}

func (k ink) draw(m sight) []string {
	var lines []string
	if m.day {
		lines = append(lines, k.rule(m.Time.In(k.zone).Format("Monday, 2 January 2006"), k.theme.dim))
	}
	if m.fresh {
		lines = append(lines, k.rule("new", k.theme.mention))
	}
	text := k.theme.plain
	mark := " "
	if m.Author != k.me && mentions(m.Text, k.me) {
		text, mark = k.theme.mention, k.theme.mention.Render("▌")
	}
	prefix := mark + k.theme.dim.Render(m.Time.In(k.zone).Format("15:04")) + " "
	return append(lines, k.said(prefix, m.Author, k.theme.nick(m.Author), m.Text, text)...)
}

func (k ink) sameDay(a, b time.Time) bool {
	y1, m1, d1 := a.In(k.zone).Date()
	y2, m2, d2 := b.In(k.zone).Date()
	return y1 == y2 && m1 == m2 && d1 == d2
}

// said draws a text with its author. Further lines of the text begin below the first one.
func (k ink) said(prefix, author string, nick lipgloss.Style, said string, text lipgloss.Style) []string {
	name := visible.Line(author)
	hang := timeEnd + nameColumns + 1
	var head string
	if k.width >= widthInCols {
		head = prefix + nick.Render(k.cells.fit(name, nameColumns)) + " "
	} else {
		name = k.cells.cut(name, max(k.width/2-timeEnd, 6))
		head = prefix + nick.Render(name) + " "
		hang = timeEnd + 2
	}
	first := k.cells.width(head)
	return k.hanging(head, first, hang, visible.Text(said), text)
}

// hanging wraps a text that follows a head of first columns. The lines after the first begin at
// column hang.
func (k ink) hanging(head string, first, hang int, said string, style lipgloss.Style) []string {
	pad := strings.Repeat(" ", max(first-hang, 0)) // takes the place of the head in the first line
	indent := strings.Repeat(" ", hang)
	rows := k.cells.wrap(pad+said, k.width-hang)
	lines := make([]string, len(rows))
	for i, row := range rows {
		if i == 0 {
			lines[i] = head + style.Render(strings.TrimPrefix(row, pad))
			continue
		}
		lines[i] = indent + style.Render(row)
	}
	return lines
}

// notice draws a notice, with a mark for its tone instead of a name.
func (k ink) notice(n notice) []string {
	mark, style := "·", k.theme.dim
	switch n.tone {
	case warns:
		mark, style = "!", k.theme.warning
	case greets:
		mark, style = "*", k.theme.accent
	}
	head := " " + k.theme.dim.Render(n.at.In(k.zone).Format("15:04")) + " " + style.Render(mark) + " "
	return k.hanging(head, timeEnd+2, timeEnd+2, k.narrowed(n.text, k.width-timeEnd-2), style)
}

// narrowed returns a text whose lines have two columns. If some line is too wide, the columns are
// joined by a dash instead.
func (k ink) narrowed(text string, width int) string {
	lines := strings.Split(text, "\n")
	if !slices.ContainsFunc(lines, func(line string) bool { return k.cells.width(line) > width }) {
		return text
	}
	for i, line := range lines {
		if left, right, two := strings.Cut(line, "  "); two && left != "" {
			lines[i] = left + " — " + strings.TrimLeft(right, " ")
		}
	}
	return strings.Join(lines, "\n")
}

// pending draws a text that is about to be posted.
func (k ink) pending(p pending) []string {
	state := "     …"
	if !k.online {
		state = " waits"
	}
	return k.said(k.theme.pending.Render(state)+" ", k.me, k.theme.pending, p.text, k.theme.pending)
}

// head returns the line above the first message that is held.
func (k ink) head(r *room) []string {
	switch {
	case r.place.Channel == "":
		return []string{""}
	case r.loading == olderPage || r.loading == newestPage:
		return []string{k.rule("loading…", k.theme.dim)}
	case !r.loaded:
		return []string{""}
	case r.history.first == 0:
		return []string{k.rule("beginning of #"+visible.Line(r.place.Channel), k.theme.dim)}
	}
	return []string{k.rule("⋮", k.theme.dim)}
}

// rule returns a line across the pane with a word in it.
func (k ink) rule(word string, style lipgloss.Style) string {
	word = k.cells.cut(word, k.width-8)
	rest := k.width - k.cells.width(word) - 4
	left := min(rest/2, max(rest-2, 0))
	return " " + k.theme.line.Render(strings.Repeat("─", left)) + " " + style.Render(word) + " " +
		k.theme.line.Render(strings.Repeat("─", max(rest-left, 0)))
}
