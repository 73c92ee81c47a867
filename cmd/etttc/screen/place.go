package screen

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// How much of a channel is loaded and kept.
const (
	pageSize  = 200 // messages that are asked for at once
	nearEdge  = 40  // more is asked for if the screen is closer than this many items to the edge of what is held
	keptAside = 300 // messages kept of a channel that is not on the screen

	keptBytes = 256 << 10 // bytes of their texts that are kept at most
)

// enterPlace moves the user to another place. Of the place that they leave only the newest
// messages are kept.
func (m *model) enterPlace(to commands.Place) {
	if to == m.at {
		return
	}
	left := m.here()
	left.scroll = scroll{}
	if left.unread == 0 {
		left.newFrom = -1
	}
	left.shrink()
	m.at = to
	if s := m.server(to.Server); s != nil && to.Channel != "" && !slices.Contains(s.channels, to.Channel) {
		s.channels = append(slices.Clone(s.channels), to.Channel) // the channel was made by somebody else; the next listing will have it
	}
	if left.place == (commands.Place{}) { // notices from before the user was in any channel move along
		for _, n := range left.notices {
			m.here().tell(n)
		}
		left.notices = nil
	}
}

// step goes some channels on or back in the side bar, and from one end to the other.
func (m *model) step(by int) {
	all := m.places()
	if len(all) == 0 {
		return
	}
	i := slices.Index(all, m.at)
	if i < 0 && by < 0 {
		i = 0
	}
	m.enterPlace(all[(i+by+len(all))%len(all)])
}

// nextUnread goes to the next channel that has unread messages. Channels in which the user is
// mentioned come first.
func (m *model) nextUnread() {
	all := m.places()
	i := slices.Index(all, m.at)
	for _, mentioned := range []bool{true, false} {
		for k := 1; k <= len(all); k++ {
			at := all[(i+k+len(all))%len(all)]
			r := m.rooms[at]
			if r != nil && r.unread > 0 && (r.mentioned || !mentioned) {
				m.enterPlace(at)
				return
			}
		}
	}
}

// happened takes in the events of a server's subscription. Those of a server that is gone are
// ignored: its rooms would be taken for those of another server of that name.
func (m *model) happened(msg eventsMsg) tea.Cmd {
	if m.server(msg.server) == nil {
		return nil
	}
	stale, stranger := false, false
	for events := msg.events; len(events) > 0; {
		n := run(events)
		at := commands.Place{Server: msg.server, Channel: events[0].Channel}
		if events[0].Kind == client.Deleted {
			m.channelDeleted(at)
			stale = true
		} else {
			stale = m.postedIn(at, events[:n]) || stale
			stranger = stranger || m.strangers(at.Server, events[:n])
		}
		events = events[n:]
	}
	var cmds []tea.Cmd
	if stale {
		cmds = append(cmds, m.relist())
	}
	if stranger && m.now.Sub(m.asked) >= time.Second {
		cmds = append(cmds, m.askMembers())
	}
	return tea.Batch(cmds...)
}

// strangers reports whether somebody wrote who is not listed as an online member. Then the list
// of members is out of date.
func (m *model) strangers(name string, events []client.Event) bool {
	all, known := m.members[name]
	return known && name == m.at.Server && slices.ContainsFunc(events, func(e client.Event) bool {
		return !slices.Contains(all.Members, client.Member{User: e.Author, Online: true})
	})
}

// run returns how many events at the start of the list are posts in one channel. A deletion
// counts by itself.
func run(events []client.Event) int {
	n := 1
	for n < len(events) && events[0].Kind == client.Posted && events[n].Kind == client.Posted &&
		events[n].Channel == events[0].Channel {
		n++
	}
	return n
}

// postedIn takes in new messages of a channel, and reports whether the channel is not in the side
// bar yet.
func (m *model) postedIn(at commands.Place, events []client.Event) bool {
	posted := make([]client.Message, len(events))
	for i, e := range events {
		posted[i] = e.Message
	}
	m.found(at, posted)
	looking := at == m.at && !m.here().scroll.held
	r := m.room(at)
	r.take(posted, m.user, looking, looking && m.focused)
	if at != m.at {
		r.shrink()
	} else if m.layout().pane <= 0 { // a list covers the messages, and then settle does not limit what is held
		r.history.trim(r.around())
	}
	return !m.has(at)
}

// channelDeleted empties a channel that was deleted. The next listing tells whether there is a
// new one of the same name.
func (m *model) channelDeleted(at commands.Place) {
	m.room(at).deleted()
	if s := m.server(at.Server); s != nil {
		s.channels = slices.DeleteFunc(slices.Clone(s.channels), func(c string) bool { return c == at.Channel })
	}
	if m.at == at {
		m.settlePlace()
	}
}

// moveOut takes the user out of a place that is gone, or into the first place. A user who did not
// ask for that is told. What they were typing was meant for the other place, so it is moved to
// the history of the input: Enter must not post it here.
func (m *model) moveOut(to commands.Place) {
	from := m.at
	if to == from {
		return
	}
	m.enterPlace(to)
	switch {
	case from.Server == "", from.Channel == "" && from.Server == to.Server:
		return // there was no channel to post in
	case m.doing("deletechannel", "leaveserver", "deleteserver"):
		return
	}
	text := "the channel #" + visible.Line(from.Channel) + " was deleted, you are in #" + visible.Line(to.Channel)
	switch {
	case to.Channel == "":
		text = written(from) + " is gone"
	case from.Server != to.Server:
		text = "you are not in " + visible.Line(from.Server) + " any more, but in " + written(to)
	}
	if m.input.setAside() {
		text += " (↑ brings back what you typed)"
	}
	m.tell(warns, text)
}

// askMembers asks for the members of the present server.
func (m *model) askMembers() tea.Cmd {
	m.asked, m.askedOf = m.now, m.at.Server
	if m.user == "" || m.at.Server == "" || !m.online() {
		return nil
	}
	return m.net.askMembers(m.at.Server)
}

// told takes in the members of a server and its channels. If the user's own channel is missing,
// the answer may be older than that channel, so the servers are listed again to decide that.
func (m *model) told(msg membersMsg) tea.Cmd {
	s := m.server(msg.server)
	if s == nil {
		return nil
	}
	var cmd tea.Cmd
	switch {
	case msg.channels == nil || slices.Equal(s.channels, msg.channels):
	case msg.server == m.at.Server && m.at.Channel != "" && !slices.Contains(msg.channels, m.at.Channel):
		cmd = m.relist()
	default:
		s.channels = msg.channels
		m.settlePlace()
	}
	if msg.err != nil {
		delete(m.members, msg.server) // the provider does not offer it, or the user is not a member any more
		return cmd
	}
	m.members[msg.server] = msg.members
	return cmd
}

// page takes in a page of a room's history. Answers that are out of date are ignored.
func (m *model) page(msg pageMsg) tea.Cmd {
	r := m.rooms[msg.place]
	if r == nil || r.epoch != msg.epoch || r.loading != msg.which {
		return nil
	}
	r.loading = nothing
	if msg.err == nil {
		m.found(r.place, msg.page.Messages)
		r.load(msg.which, msg.page)
		return nil
	}
	r.again = m.now.Add(3 * time.Second)
	if client.CodeOf(msg.err) != "" {
		r.again = m.now.Add(15 * time.Second)
		m.tellIn(msg.place, warns, "no history: "+commands.Explain(msg.err))
	}
	return nil
}

// settle is called after each message. It counts what is on the screen as read, and asks for the
// part of the history that the user is about to reach.
func (m *model) settle() tea.Cmd {
	if m.at.Server != m.askedOf {
		return tea.Batch(m.askMembers(), m.settle())
	}
	l := m.layout()
	r := m.here()
	if l.pane <= 0 || m.user == "" || m.at.Channel == "" {
		return nil
	}
	f := m.flow(l.pane)
	at := f.spot(r.scroll, l.body)
	if r.scroll.held {
		r.scroll = f.hold(at, r.scroll)
	}
	if !r.scroll.held {
		r.seen()
	}
	_, top := f.above(at, l.body)
	which, before := r.needs(top, at.item, f.last())
	if which == nothing || !m.online() || r.loading != nothing || m.now.Before(r.again) {
		return nil
	}
	r.loading = which
	return m.net.page(r, which, pageSize, before)
}

// needs returns which page the user is about to reach, and the index before which it ends. It
// also drops messages beyond the limit of what is held.
func (r *room) needs(top, bottom, last int) (loading, int64) {
	h := &r.history
	if bottom > last-top {
		h.trim(h.end())
	} else {
		h.trim(h.first)
	}
	switch {
	case !r.loaded || r.stale:
		return newestPage, -1
	case h.first > 0 && top < nearEdge:
		return olderPage, h.first
	case !h.current() && bottom > last-nearEdge:
		return newerPage, min(h.end()+pageSize, h.total)
	}
	return nothing, 0
}
