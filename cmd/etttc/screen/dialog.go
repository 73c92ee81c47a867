package screen

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/cmd/etttc/commands"
	"elemental/cmd/etttc/visible"
)

// dialog asks for some values, one after the other, in one box.
type dialog struct {
	title   string
	fields  []field
	at      int    // the field being filled in
	refusal string // why what was entered before did not do

	command *commands.Command // whose arguments they are; nil is the login
	args    []string          // the arguments it had already
}

// field is one value of a dialog.
type field struct {
	editor
	label  string
	secret bool
	choice string // the letters of which one is the value; "" is free text
}

func (d *dialog) field() *field { return &d.fields[d.at] }

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
			{label: "(r)egister or (l)ogin", choice: "lr"},
			{label: "username"},
			{label: "password", secret: true},
		},
	}
	d.fields[loginChoice].set("l")
	if m.login.register {
		d.fields[loginChoice].set("r")
	}
	d.fields[loginUser].set(m.login.user)
	return d
}

func argsDialog(c *commands.Command, args []string, missing []commands.Arg) *dialog {
	d := &dialog{title: "/" + c.Name, command: c, args: args}
	for _, arg := range missing {
		d.fields = append(d.fields, field{label: arg.Ask, secret: arg.Kind == commands.Secret})
	}
	return d
}

// dialogKey is a key pressed while a dialog is open.
func (m *model) dialogKey(msg tea.KeyPressMsg) tea.Cmd {
	d := m.dialog
	if m.login.wanted && d.command == nil { // the provider is being asked
		if msg.String() == "esc" && !m.login.asking {
			m.login.wanted = false
		}
		return nil
	}
	switch name := msg.String(); name {
	case "esc":
		return m.closeDialog()
	case "enter":
		return m.nextField()
	case "tab", "down":
		d.at = (d.at + 1) % len(d.fields)
	case "shift+tab", "up":
		d.at = (d.at + len(d.fields) - 1) % len(d.fields)
	default:
		d.field().press(name, msg.Key().Text)
	}
	return nil
}

// press is a key for a field: a choice takes one of its letters.
func (f *field) press(name, text string) {
	if f.choice != "" {
		if text != "" && strings.Contains(f.choice, strings.ToLower(text)) {
			f.set(strings.ToLower(text))
		}
		return
	}
	if !f.key(name) && text != "" {
		f.insert(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, text))
	}
}

// closeDialog gives up; the login stays open, since there is nothing without.
func (m *model) closeDialog() tea.Cmd {
	if m.dialog.command == nil {
		m.dialog.at, m.dialog.refusal = loginChoice, ""
		return nil
	}
	m.dialog = nil
	return m.pump()
}

// nextField goes on to the next field, or takes the dialog as filled in. Only a
// password may be empty: that of a server that is open to all.
func (m *model) nextField() tea.Cmd {
	d := m.dialog
	if f := d.field(); f.text == "" && (!f.secret || d.command == nil) {
		return nil
	}
	if d.at < len(d.fields)-1 {
		d.at++
		return nil
	}
	for i, f := range d.fields {
		if f.text == "" && !f.secret {
			d.at = i
			return nil
		}
	}
	if d.command == nil {
		return m.loginFilled()
	}
	args := d.args
	for _, f := range d.fields {
		args = append(args, f.text)
	}
	m.dialog = nil
	return m.runCommand(d.command, args)
}

func (m *model) loginFilled() tea.Cmd {
	d := m.dialog
	m.login.register = d.fields[loginChoice].text == "r"
	m.login.user = d.fields[loginUser].text
	m.login.secret = d.fields[loginSecret].text
	m.login.wanted = true
	d.fields[loginSecret].set("")
	d.refusal = ""
	return m.tryLogin()
}

// state is what the dialog says below its fields, and whether that is bad news.
func (m *model) dialogState() (text string, bad bool) {
	d := m.dialog
	switch {
	case d.refusal != "":
		return d.refusal, true
	case d.command != nil:
		return "Enter goes on, Esc gives up", false
	case m.link.State == client.Offline:
		return "waiting for the provider: " + m.linkError(), true
	case m.link.State == client.Connecting:
		return "connecting…", false
	case m.login.wanted && m.login.register:
		return "registering…", false
	case m.login.wanted:
		return "logging in…", false
	}
	return "Enter goes on, Ctrl+C quits", false
}

// drawDialog is the dialog's box, at most height lines high, and where in it
// the cursor stands.
func (m *model) drawDialog(width, height int) (lines []string, x, y int) {
	d, t := m.dialog, m.theme
	inner := min(width-4, 56)
	labels := 0
	for _, f := range d.fields {
		labels = max(labels, m.cells.width(f.label))
	}
	labels = min(labels, inner-14)
	box := []string{t.accent.Render(m.cells.cut(d.title, inner))}
	if height > len(d.fields)+6 {
		if name := m.provider.Name; name != "" && d.command == nil {
			box = append(box, t.dim.Render(m.cells.cut(visible.Line(name), inner)))
		}
		box = append(box, "")
	}
	for i := range d.fields {
		f := &d.fields[i]
		row, at := m.drawField(f, labels, inner, i == d.at)
		if i == d.at {
			x, y = at, len(box)
		}
		box = append(box, row)
	}
	state := m.stateLines(inner)
	if height > len(box)+len(state)+2 {
		box = append(box, "")
	}
	box = append(box, state...)
	return m.bordered(box[:min(len(box), height-2)], inner), x + 2, y + 1
}

// stateLines is what the dialog says below its fields, in at most two lines.
func (m *model) stateLines(width int) []string {
	state, bad := m.dialogState()
	style := m.theme.dim
	if bad {
		style, state = m.theme.warning, "! "+state
	}
	lines := m.cells.wrap(state, width)
	lines = lines[:min(len(lines), 2)]
	for i := range lines {
		lines[i] = style.Render(m.cells.cut(lines[i], width))
	}
	return lines
}

// drawField is a field with its label, and the column of the cursor in it.
func (m *model) drawField(f *field, labels, inner int, current bool) (string, int) {
	secret := noSecret
	if f.secret {
		secret = allSecret
	}
	mark, style := "  ", m.theme.dim
	if current {
		mark, style = "› ", m.theme.strong
	}
	head := mark + m.cells.fit(m.cells.cut(f.label, labels)+":", labels+2)
	room := inner - labels - 4
	text, x := m.window(&f.editor, room, secret)
	return style.Render(head) + text, labels + 4 + x
}

// window is the part of an editor's only line around its cursor.
func (m *model) window(e *editor, width int, secret func(int) bool) (string, int) {
	s := e.shown(secret)
	cursor := s.cursor(e.cursor)
	from := 0
	for m.cells.width(s.text[from:cursor]) > width-1 {
		size, _ := m.cells.cluster(s.text[from:])
		from += size
	}
	return m.cells.fit(s.text[from:], width), m.cells.width(s.text[from:cursor])
}

// bordered draws a box around lines of a width.
func (m *model) bordered(lines []string, inner int) []string {
	edge := m.theme.line
	out := []string{edge.Render("╭" + strings.Repeat("─", inner+2) + "╮")}
	for _, line := range lines {
		out = append(out, edge.Render("│")+" "+m.cells.fit(line, inner)+" "+edge.Render("│"))
	}
	return append(out, edge.Render("╰"+strings.Repeat("─", inner+2)+"╯"))
}
