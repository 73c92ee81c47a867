package screen

import (
	"strconv"
	"time"

	"elemental/client"
	"elemental/cmd/etttc/visible"
)

// Bounds of the wire pane.
const (
	mostWire     = 300 // objects kept
	mostWireRows = 6   // rows of one object
)

// wire is the JSON that went over the connection, for those who study the protocol.
type wire struct {
	objects []client.Traffic
	missed  int64 // that came too fast to be shown
}

// take keeps the newest traffic.
func (w *wire) take(msg trafficMsg) {
	w.missed += msg.missed
	w.objects = append(w.objects, msg.traffic...)
	if gone := len(w.objects) - mostWire; gone > 0 {
		w.objects = append([]client.Traffic(nil), w.objects[gone:]...)
	}
}

// wireRows is the wire pane, the newest object lowest, in height rows.
func (m *model) wireRows(width, height int) []string {
	title := "wire"
	if m.wire.missed > 0 {
		title += ", " + strconv.FormatInt(m.wire.missed, 10) + " not shown"
	}
	k := ink{cells: m.cells, theme: m.theme, width: width - 1}
	rows := []string{k.rule(title+", F2 closes", m.theme.dim)}
	var upward [][]string
	taken := 0
	for i := len(m.wire.objects) - 1; i >= 0 && taken < height-1; i-- {
		block := m.wireBlock(m.wire.objects[i], k, min(mostWireRows, height-1))
		block = block[max(len(block)-(height-1-taken), 0):]
		upward, taken = append(upward, block), taken+len(block)
	}
	for i := len(upward) - 1; i >= 0; i-- {
		rows = append(rows, upward[i]...)
	}
	return rows
}

// wireBlock is one object with its direction, as the protocol's description
// writes it, in at most that many rows.
func (m *model) wireBlock(t client.Traffic, k ink, most int) []string {
	arrow, style := "←", m.theme.plain
	if t.Sent {
		arrow, style = "→", m.theme.accent
	}
	const timeForm, hang = time.TimeOnly, 1 + 8 + 1 + 2
	head := " " + m.theme.dim.Render(t.Time.In(m.zone).Format(timeForm)) + " " + style.Render(arrow) + " "
	rows := k.hanging(head, hang, hang, visible.Line(string(t.JSON)), m.theme.plain)
	if len(rows) > most {
		rows = append(rows[:max(most-1, 0)], repeat(" ", hang)+m.theme.dim.Render("…"))
	}
	return rows
}
