package screen

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// login is the state of logging in.
type login struct {
	user, secret string // what is tried or will be; the secret is forgotten when the login has ended
	register     bool
	wanted       bool // log in as soon as the provider can be reached
	asking       bool // the provider has been asked and has not answered

	greeted bool     // the answer about the provider has come, or asking has failed
	after   []string // notices to show once greeted is true
}

func newLogin(c Config) login {
	return login{user: c.User, secret: c.Password, register: c.Register, wanted: c.Password != ""}
}

// done forgets everything about a login except its user.
func (l *login) done(user string) {
	*l = login{user: user, greeted: l.greeted, after: l.after}
}

func (m *model) online() bool { return m.link.State == client.Online }

// tryLogin logs in if a login is wanted, none is under way and the client is online.
func (m *model) tryLogin() tea.Cmd {
	if !m.login.wanted || m.login.asking || !m.online() {
		return nil
	}
	m.login.asking = true
	return m.net.logIn(m.login.user, m.login.secret, m.login.register)
}

// loggedIn takes the answer to a login. If the connection was lost meanwhile, the next one tries
// again. A refusal is shown, and the user is asked again.
func (m *model) loggedIn(msg loggedInMsg) tea.Cmd {
	m.login.asking = false
	if msg.registered {
		m.login.register = false
		m.tellAfterWelcome("registration completed, now login")
	}
	if msg.err != nil {
		if !m.online() && client.CodeOf(msg.err) == "" {
			return nil // the next connection tries again
		}
		m.refuseLogin(msg)
		return nil
	}
	m.user, m.dialog = msg.user, nil
	m.login.done(msg.user)
	m.tellAfterWelcome("login completed, logged in as " + visible.Line(msg.user))
	return tea.Batch(m.relist(), m.net.aboutProvider(), m.pump())
}

func (m *model) refuseLogin(msg loggedInMsg) {
	what := "login failed, "
	if m.login.register {
		what = "registration failed, "
	}
	m.login.wanted = false
	m.login.secret = ""
	if m.dialog == nil || m.dialog.command != nil { // the login did not come from the login dialog
		m.popLogin(what + commands.Explain(msg.err))
		return
	}
	m.dialog = m.loginDialog(what + commands.Explain(msg.err))
	if client.CodeOf(msg.err) == client.WrongPassword {
		m.dialog.to(loginSecret)
	}
}

// linked takes in a change of the connection's state.
func (m *model) linked(s client.Status) tea.Cmd {
	original := m.link.Original
	m.link.Status = s
	if s.State != client.Online {
		m.link.Original = original
		m.link.retry = m.now.Add(s.Pause)
		return nil
	}
	m.outbox.reachable()
	m.link.since = m.now
	if s.Err != nil && m.user != "" {
		m.login.done(m.user)
		m.user = ""
		m.popLogin("logged out, " + commands.Explain(s.Err))
		return nil
	}
	if m.user == "" {
		return tea.Batch(m.tryLogin(), m.net.aboutProvider())
	}
	return tea.Batch(m.relist(), m.askMembers())
}

// about shows the provider's name and welcome, before the notices about the login. If asking for
// them has failed, they are asked for again after the login and after a reconnect.
func (m *model) about(msg providerMsg) tea.Cmd {
	first := m.provider.Name == ""
	if msg.err == nil {
		m.provider = msg.provider
	}
	if msg.err == nil && first && msg.provider.Welcome != "" {
		m.tell(greets, visible.Line(msg.provider.Welcome))
	}
	for _, text := range m.login.after {
		m.tell(tells, text)
	}
	m.login.after, m.login.greeted = nil, true
	return nil
}

// tellAfterWelcome shows a notice about the login, but not before the provider's welcome: the
// answer that brings the welcome may come later than that of the login.
func (m *model) tellAfterWelcome(text string) {
	if m.login.greeted {
		m.tell(tells, text)
	} else {
		m.login.after = append(m.login.after, text)
	}
}

// relist asks for the servers and their channels. If the list is on its way already, it is asked
// for once more afterwards.
func (m *model) relist() tea.Cmd {
	m.side.asked = m.now
	if m.user == "" {
		return nil
	}
	m.side.stale = m.side.asking
	if m.side.asking {
		return nil
	}
	m.side.asking = true
	return m.net.list()
}

// listed updates the side bar to a new list. What is known of the rooms is kept.
func (m *model) listed(msg listedMsg) tea.Cmd {
	m.side.asking = false
	if m.side.stale {
		return m.relist()
	}
	if msg.err != nil {
		m.side.again = m.now.Add(5 * time.Second)
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(m.servers), func(s server) bool {
		return slices.ContainsFunc(msg.servers, func(t server) bool { return t.name == s.name })
	})
	m.servers = msg.servers
	m.known = true
	m.settlePlace()
	for _, s := range gone {
		m.forget(s.name)
	}
	return tea.Batch(m.subscribe(), m.askMembers(), m.pump())
}

// subscribe subscribes to the servers that are not subscribed yet.
func (m *model) subscribe() tea.Cmd {
	var cmds []tea.Cmd
	for _, s := range m.servers {
		if !m.side.heard[s.name] {
			m.side.heard[s.name] = true
			cmds = append(cmds, m.net.subscribe(s.name))
		}
	}
	return tea.Batch(cmds...)
}

// subscribed takes the answer to subscribe. If that has failed, it is tried again after the next
// listing.
func (m *model) subscribed(msg subscribedMsg) tea.Cmd {
	if msg.err != nil {
		delete(m.side.heard, msg.server)
		m.side.again = m.now.Add(5 * time.Second)
		return nil
	}
	for at, r := range m.rooms {
		if at.Server == msg.server {
			r.heard()
		}
	}
	return nil
}

// unsubscribed is called when a subscription has ended. If the provider has ended it, the server
// is removed from the side bar.
func (m *model) unsubscribed(msg unsubscribedMsg) tea.Cmd {
	known := m.side.ending[msg.server]
	delete(m.side.heard, msg.server)
	delete(m.side.ending, msg.server)
	if client.CodeOf(msg.err) == "" || commands.LoggedOut(msg.err) { // the server itself has not changed
		return m.relist()
	}
	if m.server(msg.server) == nil {
		return nil
	}
	m.servers = slices.DeleteFunc(m.servers, func(s server) bool { return s.name == msg.server })
	m.settlePlace()
	m.forget(msg.server)
	if !known && !m.doing("leaveserver", "deleteserver") {
		m.tell(warns, visible.Line(msg.server)+": "+commands.Explain(msg.err))
	}
	return m.relist()
}

// forget drops all that is known of a server that was deleted or that the user is not in any
// more.
func (m *model) forget(name string) {
	m.drop(func(at commands.Place) bool { return at.Server == name })
	for at := range m.rooms {
		if at.Server == name {
			delete(m.rooms, at)
		}
	}
	delete(m.members, name)
}

// settlePlace makes sure that the user is at a place that exists, and takes them where they
// wanted to go.
func (m *model) settlePlace() {
	if want := m.wanted; want.Server != "" && m.known {
		m.wanted = commands.Place{}
		if s := m.server(want.Server); s == nil {
			m.tell(warns, "you are not in the server "+visible.Line(want.Server))
		} else if want.Channel == "" {
			m.enterPlace(s.entrance())
		} else if m.has(want) {
			m.enterPlace(want)
		} else {
			m.enterPlace(s.entrance())
			m.tell(warns, "there is no channel #"+visible.Line(want.Channel))
		}
	}
	if m.at.Channel != "" && m.has(m.at) {
		return
	}
	if s := m.server(m.at.Server); s != nil {
		m.moveOut(s.entrance())
	} else if len(m.servers) > 0 {
		m.moveOut(m.servers[0].entrance())
	} else {
		m.moveOut(commands.Place{})
	}
}
