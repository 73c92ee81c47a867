package screen

import (
	"strings"

	"elemental/client"
	"elemental/client/visible"
)

// dialogState returns what the dialog says below its fields, and whether that is bad news.
func (m *model) dialogState() (text string, bad bool) {
	d := m.dialog
	switch {
	case d.refusal != "":
		return d.refusal, true
	case d.command != nil:
		return keysLine(nextKey, escKey), false
	case m.link.State == client.Offline:
		return "waiting for the provider: " + m.linkError(), true
	case m.link.State == client.Connecting:
		return "connecting…", false
	case m.login.wanted && m.login.register:
		return "registering…", false
	case m.login.wanted:
		return "logging in…", false
	}
	return keysLine(nextKey, quitKey), false
}

// height returns how many lines the dialog's box has at most.
func (d *dialog) height() int {
	const borders, title, state = 2, 3, 3
	return borders + title + len(d.fields) + state
}

// drawDialog returns the dialog's box, at most height lines high, and the column and line of the
// cursor in it.
func (m *model) drawDialog(width, height int) (lines []string, x, y int) {
	d, t := m.dialog, m.theme
	inner := min(width-4, 56)
	labels := 0
	for _, f := range d.fields {
		labels = max(labels, m.cells.width(f.label))
	}
	labels = min(labels, inner-14)
	box := []string{t.accent.Render(m.cells.cut(d.title, inner))}
	if height > len(d.fields)+6 {
		if name := m.provider.Name; name != "" && d.command == nil {
			box = append(box, t.dim.Render(m.cells.cut(visible.Line(name), inner)))
		}
		box = append(box, "")
	}
	for i := range d.fields {
		f := &d.fields[i]
		row, at := m.drawField(f, labels, inner, i == d.at)
		if i == d.at {
			x, y = at, len(box)
		}
		box = append(box, row)
	}
	state := m.stateLines(inner)
	if height > len(box)+len(state)+2 {
		box = append(box, "")
	}
	box = append(box, state...)
	return m.bordered(box[:min(len(box), height-2)], inner), x + 2, y + 1
}

// stateLines returns what the dialog says below its fields, in at most two lines.
func (m *model) stateLines(width int) []string {
	state, bad := m.dialogState()
	style := m.theme.dim
	if bad {
		style, state = m.theme.warning, "! "+state
	}
	lines := m.cells.wrap(state, width)
	lines = lines[:min(len(lines), 2)]
	for i := range lines {
		lines[i] = style.Render(m.cells.cut(lines[i], width))
	}
	return lines
}

// drawField returns a field with its label, and the column of the cursor in it.
func (m *model) drawField(f *field, labels, inner int, current bool) (string, int) {
	mark, style := "  ", m.theme.dim
	if current {
		mark, style = "› ", m.theme.strong
	}
	head := mark + m.cells.fit(m.cells.cut(f.label, labels)+":", labels+2)
	room := inner - labels - 4
	text, x := m.window(f, room)
	return style.Render(head) + text, labels + 4 + x
}

// window returns the part of a field around its cursor, and the column of the cursor in it.
func (m *model) window(f *field, width int) (string, int) {
	before, after := f.shown()
	before, column := m.cells.last(before, width-1, m.cells.width)
	return m.cells.fit(before+after, width), column
}

// bordered draws a box around lines that are inner columns wide.
func (m *model) bordered(lines []string, inner int) []string {
	edge := m.theme.line
	out := []string{edge.Render("╭" + strings.Repeat("─", inner+2) + "╮")}
	for _, line := range lines {
		out = append(out, edge.Render("│")+" "+m.cells.fit(line, inner)+" "+edge.Render("│"))
	}
	return append(out, edge.Render("╰"+strings.Repeat("─", inner+2)+"╯"))
}
