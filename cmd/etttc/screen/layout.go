package screen

// The smallest size of a terminal, in columns and rows, for which the screen is drawn.
const (
	leastWidth  = 40
	leastHeight = 10
)

// From these widths on, in columns, the lists at the sides are shown unless the user hides them.
const (
	widthForSide    = 64
	widthForMembers = 80
)

// layout says where everything is on the screen. From top to bottom there are a head line, the
// body, a rule, the input and the status line. The body has the side list, the messages and the
// members next to each other. While a dialog is open, there is neither rule nor input.
type layout struct {
	width, height int
	side, members int // widths without their border; 0 is hidden
	pane          int // width of the messages
	body          int // height of the messages, the wire pane not counted
	wire          int // height of the wire pane, its rule counted
	input         int // rows of the input
}

// layout computes the layout from the terminal's size and the user's choices. On a narrow
// terminal a list takes the place of the messages.
func (m *model) layout() layout {
	l := layout{width: m.width, height: m.height, pane: m.width}
	switch {
	case m.width >= widthForSide:
		l.side = min(max(m.width/5, 16), 26)
		l.members = min(max(m.width/6, 13), 20)
	case m.dialog != nil:
	case m.panes.side == shown:
		return l.alone(m, m.width, 0)
	case m.panes.members == shown:
		return l.alone(m, 0, m.width)
	}
	if m.user == "" || m.panes.side == hidden {
		l.side = 0
	}
	if !m.showsMembers() {
		l.members = 0
	}
	if l.side > 0 {
		l.pane -= l.side + 1
	}
	if l.members > 0 {
		l.pane -= l.members + 1
	}
	return l.tall(m)
}

func (m *model) showsMembers() bool {
	_, known := m.members[m.at.Server]
	wide := m.width >= widthForMembers && m.panes.members == byWidth
	return known && m.user != "" && (wide || m.panes.members == shown)
}

// alone returns a layout with only one list.
func (l layout) alone(m *model, side, members int) layout {
	l.side, l.members, l.pane = side, members, 0
	return l.tall(m)
}

// tall divides the height among the body, the wire pane and the input.
func (l layout) tall(m *model) layout {
	l.body = l.height - 2
	if m.dialog == nil {
		most := max(min(6, l.height/4), 1)
		l.input = min(len(m.input.lay(m.cells, l.width).rows), most)
		l.body -= 1 + l.input
	}
	if m.panes.wire && l.pane > 0 {
		l.wire = min(l.body/2, 20)
		if m.dialog != nil { // the dialog comes first; one row would only hold the pane's rule
			l.wire = min(l.wire, l.body-m.dialog.height())
			if l.wire < 2 {
				l.wire = 0
			}
		}
		l.body -= l.wire
	}
	return l
}

// paneX returns the first column of the messages.
func (l layout) paneX() int {
	if l.side > 0 && l.pane > 0 {
		return l.side + 1
	}
	return 0
}
