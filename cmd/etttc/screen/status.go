package screen

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// statusLine returns the lowest line: the state of the connection, who the user is and where.
func (m *model) statusLine() string {
	t := m.theme
	state, style := m.linkState()
	left := style.Render(" " + state + " ")
	if m.user != "" {
		left += t.bar.Render("│ ") + t.barStrong.Render(visible.Line(m.user)) + t.bar.Render(" │ "+written(m.at)+" ")
	}
	right := "F1 help "
	switch {
	case m.lines.running != "":
		right = m.lines.running + "… "
	case m.dialog != nil:
		right = "" // the dialog takes the keys
	}
	if gap := m.width - m.cells.width(left) - m.cells.width(right); gap > 0 {
		return left + t.bar.Render(fmt.Sprintf("%*s%s", gap, "", right))
	}
	left = m.cells.cut(left, m.width)
	return left + t.bar.Render(fmt.Sprintf("%*s", m.width-m.cells.width(left), ""))
}

// silenceTold is how long an answer may take before the user is told that it is late.
const silenceTold = 2 * time.Second

// linkState returns the state of the connection in words. The mark before them has another form
// for each state, since colour alone must not tell it.
func (m *model) linkState() (string, style) {
	switch m.link.State {
	case client.Online:
		if silent := m.link.silence(m.now); silent > silenceTold {
			return "◍ no answer for " + strconv.Itoa(int(silent.Seconds())) + " s", m.theme.barWarning
		}
		text := "● online"
		if m.link.Original {
			text += " (polling)"
		}
		if m.link.lag > 0 {
			text += " " + strconv.FormatInt(max(m.link.lag.Milliseconds(), 1), 10) + " ms"
		}
		return text, m.theme.bar
	case client.Offline:
		text := "○ offline, "
		if m.user != "" && m.width >= widthForMembers {
			text = "○ offline (" + m.linkError() + "), "
		}
		if left := m.link.retry.Sub(m.now); left > 0 {
			text += "again in " + strconv.Itoa(int(math.Ceil(left.Seconds()))) + " s"
		} else {
			text += "trying again"
		}
		return text, m.theme.barWarning
	case client.Closed:
		return "○ closed", m.theme.barWarning
	}
	return "◌ connecting", m.theme.barWarning
}

// headLine returns the line above the messages: the place at the left, and how many messages it
// has at the right.
func (m *model) headLine(width int, withProvider bool) string {
	t, r := m.theme, m.here()
	left := " "
	if withProvider && m.provider.Name != "" {
		left += t.accent.Render(visible.Line(m.provider.Name)) + t.dim.Render(", ")
	}
	switch {
	case m.at.Server == "" && m.user == "" && m.online():
		left += t.dim.Render("not logged in")
	case m.at.Server == "" && m.user == "":
		left += t.dim.Render("not connected")
	case m.at.Server == "":
		left += t.dim.Render(written(m.at))
	case withProvider || m.at.Channel == "":
		left += t.strong.Render(written(m.at))
	default:
		left += t.strong.Render("#"+visible.Line(m.at.Channel)) + t.dim.Render(" in "+visible.Line(m.at.Server))
	}
	right := ""
	if r.loaded {
		right = t.dim.Render(counted(r.history.total, "message") + " ")
	}
	return m.cells.ends(left, right, width)
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

// ruleLine returns the line between the messages and the input. It shows what is of use at the
// moment: the candidates of a completion, how much is new below, or what waits.
func (m *model) ruleLine() string {
	word := m.candidatesLine(m.width)
	if word == "" {
		word = m.hint()
	}
	t := m.theme.line
	if word == "" {
		return t.Render(repeat("─", m.width))
	}
	word = m.cells.cut(word, m.width-4)
	return t.Render("─ ") + word + " " + t.Render(repeat("─", m.width-3-m.cells.width(word)))
}

func (m *model) hint() string {
	r := m.here()
	switch {
	case r.scroll.held && r.history.total > r.scroll.seen:
		return m.theme.accent.Render("↓ " + strconv.FormatInt(r.history.total-r.scroll.seen, 10) + " new")
	case r.scroll.held:
		return m.theme.dim.Render("↓ scrolled up, Ctrl+End goes to the newest")
	case len(m.outbox.posts) > 1 && !m.online():
		return m.theme.warning.Render(counted(int64(len(m.outbox.posts)), "message") + " waiting for the connection")
	}
	return ""
}

// linkError returns why there is no connection, in words, or "".
func (m *model) linkError() string {
	if m.link.State != client.Offline || m.link.Err == nil {
		return ""
	}
	if m.link.since.IsZero() && !m.encrypted && commands.Unanswered(m.link.Err) {
		return commands.TryTLS
	}
	cause := m.link.Err
	for deeper := errors.Unwrap(cause); deeper != nil && client.CodeOf(cause) == ""; deeper = errors.Unwrap(cause) {
		cause = deeper // shows "connection refused" rather than all that was wrapped around it
	}
	return commands.Explain(cause)
}
