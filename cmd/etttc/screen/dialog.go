package screen

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// dialog is a box that asks for some values, one after the other.
type dialog struct {
	title   string
	fields  []field
	at      int    // the field being filled in
	refusal string // why what was entered before was refused, or ""

	command *commands.Command // the command whose arguments are asked for; nil for the login
	place   commands.Place    // where the command was entered
	args    []string          // the arguments that the command had already

	busy  bool      // the user is still typing something else, so the dialog takes no keys yet
	typed time.Time // when the user last typed, or when the dialog opened by itself
}

// typingPause is how long the user must not have typed before a dialog that opened by itself
// takes keys.
const typingPause = 2 * time.Second

func (d *dialog) field() *field { return &d.fields[d.at] }

// to moves to another field, which gets the keys from now on.
func (d *dialog) to(at int) {
	d.field().Blur()
	d.at = at
	d.field().Focus() // the command that this returns is for a blinking cursor that is not shown
}

// The fields of the login dialog.
const (
	loginChoice = iota
	loginUser
	loginSecret
)

// loginDialog makes the dialog of the login. It asks the same questions as the original client.
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

// popLogin opens the login dialog when the user has not asked for it. They may be typing, and
// that must not become an answer.
func (m *model) popLogin(refusal string) {
	m.dialog = m.loginDialog(refusal)
	m.dialog.to(loginSecret)
	m.dialog.busy, m.dialog.typed = true, m.now
}

// passes reports whether a key or paste is not meant for the dialog.
func (d *dialog) passes(now time.Time) bool {
	if d.busy {
		d.typed = now
	}
	return d.busy
}

// paused lets the dialog take keys once the user has not typed for typingPause.
func (d *dialog) paused(now time.Time) {
	if d != nil && now.Sub(d.typed) >= typingPause {
		d.busy = false
	}
}

func argsDialog(c *commands.Command, place commands.Place, args []string, missing []commands.Arg) *dialog {
	d := &dialog{title: "/" + c.Name, command: c, place: place, args: args}
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

// The keys of a dialog; all other keys edit the field.
var (
	nextKey = key.NewBinding(key.WithKeys("enter", "kpenter"), key.WithHelp("Enter", "goes on"))
	escKey  = key.NewBinding(key.WithKeys("esc"), key.WithHelp("Esc", "gives up"))
	quitKey = key.NewBinding(key.WithKeys("ctrl+c"), key.WithHelp("Ctrl+C", "quits"))
	downKey = key.NewBinding(key.WithKeys("tab", "down"))
	upKey   = key.NewBinding(key.WithKeys("shift+tab", "up"))
)

// dialogKey does what a key that was pressed stands for while a dialog is open.
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

// trying reports whether the login that was filled in is under way or waits for the connection.
func (m *model) trying() bool { return m.login.wanted && m.dialog.command == nil }

// closeDialog closes the dialog of a command. The dialog of the login only goes back to its first
// field, since nothing works without a login.
func (m *model) closeDialog() tea.Cmd {
	if m.dialog.command == nil {
		m.dialog.to(loginChoice)
		m.dialog.refusal = ""
		return nil
	}
	m.dialog = nil
	return m.pump()
}

// nextField goes to the next field, or takes the dialog as filled in after the last one. Only the
// password for a command may be empty: that of a server that is open to all.
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
	return m.argsFilled()
}

func (m *model) argsFilled() tea.Cmd {
	d := m.dialog
	args := d.args
	for _, f := range d.fields {
		args = append(args, f.Value())
	}
	from := d.place
	if d.command.Moves {
		from = m.at // who asks to go elsewhere goes there, also if the place was deleted meanwhile
	}
	m.dialog = nil
	return m.runCommand(d.command, d.place, args, from)
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
