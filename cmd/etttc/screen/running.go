package screen

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// command runs a command line, in the place where it was entered: the user may have gone elsewhere
// while it waited. If arguments are missing, it opens a dialog that asks for them first.
func (m *model) command(l line) tea.Cmd {
	c, args, err := commands.Parse(l.text)
	if err != nil {
		m.tell(warns, commands.Explain(err))
		return nil
	}
	if missing := c.Missing(args, l.at); len(missing) > 0 {
		m.dialog = argsDialog(c, l.at, args, missing)
		return nil
	}
	return m.runCommand(c, l.at, args, l.at)
}

// runCommand runs a command in the place at. If it leads to another place, it takes along who is
// in the place from by then.
func (m *model) runCommand(c *commands.Command, at commands.Place, args []string, from commands.Place) tea.Cmd {
	m.lines.running = "/" + c.Name
	return m.net.run(c, at, args, ranMsg{at: from})
}

// doing reports whether one of these commands is under way. Then what it causes is no news to the
// user.
func (m *model) doing(names ...string) bool {
	return slices.Contains(names, strings.TrimPrefix(m.lines.running, "/"))
}

// atOnce are the commands that run at once, also while another command is under way.
var atOnce = map[string]bool{"quit": true, "help": true, "reconnect": true}

// runAtOnce runs a line if it is one of these commands, and reports false for other lines.
func (m *model) runAtOnce(text string) (tea.Cmd, bool) {
	if !commands.IsCommand(text) {
		return nil, false
	}
	c, args, err := commands.Parse(text)
	if err != nil || !atOnce[c.Name] {
		return nil, false
	}
	return m.net.run(c, m.at, args, ranMsg{at: m.at, aside: true}), true
}

// ran takes in the outcome of a command.
func (m *model) ran(msg ranMsg) tea.Cmd {
	if !msg.aside {
		m.lines.running = ""
	}
	var cmds []tea.Cmd
	if gone := msg.outcome.Gone; m.side.heard[gone] {
		m.side.ending[gone] = true
	}
	if to := msg.outcome.Goto; to != nil {
		m.rebind(msg.at, *to)
	}
	if len(msg.outcome.Lines) > 0 {
		m.tell(tells, strings.Join(msg.outcome.Lines, "\n"))
	}
	if msg.err != nil {
		m.tell(warns, commands.Explain(msg.err))
	}
	if msg.outcome.Changed {
		cmds = append(cmds, m.relist(), m.net.askMembers(m.at.Server))
	}
	if msg.outcome.Image != nil {
		cmds = append(cmds, m.net.show(msg.outcome.Image, msg.outcome.ImageOf))
	}
	if msg.outcome.Quit {
		cmds = append(cmds, m.quit())
	}
	return tea.Batch(append(cmds, m.pump())...)
}

// rebind moves the user, and the lines that wait to be done, to the place where a command has
// led.
func (m *model) rebind(from, to commands.Place) {
	if to.Server == "" {
		to = m.elsewhere(from.Server)
	}
	if m.at == from {
		m.enterPlace(to)
	}
	for i := range m.lines.waiting {
		if m.lines.waiting[i].at == from {
			m.lines.waiting[i].at = to
		}
	}
}

// elsewhere returns a place outside of that server.
func (m *model) elsewhere(name string) commands.Place {
	for _, s := range m.servers {
		if s.name != name {
			return s.entrance()
		}
	}
	return commands.Place{}
}

func (m *model) pictured(msg picturedMsg) tea.Cmd {
	if msg.err != nil {
		m.tell(warns, commands.Explain(msg.err))
	} else if msg.line != "" {
		m.tell(tells, visible.Line(msg.line))
	}
	return nil
}

// quit ends the program. If something is still to be posted, it waits up to graceTime for that.
func (m *model) quit() tea.Cmd {
	if m.quits || len(m.outbox.posts) == 0 {
		return tea.Quit
	}
	m.quits = true
	m.tell(warns, "sending what is pending before the end, Ctrl+C ends at once")
	return m.net.grace()
}

func (m *model) quitWhenDone() tea.Cmd {
	if m.quits && len(m.outbox.posts) == 0 {
		return tea.Quit
	}
	return nil
}
