package screen

import (
	"strconv"

	"elemental/cmd/etttc/commands"
	"elemental/cmd/etttc/visible"
)

// sideRow is a row of the side bar: a server, or one of its channels.
type sideRow struct {
	at   commands.Place // where a click on it leads
	text string
}

// sideRows is the part of the side bar that height has room for, around the
// present place: the provider's name, and each server with its channels.
func (m *model) sideRows(width, height int) []sideRow {
	rows, current := m.allSideRows(width)
	from := 0
	if current >= height {
		from = min(current-height/2, len(rows)-height)
	}
	rows = rows[max(from, 0):]
	return rows[:min(len(rows), height)]
}

func (m *model) allSideRows(width int) (rows []sideRow, current int) {
	name := visible.Line(m.provider.Name)
	if name == "" {
		name = visible.Line(m.address)
	}
	rows = []sideRow{{m.at, m.theme.accent.Render(m.cells.fit(" "+name, width))}}
	for _, s := range m.servers {
		rows = append(rows, sideRow{s.entrance(), m.theme.strong.Render(m.cells.fit(" "+visible.Line(s.name), width))})
		for _, channel := range s.channels {
			at := commands.Place{Server: s.name, Channel: channel}
			if at == m.at {
				current = len(rows)
			}
			rows = append(rows, sideRow{at, m.channelRow(at, width)})
		}
	}
	if m.known && len(m.servers) == 0 {
		rows = append(rows, sideRow{text: m.theme.dim.Render(m.cells.fit(" no servers yet", width))})
	}
	return rows, current
}

// channelRow is a channel with what is unread in it: a count, and "@" where the
// user is mentioned.
func (m *model) channelRow(at commands.Place, width int) string {
	count := ""
	style := m.theme.dim
	if r := m.rooms[at]; r != nil && r.unread > 0 {
		count, style = strconv.Itoa(r.unread)+" ", m.theme.strong
		if r.unread > 999 {
			count = "999+ "
		}
		if r.mentioned {
			count, style = "@"+count, m.theme.mention
		}
	}
	mark := "   #"
	if at == m.at {
		mark, style = " ▸ #", m.theme.accent
	}
	name := m.cells.cut(mark+visible.Line(at.Channel), width-m.cells.width(count)-1)
	return style.Render(m.cells.ends(name, count, width))
}

// memberRows is who is in the present server, those online first, as far as
// there is room.
func (m *model) memberRows(width, height int) []string {
	all, known := m.members[m.at.Server]
	if !known {
		return []string{m.theme.dim.Render(m.cells.fit(" not told here", width))}
	}
	var online, offline []string
	for _, member := range all.Members {
		name := visible.Line(member.User)
		if member.User == all.Owner {
			name = m.ownerName(name, width-3)
		}
		if member.Online {
			online = append(online, m.theme.plain.Render(m.cells.fit(" ● "+name, width)))
		} else {
			offline = append(offline, m.theme.dim.Render(m.cells.fit(" ○ "+name, width)))
		}
	}
	title := " members " + strconv.Itoa(len(online)) + "/" + strconv.Itoa(len(all.Members))
	rows := append([]string{m.theme.strong.Render(m.cells.fit(title, width))}, append(online, offline...)...)
	if len(rows) > height {
		rest := " … " + strconv.Itoa(len(rows)-height+1) + " more"
		rows = append(rows[:max(height-1, 0)], m.theme.dim.Render(m.cells.fit(rest, width)))
	}
	return rows
}

// ownerName marks the owner's name, with a word where there is room for one.
func (m *model) ownerName(name string, width int) string {
	if m.cells.width(name)+len(", owner") <= width {
		return name + ", owner"
	}
	return m.cells.cut(name, width-2) + " *"
}
