package screen

import (
	"strconv"
	"time"

	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/client/visible"
)

// Bounds of the wire pane.
const (
	mostWire     = 300 // objects kept
	mostWireRows = 6   // rows of one object
)

// wire is the JSON that went over the connection, for those who study the protocol.
type wire struct {
	objects []*wireObject
	missed  int64 // that came too fast to be shown

	look  wireLook
	rows  []wireRow      // of all objects, as they look
	stale bool           // rows are not those of the objects
	gone  int            // rows at the top that are not of any object now
	view  viewport.Model // where the user looks at in rows; they are drawn here, in the terminal's widths
}

// wireObject is one object, and its text as it is wrapped.
type wireObject struct {
	client.Traffic
	wrapped []string // nil is not yet
}

// wireLook is what the wrapping depends on.
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

// lay wraps what is new. A user who looks at the end stays there, one who has
// scrolled up goes on seeing what they see.
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

// wrap is an object as the protocol's description writes it, in rows, not more
// than are of use.
func (l wireLook) wrap(json []byte) []string {
	width, most := max(l.width-wireHang, 2), max(min(mostWireRows, l.height), 1)
	const longest = 4 // bytes of a character
	end := min(len(json), most*width*longest)
	rows := l.cells.wrap(visible.Line(string(json[:end])), width)
	if len(rows) > most || end < len(json) {
		rows = append(rows[:min(len(rows), most-1)], "…")
	}
	return rows
}

// layWire brings the wire pane up to date, as far as it is open.
func (m *model) layWire() {
	if l := m.layout(); l.wire > 1 {
		m.wire.lay(wireLook{l.pane - 1, l.wire - 1, m.cells})
	}
}

// wireRows is the wire pane, the newest object lowest, in height rows.
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

// wireHead is what stands before the JSON in a row: when it went, and where to.
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

// toggleWire opens the pane at its newest object, or closes it.
func (m *model) toggleWire() tea.Cmd {
	m.panes.wire = !m.panes.wire
	m.wire.view.GotoBottom()
	return nil
}

// pagingWire scrolls the pane by most of its height; below 0 is upwards.
func pagingWire(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.scrollWire(by * max(m.wire.view.Height()-1, 1)); return nil }
}

func (m *model) scrollWire(by int) {
	if m.layout().wire > 1 {
		m.wire.view.SetYOffset(m.wire.view.YOffset() + by)
	}
}
