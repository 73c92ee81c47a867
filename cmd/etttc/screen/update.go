package screen

import (
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Init starts the clock and asks the terminal for its background colour.
func (m *model) Init() tea.Cmd {
	return tea.Batch(m.net.tick(), tea.RequestBackgroundColor)
}

// Update takes in one message. It never waits for anything.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := tea.Batch(m.take(msg), m.settle())
	m.layWire()
	return m, cmd
}

func (m *model) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.MouseClickMsg:
		m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		m.wheel(msg.Mouse())
	case tea.WindowSizeMsg, tea.BackgroundColorMsg, tea.ModeReportMsg, tea.FocusMsg, tea.BlurMsg:
		m.terminal(msg)
	case tickMsg:
		return m.ticked(msg)
	case trafficMsg:
		m.link.hear(msg.traffic)
		m.wire.take(msg)
	case endMsg, graceMsg:
		return tea.Quit
	default:
		return m.outside(msg)
	}
	return nil
}

// terminal takes in what the terminal tells about itself.
func (m *model) terminal(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.theme = newTheme(msg.IsDark())
		clear(m.drawn)
	case tea.ModeReportMsg: // from now on the renderer measures by graphemes, if the terminal can
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value == ansi.ModeReset || msg.Value == ansi.ModeSet || msg.Value == ansi.ModePermanentlySet) {
			m.cells = cells{ansi.GraphemeWidth}
		}
	case tea.FocusMsg:
		m.focused = true
	case tea.BlurMsg:
		m.focused = false
	}
}

// outside takes in what comes from the client and the commands.
func (m *model) outside(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case statusMsg:
		return m.linked(msg.Status)
	case loggedInMsg:
		return m.loggedIn(msg)
	case providerMsg:
		return m.about(msg)
	case listedMsg:
		return m.listed(msg)
	case subscribedMsg:
		return m.subscribed(msg)
	case unsubscribedMsg:
		return m.unsubscribed(msg)
	case eventsMsg:
		return m.happened(msg)
	case membersMsg:
		return m.told(msg)
	case pageMsg:
		return m.page(msg)
	case postedMsg:
		return m.posted(msg)
	case retryMsg:
		return m.retry(msg)
	case ranMsg:
		return m.ran(msg)
	case picturedMsg:
		return m.pictured(msg)
	}
	return nil
}

// ticked is called every second.
func (m *model) ticked(msg tickMsg) tea.Cmd {
	m.now, m.link.lag, m.link.open = msg.now, msg.lag, msg.open
	m.found(m.at, nil)
	m.dialog.paused(m.now)
	cmds := []tea.Cmd{m.net.tick()}
	if m.now.Sub(m.asked) >= memberTime {
		cmds = append(cmds, m.askMembers())
	}
	if !m.side.again.IsZero() && !m.now.Before(m.side.again) || m.online() && m.now.Sub(m.side.asked) >= listTime {
		m.side.again = time.Time{}
		cmds = append(cmds, m.relist())
	}
	return tea.Batch(cmds...)
}
