package screen

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// dialog asks for some values, one after the other, in one box.
type dialog struct {
	title   string
	fields  []field
	at      int    // the field being filled in
	refusal string // why what was entered before did not do

	command *commands.Command // whose arguments they are; nil is the login
	args    []string          // the arguments it had already

	busy  bool      // the user is typing something else, it takes no keys yet
	typed time.Time // when they last did
}

// typingPause is how long nothing has to be typed until a dialog that came up by
// itself takes keys.
const typingPause = 2 * time.Second

func (d *dialog) field() *field { return &d.fields[d.at] }

// to moves to another field: keys go there from now on.
func (d *dialog) to(at int) {
	d.field().Blur()
	d.at = at
	d.field().Focus() // its command makes a cursor blink that is not shown
}

// The fields of the login dialog.
const (
	loginChoice = iota
	loginUser
	loginSecret
)

// loginDialog asks as the original client did.
func (m *model) loginDialog(refusal string) *dialog {
	d := &dialog{
		title: "Welcome to " + visible.Line(m.address), refusal: refusal,
		fields: []field{
			newField("(r)egister or (l)ogin", "l"),
			newField("username", m.login.user),
			newSecret("password"),
		},
	}
	d.fields[loginChoice].choice = "lr"
	if m.login.register {
		d.fields[loginChoice].SetValue("r")
	}
	d.to(loginChoice)
	return d
}

// popLogin opens the login dialog where nobody asked for it: the user may be
// typing, and that must not become an answer.
func (m *model) popLogin(refusal string) {
	m.dialog = m.loginDialog(refusal)
	m.dialog.to(loginSecret)
	m.dialog.busy, m.dialog.typed = true, m.now
}

// passes reports whether what was typed is not meant for the dialog.
func (d *dialog) passes(now time.Time) bool {
	if d.busy {
		d.typed = now
	}
	return d.busy
}

// paused lets the dialog take keys once the user has stopped typing.
func (d *dialog) paused(now time.Time) {
	if d != nil && now.Sub(d.typed) >= typingPause {
		d.busy = false
	}
}

func argsDialog(c *commands.Command, args []string, missing []commands.Arg) *dialog {
	d := &dialog{title: "/" + c.Name, command: c, args: args}
	for _, arg := range missing {
		if arg.Kind == commands.Secret {
			d.fields = append(d.fields, newSecret(arg.Ask))
		} else {
			d.fields = append(d.fields, newField(arg.Ask, ""))
		}
	}
	d.to(0)
	return d
}

// The keys of a dialog; all others edit the field.
var (
	nextKey = key.NewBinding(key.WithKeys("enter", "kpenter"), key.WithHelp("Enter", "goes on"))
	escKey  = key.NewBinding(key.WithKeys("esc"), key.WithHelp("Esc", "gives up"))
	quitKey = key.NewBinding(key.WithKeys("ctrl+c"), key.WithHelp("Ctrl+C", "quits"))
	downKey = key.NewBinding(key.WithKeys("tab", "down"))
	upKey   = key.NewBinding(key.WithKeys("shift+tab", "up"))
)

// dialogKey is a key pressed while a dialog is open.
func (m *model) dialogKey(msg tea.KeyPressMsg) tea.Cmd {
	d := m.dialog
	if d.passes(m.now) {
		return nil
	}
	if m.trying() {
		if key.Matches(msg, escKey) && !m.login.asking {
			m.login.wanted = false
		}
		return nil
	}
	switch {
	case key.Matches(msg, escKey):
		return m.closeDialog()
	case key.Matches(msg, nextKey):
		return m.nextField()
	case key.Matches(msg, downKey):
		d.to((d.at + 1) % len(d.fields))
	case key.Matches(msg, upKey):
		d.to((d.at + len(d.fields) - 1) % len(d.fields))
	default:
		d.field().press(msg)
	}
	return nil
}

// trying reports whether the provider is being asked for the login that was
// filled in.
func (m *model) trying() bool { return m.login.wanted && m.dialog.command == nil }

// closeDialog gives up; the login stays open, since there is nothing without.
func (m *model) closeDialog() tea.Cmd {
	if m.dialog.command == nil {
		m.dialog.to(loginChoice)
		m.dialog.refusal = ""
		return nil
	}
	m.dialog = nil
	return m.pump()
}

// nextField goes on to the next field, or takes the dialog as filled in. Only a
// password may be empty: that of a server that is open to all.
func (m *model) nextField() tea.Cmd {
	d := m.dialog
	if f := d.field(); f.Value() == "" && (!f.secret() || d.command == nil) {
		return nil
	}
	if d.at < len(d.fields)-1 {
		d.to(d.at + 1)
		return nil
	}
	for i := range d.fields {
		if f := &d.fields[i]; f.Value() == "" && !f.secret() {
			d.to(i)
			return nil
		}
	}
	if d.command == nil {
		return m.loginFilled()
	}
	args := d.args
	for _, f := range d.fields {
		args = append(args, f.Value())
	}
	m.dialog = nil
	return m.runCommand(d.command, args)
}

func (m *model) loginFilled() tea.Cmd {
	d := m.dialog
	m.login.register = d.fields[loginChoice].Value() == "r"
	m.login.user = d.fields[loginUser].Value()
	m.login.secret = d.fields[loginSecret].Value()
	m.login.wanted = true
	d.fields[loginSecret].Reset()
	d.refusal = ""
	return m.tryLogin()
}
