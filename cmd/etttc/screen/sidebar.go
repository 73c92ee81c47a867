package screen

import (
	"strconv"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// sideRow is a row of the side bar: the provider, a server, or one of its channels.
type sideRow struct {
	kind sideKind
	at   commands.Place // where a click on the row leads
}

type sideKind int

const (
	providerRow sideKind = iota
	serverRow
	placeRow
	noServersRow
)

// sideRows returns the rows of the side bar that have room in height, around the present place:
// the provider's name, and each server with its channels. Only these rows are styled (in
// sideRowText), since there may be thousands in all.
func (m *model) sideRows(height int) []sideRow {
	rows, current := m.allSideRows()
	from := 0
	if current >= height {
		from = min(current-height/2, len(rows)-height)
	}
	rows = rows[max(from, 0):]
	return rows[:min(len(rows), height)]
}

func (m *model) allSideRows() (rows []sideRow, current int) {
	rows = []sideRow{{providerRow, m.at}}
	for _, s := range m.servers {
		rows = append(rows, sideRow{serverRow, s.entrance()})
		for _, channel := range s.channels {
			at := commands.Place{Server: s.name, Channel: channel}
			if at == m.at {
				current = len(rows)
			}
			rows = append(rows, sideRow{placeRow, at})
		}
	}
	if m.known && len(m.servers) == 0 {
		rows = append(rows, sideRow{kind: noServersRow})
	}
	return rows, current
}

func (m *model) sideRowText(row sideRow, width int) string {
	style, text := m.theme.dim, "no servers yet"
	switch row.kind {
	case placeRow:
		return m.channelRow(row.at, width)
	case serverRow:
		style, text = m.theme.strong, visible.Line(row.at.Server)
	case providerRow:
		style, text = m.theme.accent, visible.Line(m.provider.Name)
		if text == "" {
			text = visible.Line(m.address)
		}
	}
	return style.Render(m.cells.fit(" "+text, width))
}

// channelRow returns the row of a channel with the number of unread messages, and "@" if the user
// is mentioned.
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

// memberRows returns the list of the members of the present server, those online first, as far as
// there is room.
func (m *model) memberRows(width, height int) []string {
	all, known := m.members[m.at.Server]
	if !known {
		return []string{m.theme.dim.Render(m.cells.fit(" not told here", width))}
	}
	room := len(all.Members)
	if room >= height {
		room = max(height-2, 0) // two rows are for the title and for how many more there are
	}
	first, online := onlineFirst(all.Members, room)
	title := " members " + strconv.Itoa(online) + "/" + strconv.Itoa(len(all.Members))
	rows := []string{m.theme.strong.Render(m.cells.fit(title, width))}
	for _, member := range first {
		rows = append(rows, m.memberRow(member, all.Owner, width))
	}
	if rest := len(all.Members) - room; rest > 0 {
		rows = append(rows, m.theme.dim.Render(m.cells.fit(" … "+strconv.Itoa(rest)+" more", width)))
	}
	return rows
}

// onlineFirst returns the first n members, with those online before the others, and how many are
// online in all.
func onlineFirst(all []client.Member, n int) (first []client.Member, online int) {
	for _, which := range []bool{true, false} {
		for _, member := range all {
			if member.Online == which && len(first) < n {
				first = append(first, member)
			}
			if member.Online && which {
				online++
			}
		}
	}
	return first, online
}

func (m *model) memberRow(member client.Member, owner string, width int) string {
	name := visible.Line(member.User)
	if member.User == owner {
		name = m.ownerName(name, width-3)
	}
	if member.Online {
		return m.theme.plain.Render(m.cells.fit(" ● "+name, width))
	}
	return m.theme.dim.Render(m.cells.fit(" ○ "+name, width))
}

// ownerName marks the owner's name: with ", owner" if there is room, else with "*".
func (m *model) ownerName(name string, width int) string {
	if m.cells.width(name)+len(", owner") <= width {
		return name + ", owner"
	}
	return m.cells.cut(name, width-2) + " *"
}
