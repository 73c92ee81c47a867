package screen

import (
	"slices"
	"time"

	"github.com/charmbracelet/x/ansi"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// model is all that the screen shows, and all that it needs to know for that.
// Only Update changes it.
type model struct {
	net  *net // what leads outside; the drawing needs none of it
	zone *time.Location
	now  time.Time // of the last message that told the time

	width, height int
	cells         cells
	theme         theme
	focused       bool // the terminal is in front, as far as it tells

	address   string
	encrypted bool
	provider  client.Provider
	link      link
	user      string // who is logged in, or ""
	login     login

	servers []server // in the order of the provider
	side    bar
	rooms   map[commands.Place]*room
	at      commands.Place // of the room on the screen
	wanted  commands.Place // where to go once it is known
	known   bool           // the servers were listed
	members map[string]client.Members
	asked   time.Time // when the members were asked for
	askedOf string    // and of which server

	notices int64 // ids given
	input   input
	lines   lineQueue
	outbox  outbox
	dialog  *dialog
	panes   panes
	wire    wire
	quits   bool // as soon as the outbox is empty
}

// link is the connection as the user is told of it.
type link struct {
	client.Status
	retry time.Time // in Offline: when the next attempt comes
	lag   time.Duration
	since time.Time // in Online: since when
	heard time.Time // when the provider sent something
	open  time.Time // since when something of ours waits for an answer; zero is nothing
}

// silence is how long the provider owes an answer and has sent nothing at all.
func (l *link) silence(now time.Time) time.Duration {
	if l.State != client.Online || l.open.IsZero() {
		return 0
	}
	from := l.open
	for _, sign := range []time.Time{l.since, l.heard} {
		if sign.After(from) {
			from = sign
		}
	}
	return now.Sub(from)
}

// hear notes when the provider sent something.
func (l *link) hear(traffic []client.Traffic) {
	for _, t := range traffic {
		if !t.Sent && t.Time.After(l.heard) {
			l.heard = t.Time
		}
	}
}

// server is one server of the side bar.
type server struct {
	name     string
	channels []string
}

// bar is how the side bar is kept up to date.
type bar struct {
	asking bool            // the list is on its way
	stale  bool            // it has to be asked for again, since something changed meanwhile
	again  time.Time       // when to ask again after a failure; zero is not at all
	heard  map[string]bool // the servers that are subscribed
	ending map[string]bool // those of which the user knows that they are about to end
	asked  time.Time       // when the list was asked for
}

// panes are the parts of the screen that the user switches on and off; the side
// lists follow the width until then.
type panes struct {
	side, members choice
	wire          bool
}

// choice is what the user wants of a pane.
type choice int

const (
	byWidth choice = iota
	shown
	hidden
)

func newModel(c Config) *model {
	m := &model{
		zone: time.UTC, theme: newTheme(true), cells: cells{ansi.WcWidth}, focused: true,
		address: c.Address, encrypted: c.Options.TLS != nil, wanted: c.At, panes: panes{wire: c.Raw},
		side: bar{heard: map[string]bool{}, ending: map[string]bool{}}, wire: newWire(),
		rooms: map[commands.Place]*room{}, members: map[string]client.Members{},
	}
	m.login = newLogin(c)
	if m.login.secret == "" {
		m.dialog = m.loginDialog("")
	}
	m.room(commands.Place{})
	return m
}

// room is the room of a place, made if it is new.
func (m *model) room(at commands.Place) *room {
	if m.rooms[at] == nil {
		m.rooms[at] = newRoom(at)
	}
	return m.rooms[at]
}

// here is the room on the screen.
func (m *model) here() *room { return m.room(m.at) }

// tell shows a notice in the present room.
func (m *model) tell(how tone, text string) { m.tellIn(m.at, how, text) }

// tellIn shows a notice in a room; text has to be safe to show.
func (m *model) tellIn(at commands.Place, how tone, text string) {
	m.notices++
	m.room(at).tell(notice{id: m.notices, at: m.now, tone: how, text: text})
}

// server is the server of that name in the side bar, or nil.
func (m *model) server(name string) *server {
	i := slices.IndexFunc(m.servers, func(s server) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &m.servers[i]
}

// has reports whether a place is in the side bar.
func (m *model) has(at commands.Place) bool {
	s := m.server(at.Server)
	return s != nil && (at.Channel == "" || slices.Contains(s.channels, at.Channel))
}

// places are all channels in the order of the side bar.
func (m *model) places() []commands.Place {
	var all []commands.Place
	for _, s := range m.servers {
		for _, channel := range s.channels {
			all = append(all, commands.Place{Server: s.name, Channel: channel})
		}
	}
	return all
}

// entrance is where one lands in a server: general, or else its first channel.
func (s *server) entrance() commands.Place {
	at := commands.Place{Server: s.name}
	if slices.Contains(s.channels, "general") {
		at.Channel = "general"
	} else if len(s.channels) > 0 {
		at.Channel = s.channels[0]
	}
	return at
}

// written is a place as it is shown: "gophers/#general".
func written(at commands.Place) string {
	switch {
	case at.Server == "":
		return "no channel"
	case at.Channel == "":
		return visible.Line(at.Server)
	}
	return visible.Line(at.Server) + "/#" + visible.Line(at.Channel)
}
