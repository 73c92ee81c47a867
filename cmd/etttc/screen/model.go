package screen

import (
	"slices"
	"time"

	"github.com/charmbracelet/x/ansi"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// model is all that the screen shows, and all that is needed to know for that. Only Update
// changes it.
type model struct {
	net  *net // makes the commands that do what takes time; drawing does not use it
	zone *time.Location
	now  time.Time // the time as the last tick, or Run at the start, has told it

	width, height int
	cells         cells
	theme         theme
	drawn         map[sight][]string // messages as they were drawn in this theme; drawing adds to it
	focused       bool               // the terminal has the focus, as far as it tells

	address   string
	encrypted bool
	provider  client.Provider
	link      link
	user      string // who is logged in, or ""
	login     login

	servers []server // in the order in which the provider lists them
	side    bar
	rooms   map[commands.Place]*room
	at      commands.Place // the place of the room on the screen
	wanted  commands.Place // where to go once the servers are listed
	known   bool           // the servers were listed at least once
	members map[string]client.Members
	asked   time.Time // when the members were last asked for
	askedOf string    // the server whose members were last asked for

	notices int64 // the last id that was given to a notice or an entered line
	input   input
	lines   lineQueue
	outbox  outbox
	dialog  *dialog
	panes   panes
	wire    wire
	quits   bool // the program ends as soon as the outbox is empty
}

// link is the state of the connection as it is shown to the user.
type link struct {
	client.Status
	retry time.Time // in Offline: when the next attempt to connect comes
	lag   time.Duration
	since time.Time // in Online: since when
	heard time.Time // when the provider last sent something
	open  time.Time // since when a question has waited for its answer; zero if none does
}

// silence returns for how long the provider owes an answer and has sent nothing at all.
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

// hear notes when the provider last sent something.
func (l *link) hear(traffic []client.Traffic) {
	for _, t := range traffic {
		if !t.Sent && t.Time.After(l.heard) {
			l.heard = t.Time
		}
	}
}

// server is a server of the side bar.
type server struct {
	name     string
	channels []string
}

// bar is how the side bar is kept up to date.
type bar struct {
	asking bool            // the list was asked for and has not come yet
	stale  bool            // something has changed meanwhile, so the list has to be asked for again
	again  time.Time       // when to ask again after a failure; zero is never
	heard  map[string]bool // servers that the client is subscribed to or is subscribing to
	ending map[string]bool // servers that the user has left or deleted, so that the end of their subscriptions is no news
	asked  time.Time       // when the list was last asked for
}

// panes are the parts of the screen that the user can switch on and off. Until they do, the lists
// at the sides depend on the width of the terminal.
type panes struct {
	side, members choice
	wire          bool
}

// choice is what the user has chosen for a pane.
type choice int

const (
	byWidth choice = iota
	shown
	hidden
)

func newModel(c Config) *model {
	m := &model{
		zone: time.UTC, theme: newTheme(true), drawn: map[sight][]string{}, cells: cells{ansi.WcWidth}, focused: true,
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

// room returns the room of a place, which is made if it is new.
func (m *model) room(at commands.Place) *room {
	if m.rooms[at] == nil {
		m.rooms[at] = newRoom(at)
	}
	return m.rooms[at]
}

// here returns the room on the screen.
func (m *model) here() *room { return m.room(m.at) }

// tell shows a notice in the room on the screen; text has to be safe to show.
func (m *model) tell(how tone, text string) { m.tellIn(m.at, how, text) }

// tellIn shows a notice in a room; text has to be safe to show.
func (m *model) tellIn(at commands.Place, how tone, text string) {
	m.notices++
	m.room(at).tell(notice{id: m.notices, at: m.now, tone: how, text: text})
}

// server returns the server of that name in the side bar, or nil.
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

// places returns all channels in the order of the side bar.
func (m *model) places() []commands.Place {
	var all []commands.Place
	for _, s := range m.servers {
		for _, channel := range s.channels {
			all = append(all, commands.Place{Server: s.name, Channel: channel})
		}
	}
	return all
}

// entrance returns the place to which a user comes first in a server.
func (s *server) entrance() commands.Place {
	return commands.Place{Server: s.name, Channel: commands.Entrance(s.channels)}
}

// written returns a place as it is shown: "gophers/#general".
func written(at commands.Place) string {
	switch {
	case at.Server == "":
		return "no channel"
	case at.Channel == "":
		return visible.Line(at.Server)
	}
	return visible.Line(at.Server) + "/#" + visible.Line(at.Channel)
}
