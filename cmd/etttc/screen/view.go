package screen

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"elemental/client"
	"elemental/client/visible"
)

type style = lipgloss.Style

func repeat(s string, n int) string { return strings.Repeat(s, max(n, 0)) }

// View draws the model.
func (m *model) View() tea.View {
	rows, cursor := m.draw()
	v := tea.NewView(strings.Join(rows, "\n"))
	v.Cursor = cursor
	v.AltScreen, v.ReportFocus = true, true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "etttc " + written(m.at)
	return v
}

// draw returns exactly height rows of exactly width columns, and the cursor.
func (m *model) draw() ([]string, *tea.Cursor) {
	if m.width <= 0 || m.height <= 0 {
		return nil, nil
	}
	if !m.fits() {
		return m.tooSmall(), nil
	}
	l := m.layout()
	rows, cursor := m.drawBody(l)
	if m.dialog == nil {
		rows = append(rows, m.ruleLine())
		var input []string
		input, cursor = m.drawInput(l, len(rows))
		rows = append(rows, input...)
	}
	return append(rows, m.statusLine()), cursor
}

// fits reports whether the terminal is large enough for the screen.
func (m *model) fits() bool { return m.width >= leastWidth && m.height >= leastHeight }

// tooSmall returns the only text that a too small terminal shows.
func (m *model) tooSmall() []string {
	rows := m.cells.wrap("terminal too small, 40×10 is the least", m.width)
	return m.trimmed(rows, m.width, m.height)
}

// drawBody returns everything above the rule: the head line and the three columns.
func (m *model) drawBody(l layout) ([]string, *tea.Cursor) {
	height := 1 + l.body + l.wire
	var columns [][]string
	var cursor *tea.Cursor
	if l.side > 0 {
		columns = append(columns, filled(m.sideText(l.side, height), l.side, height))
	}
	if l.pane > 0 {
		var pane []string
		pane, cursor = m.drawPane(l)
		columns = append(columns, m.trimmed(pane, l.pane, height))
	}
	if l.members > 0 {
		columns = append(columns, filled(m.memberRows(l.members, height), l.members, height))
	}
	return m.beside(columns, height), cursor
}

func (m *model) sideText(width, height int) []string {
	var text []string
	for _, row := range m.sideRows(height) {
		text = append(text, m.sideRowText(row, width))
	}
	return text
}

// filled adds empty rows until there are height rows, and cuts what is beyond.
func filled(rows []string, width, height int) []string {
	for len(rows) < height {
		rows = append(rows, repeat(" ", width))
	}
	return rows[:height]
}

// trimmed makes every row exactly as wide as the pane.
func (m *model) trimmed(rows []string, width, height int) []string {
	for i := range rows {
		rows[i] = m.cells.fit(rows[i], width)
	}
	return filled(rows, width, height)
}

// beside puts columns next to each other, with a line between them.
func (m *model) beside(columns [][]string, height int) []string {
	border := m.theme.line.Render("│")
	rows := make([]string, height)
	for i := range rows {
		parts := make([]string, len(columns))
		for j := range columns {
			parts[j] = columns[j][i]
		}
		rows[i] = strings.Join(parts, border)
	}
	return rows
}

// drawPane returns the head line, the messages and the wire pane. A dialog is drawn over the
// messages.
func (m *model) drawPane(l layout) ([]string, *tea.Cursor) {
	rows := []string{m.headLine(l.pane, l.side == 0)}
	messages := m.drawMessages(l)
	var cursor *tea.Cursor
	if m.dialog != nil {
		box, x, y := m.drawDialog(l.pane, l.body)
		top, left := max((l.body-len(box))/2, 0), (l.pane-m.cells.width(box[0]))/2
		for i, line := range box {
			messages[top+i] = repeat(" ", left) + line
		}
		cursor = tea.NewCursor(l.paneX()+left+x, 1+top+y)
	}
	rows = append(rows, messages...)
	if l.wire > 0 {
		rows = append(rows, m.wireRows(l.pane, l.wire)...)
	}
	return rows, cursor
}

// drawMessages returns the part of the room that the user looks at, at the bottom of the pane.
func (m *model) drawMessages(l layout) []string {
	f := m.flow(l.pane)
	lines, _ := f.above(f.spot(m.here().scroll, l.body), l.body)
	return append(make([]string, l.body-len(lines)), lines...)
}

// drawInput returns the rows of the input around the cursor. y is the row of the screen where
// they begin.
func (m *model) drawInput(l layout, y int) ([]string, *tea.Cursor) {
	laid := m.input.lay(m.cells, l.width)
	x, row := laid.spot(m.input.cursor, m.cells.width)
	from := max(row-l.input+1, 0)
	rows := make([]string, l.input)
	for i := range rows {
		prompt := "  "
		if from+i == 0 {
			prompt = m.theme.accent.Render("› ")
		}
		rows[i] = m.cells.fit(prompt+laid.lines[from+i], l.width)
	}
	if m.input.text == "" {
		rows[0] = m.cells.fit(m.theme.accent.Render("› ")+m.theme.dim.Render(m.placeholder()), l.width)
	}
	return rows, tea.NewCursor(min(2+x, l.width-1), y+row-from)
}

// placeholder returns what an empty input shows: what may be typed, or what is waited for.
func (m *model) placeholder() string {
	switch {
	case m.user == "" && m.link.State == client.Offline:
		return "waiting for the provider: " + m.linkError()
	case m.user == "":
		return "logging in…"
	case m.at.Channel != "":
		return "message to #" + visible.Line(m.at.Channel)
	case m.known && len(m.servers) == 0:
		return "/joinserver or /createserver begins, /help tells more"
	}
	return "/help lists the commands"
}
