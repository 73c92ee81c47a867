package screen

import (
	"strconv"
	"time"

	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/client/visible"
)

// Limits of the wire pane.
const (
	mostWire     = 300 // JSON objects that are kept
	mostWireRows = 6   // rows that one object may take
)

// wire is the pane with the JSON that went over the connection, for users who study the protocol.
type wire struct {
	objects []*wireObject
	missed  int64 // how many objects came too fast to be shown

	look  wireLook
	rows  []wireRow      // the rows of all objects, wrapped for look
	stale bool           // rows is out of date
	gone  int            // rows at the top whose objects are not kept any more
	view  viewport.Model // the part of rows that the user looks at; the rows are drawn here, by the widths of the terminal
}

// wireObject is a JSON object and its text in rows.
type wireObject struct {
	client.Traffic
	wrapped []string // nil until it is wrapped
}

// wireLook is what the wrapping into rows depends on.
type wireLook struct {
	width, height int
	cells         cells
}

// wireRow is a row of the pane.
type wireRow struct {
	of   *client.Traffic // the object that begins in this row, or nil
	text string
}

func newWire() wire { return wire{view: viewport.New()} }

// take keeps the newest traffic.
func (w *wire) take(msg trafficMsg) {
	w.missed += msg.missed
	for _, t := range msg.traffic {
		w.objects = append(w.objects, &wireObject{Traffic: t})
	}
	if gone := len(w.objects) - mostWire; gone > 0 {
		for _, o := range w.objects[:gone] {
			w.gone += len(o.wrapped)
		}
		w.objects = append([]*wireObject(nil), w.objects[gone:]...)
	}
	w.stale = true
}

// lay wraps the objects that are new. A user who looks at the end stays at the end; one who has
// scrolled up goes on seeing the same rows.
func (w *wire) lay(look wireLook) {
	if look != w.look {
		for _, o := range w.objects {
			o.wrapped = nil
		}
		w.look, w.stale, w.gone = look, true, 0
	}
	if !w.stale {
		return
	}
	w.rows = nil
	var lines []string
	for _, o := range w.objects {
		if o.wrapped == nil {
			o.wrapped = look.wrap(o.JSON)
		}
		for i, text := range o.wrapped {
			row := wireRow{text: text}
			if i == 0 {
				row.of = &o.Traffic
			}
			w.rows, lines = append(w.rows, row), append(lines, text)
		}
	}
	follows, top := w.view.AtBottom(), w.view.YOffset()-w.gone
	w.view.SetHeight(look.height)
	w.view.SetContentLines(lines)
	w.view.SetYOffset(top)
	if follows {
		w.view.GotoBottom()
	}
	w.stale, w.gone = false, 0
}

// wireHang is the column in which the JSON begins, after a time and an arrow.
const wireHang = 1 + 8 + 1 + 2

// wrap returns an object's JSON in rows, made safe to show. It is cut to mostWireRows or the
// height of the pane.
func (l wireLook) wrap(json []byte) []string {
	width, most := max(l.width-wireHang, 2), max(min(mostWireRows, l.height), 1)
	const longest = 4 // bytes that a character has at most
	end := min(len(json), most*width*longest)
	rows := l.cells.wrap(visible.Line(string(json[:end])), width)
	if len(rows) > most || end < len(json) {
		rows = append(rows[:min(len(rows), most-1)], "…")
	}
	return rows
}

// layWire updates the wire pane if it is open.
func (m *model) layWire() {
	if l := m.layout(); l.wire > 1 {
		m.wire.lay(wireLook{l.pane - 1, l.wire - 1, m.cells})
	}
}

// wireRows returns the wire pane as it is drawn, in height rows with the newest object at the
// bottom.
func (m *model) wireRows(width, height int) []string {
	w := &m.wire
	title := "wire"
	if w.missed > 0 {
		title += ", " + strconv.FormatInt(w.missed, 10) + " not shown"
	}
	if !w.view.AtBottom() {
		title += ", scrolled up"
	}
	k := ink{cells: m.cells, theme: m.theme, width: width - 1}
	rows := []string{k.rule(title+", F2 closes", m.theme.dim)}
	from := min(w.view.YOffset(), len(w.rows))
	for _, row := range w.rows[from:min(from+height-1, len(w.rows))] {
		rows = append(rows, m.wireHead(row.of)+m.theme.plain.Render(row.text))
	}
	return rows
}

// wireHead returns what is shown before the JSON in a row: when the object went over the wire,
// and in which direction.
func (m *model) wireHead(t *client.Traffic) string {
	if t == nil {
		return repeat(" ", wireHang)
	}
	arrow, style := "←", m.theme.plain
	if t.Sent {
		arrow, style = "→", m.theme.accent
	}
	return " " + m.theme.dim.Render(t.Time.In(m.zone).Format(time.TimeOnly)) + " " + style.Render(arrow) + " "
}

// toggleWire opens the wire pane, with the newest object in view, or closes it.
func (m *model) toggleWire() tea.Cmd {
	m.panes.wire = !m.panes.wire
	m.wire.view.GotoBottom()
	return nil
}

// pagingWire scrolls the wire pane by most of its height; a number below 0 is upwards.
func pagingWire(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.scrollWire(by * max(m.wire.view.Height()-1, 1)); return nil }
}

func (m *model) scrollWire(by int) {
	if m.layout().wire > 1 {
		m.wire.view.SetYOffset(m.wire.view.YOffset() + by)
	}
}
