package screen

import (
	"strings"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"elemental/cmd/etttc/commands"
)

// binding is a key, what it does, and what help says about it.
type binding struct {
	key.Binding
	do func(m *model) tea.Cmd
}

// on makes a binding for these keys, which help calls name.
func on(keys []string, name, help string, do func(m *model) tea.Cmd) binding {
	return binding{key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, help)), do}
}

// bindings are all keys except those that edit the input. One table drives both what the keys do
// and what F1 shows.
func bindings() []binding {
	return []binding{
		on([]string{"f1"}, "F1", "these keys", (*model).help),
		on([]string{"f2"}, "F2", "the JSON that goes over the wire", (*model).toggleWire),
		on([]string{"f3", "ctrl+l"}, "F3, Ctrl+L", "the list of servers and channels", (*model).toggleSide),
		on([]string{"f4"}, "F4", "the list of members", (*model).toggleMembers),
		on([]string{"ctrl+n", "alt+down"}, "Ctrl+N, Alt+↓", "next channel", stepping(1)),
		on([]string{"ctrl+p", "alt+up"}, "Ctrl+P, Alt+↑", "previous channel", stepping(-1)),
		on([]string{"alt+a"}, "Alt+A", "next channel with something unread", (*model).toUnread),
		on([]string{"pgup"}, "PgUp", "older messages", paging(-1)),
		on([]string{"pgdown"}, "PgDn", "newer messages", paging(1)),
		on([]string{"shift+pgup", "alt+pgup"}, "Shift+PgUp", "older JSON, in the wire pane (Alt+PgUp, too)", pagingWire(-1)),
		on([]string{"shift+pgdown", "alt+pgdown"}, "Shift+PgDn", "newer JSON, in the wire pane (Alt+PgDn, too)", pagingWire(1)),
		on([]string{"ctrl+home"}, "Home, Ctrl+Home", "the oldest message that is loaded, and on", (*model).toOldest),
		on([]string{"ctrl+end"}, "End, Ctrl+End", "the newest message", (*model).end),
		on([]string{"enter", "kpenter"}, "Enter", "send", (*model).submit),
		on([]string{"alt+enter", "shift+enter", "ctrl+j"}, "Alt+Enter, Ctrl+J", "a line break", (*model).breakLine),
		on([]string{"tab"}, "Tab", "complete a name or a command, again: the next", completing(1)),
		on([]string{"shift+tab"}, "Shift+Tab", "the candidate before", completing(-1)),
		on([]string{"up"}, "↑", "what was entered before", recalling(1)),
		on([]string{"down"}, "↓", "what was entered after that", recalling(-1)),
		on([]string{"esc"}, "Esc", "close lists and panes, back to the newest", (*model).escape),
		on([]string{"ctrl+c"}, "Ctrl+C", "clear the input; quit where it is empty", (*model).interrupt),
		on([]string{"ctrl+d"}, "Ctrl+D", "quit, where the input is empty", (*model).endOfInput),
	}
}

// inDialogsToo are the keys that also work while a dialog is open.
var inDialogsToo = key.NewBinding(key.WithKeys("ctrl+c", "ctrl+d", "f2", "shift+pgup", "shift+pgdown", "alt+pgup", "alt+pgdown"))

// key does what a key that was pressed stands for.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	if m.dialog != nil && !key.Matches(msg, inDialogsToo) {
		return m.dialogKey(msg)
	}
	name := msg.String()
	if name != "tab" && name != "shift+tab" {
		m.input.completion = completion{}
	}
	if m.input.text == "" && (name == "home" || name == "end") {
		msg.Mod |= tea.ModCtrl
	}
	for _, b := range bindings() {
		if key.Matches(msg, b.Binding) {
			return b.do(m)
		}
	}
	if !m.input.key(name) && msg.Text != "" && !m.input.insert(typed(msg.Text)) {
		m.tell(warns, "the input is full")
	}
	return nil
}

// keysLine returns a line that tells what these keys do.
func keysLine(keys ...key.Binding) string {
	return help.Model{ShortSeparator: ", "}.ShortHelpView(keys)
}

func stepping(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.step(by); return nil }
}

func paging(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.scrollBy(by * max(m.layout().body-2, 1)); return nil }
}

func completing(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.input.complete(by, m.names()); return nil }
}

// recalling moves the cursor between the rows of the input. Beyond the first or last row it moves
// through what was entered before.
func recalling(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd {
		const prompt = 2
		if !m.input.vertical(m.cells, m.layout().width-prompt, -by) {
			m.input.recall(by)
		}
		return nil
	}
}

func (m *model) toUnread() tea.Cmd { m.nextUnread(); return nil }

// scrollBy scrolls the room by lines; a number below 0 is upwards.
func (m *model) scrollBy(by int) {
	l := m.layout()
	if l.pane <= 0 {
		return
	}
	r, f := m.here(), m.flow(l.pane)
	at := f.spot(r.scroll, l.body)
	if by < 0 {
		at = f.up(at, -by)
		if lines, _ := f.above(at, l.body); len(lines) < l.body {
			at = f.down(at, l.body-len(lines))
		}
	} else {
		at = f.down(at, by)
	}
	r.scroll = f.hold(at, r.scroll)
}

func (m *model) toOldest() tea.Cmd {
	r, l := m.here(), m.layout()
	if f := m.flow(max(l.pane, 1)); l.pane > 0 {
		r.scroll = f.hold(f.spot(scroll{held: true}, l.body), r.scroll)
	}
	return nil
}

// toNewest scrolls to the newest message. If that is not held any more, it is loaded.
func (m *model) toNewest() {
	r := m.here()
	if !r.history.current() {
		total := r.history.total
		r.history.clear()
		r.history.total, r.loaded, r.loading = total, false, nothing
		r.epoch++
	}
	r.scroll = scroll{}
}

func (m *model) end() tea.Cmd { m.toNewest(); return nil }

func (m *model) breakLine() tea.Cmd {
	if !m.input.insert("\n") {
		m.tell(warns, "the input is full")
	}
	return nil
}

func (m *model) toggleSide() tea.Cmd {
	m.toggle(&m.panes.side, &m.panes.members, m.layout().side > 0)
	return nil
}

func (m *model) toggleMembers() tea.Cmd {
	m.toggle(&m.panes.members, &m.panes.side, m.layout().members > 0)
	return nil
}

// toggle shows a list, or hides it if it is on the screen. On a narrow terminal, where it covers the
// messages, hiding it leaves it to the width again: it comes back when the terminal gets wider.
func (m *model) toggle(list, other *choice, on bool) {
	narrow := m.width < widthForSide
	switch {
	case !on:
		*list = shown
	case narrow:
		*list = byWidth
	default:
		*list = hidden
	}
	if narrow {
		*other = byWidth
	}
}

// escape does the first of these that applies: it closes a list over the messages, closes the
// wire pane, goes back to the newest message, or removes the line that marks new messages.
func (m *model) escape() tea.Cmd {
	l := m.layout()
	switch {
	case l.pane <= 0:
		m.panes.side, m.panes.members = byWidth, byWidth
	case m.panes.wire:
		m.panes.wire = false
	case m.here().scroll.held:
		m.toNewest()
	default:
		m.here().newFrom = -1
	}
	return nil
}

// interrupt closes the dialog of a command or clears the input. If there is neither, or the
// program is about to end, it quits.
func (m *model) interrupt() tea.Cmd {
	switch {
	case m.quits:
		return tea.Quit
	case m.dialog != nil && m.dialog.command != nil:
		return m.closeDialog()
	case m.dialog == nil && m.input.text != "":
		if m.user != "" {
			m.input.remember(m.input.text)
		}
		m.input.set("")
		return nil
	}
	return m.quit()
}

func (m *model) endOfInput() tea.Cmd {
	if m.dialog == nil && m.input.text != "" {
		m.input.key("delete")
		return nil
	}
	return m.interrupt()
}

// help shows the keys, and how to list the commands. Both together would not fit on most
// terminals.
func (m *model) help() tea.Cmd {
	lines := []string{"Keys:"}
	for _, b := range bindings() {
		lines = append(lines, m.cells.fit(b.Help().Key, 17)+"  "+b.Help().Desc)
	}
	m.toNewest()
	m.tell(tells, strings.Join(append(lines, "/help lists the commands."), "\n"))
	return nil
}

// click goes to the channel that was clicked in the side bar.
func (m *model) click(mouse tea.Mouse) {
	l := m.layout()
	if mouse.Button != tea.MouseLeft || m.dialog != nil || mouse.X >= l.side || !m.fits() {
		return
	}
	rows := m.sideRows(1 + l.body + l.wire)
	if mouse.Y < len(rows) && rows[mouse.Y].at != (commands.Place{}) {
		m.enterPlace(rows[mouse.Y].at)
		if l.pane <= 0 {
			m.panes.side = byWidth
		}
	}
}

// wheel scrolls what is under the mouse: the wire pane if it is there, else the messages.
func (m *model) wheel(mouse tea.Mouse) {
	const lines = 3
	by := lines
	switch mouse.Button {
	case tea.MouseWheelUp:
		by = -lines
	case tea.MouseWheelDown:
	default:
		return
	}
	l := m.layout()
	wireY := 1 + l.body
	if l.wire > 0 && mouse.Y >= wireY && mouse.Y < wireY+l.wire && mouse.X >= l.paneX() && mouse.X < l.paneX()+l.pane {
		m.scrollWire(by)
	} else {
		m.scrollBy(by)
	}
}
