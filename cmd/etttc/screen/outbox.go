package screen

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// mostWaiting is how many lines and posts may wait for their turn.
const mostWaiting = 100

// line is a line that the user entered, and the place where they entered it.
type line struct {
	id   int64
	at   commands.Place
	text string
}

// lineQueue holds what was entered while a command was under way. The command may lead the user
// to another place, so what follows has to wait for it.
type lineQueue struct {
	waiting []line
	running string // the command under way as it is shown, without arguments; "" is none
}

// post is a message on its way to the provider.
type post struct {
	line         // the line as it was entered
	text  string // the text that is posted
	nonce string

	room      *room // the room when the post was handed to the client
	epoch     int   // the room's epoch then
	left      bool  // it was handed to the client, and there was a connection then or since
	uncertain bool  // it is not known whether an earlier try succeeded
}

// doubtful reports whether the provider may have the post but has not acknowledged it.
func (p *post) doubtful() bool { return p.left || p.uncertain }

// outbox posts one message at a time, so that they keep their order.
type outbox struct {
	posts   []post
	sending bool // the first post is under way or waits to be tried again
	landed  []landed
}

// landed is a message that the original provider has acknowledged. That one does not tell the
// place of a post, so the text stays on the screen as pending until it is found in the channel.
type landed struct {
	line
	at time.Time
}

// landedTime is how long a landed message stays on the screen at most without being found.
const landedTime = 15 * time.Second

// pending is what a room shows of a line or post that waits.
type pending struct {
	id   int64
	text string
}

// pendingIn returns what is about to be posted or done in a place.
func (m *model) pendingIn(at commands.Place) []pending {
	var all []pending
	for _, l := range m.outbox.landed {
		if l.line.at == at {
			all = append(all, pending{l.id, l.text})
		}
	}
	for _, p := range m.outbox.posts {
		if p.at == at {
			all = append(all, pending{p.id, p.text})
		}
	}
	for _, l := range m.lines.waiting {
		if l.at == at {
			all = append(all, pending{l.id, commands.Masked(l.text)})
		}
	}
	return all
}

// unsent returns the texts that were entered to be posted and are not known to be: those that may
// have been posted, and those that were not.
func (m *model) unsent() (doubtful, not []string) {
	for _, p := range m.outbox.posts {
		if p.doubtful() {
			doubtful = append(doubtful, p.line.text)
		} else {
			not = append(not, p.line.text)
		}
	}
	for _, l := range m.lines.waiting {
		if !commands.IsCommand(l.text) {
			not = append(not, l.text)
		}
	}
	return doubtful, not
}

// enter takes a line that the user has entered.
func (m *model) enter(text string) tea.Cmd {
	m.notices++
	m.lines.waiting = append(m.lines.waiting, line{m.notices, m.at, text})
	return m.pump()
}

// full reports whether too much is waiting to take more lines.
func (m *model) full() bool { return len(m.lines.waiting)+len(m.outbox.posts) >= mostWaiting }

// pump takes up the lines that need not wait any more: no command is under way and no dialog is
// open.
func (m *model) pump() tea.Cmd {
	var cmds []tea.Cmd
	for len(m.lines.waiting) > 0 && m.lines.running == "" && m.dialog == nil {
		next := m.lines.waiting[0]
		m.lines.waiting = slices.Clone(m.lines.waiting[1:])
		if commands.IsCommand(next.text) {
			cmds = append(cmds, m.command(next))
		} else {
			cmds = append(cmds, m.say(next))
		}
	}
	return tea.Batch(cmds...)
}

// say puts a message into the outbox.
func (m *model) say(l line) tea.Cmd {
	if l.at.Channel == "" {
		return m.refused(l, "you are in no channel, try /gotochannel, /joinserver or /createserver")
	}
	m.outbox.posts = append(m.outbox.posts, post{line: l, text: commands.Message(l.text), nonce: rand.Text()})
	return m.postNext()
}

func (m *model) postNext() tea.Cmd {
	if m.outbox.sending || len(m.outbox.posts) == 0 {
		return nil
	}
	m.outbox.sending = true
	return m.handOver()
}

// handOver hands the first post to the client.
func (m *model) handOver() tea.Cmd {
	first := &m.outbox.posts[0]
	first.left, first.room = m.online(), m.room(first.at)
	first.epoch = first.room.epoch
	return m.net.post(*first)
}

// reachable is called when there is a connection: a post that waits in the client for it leaves
// now.
func (o *outbox) reachable() {
	if o.sending {
		o.posts[0].left = true
	}
}

// posted takes the answer to the first post in the outbox. If it has failed for the moment, it is
// tried again: its nonce sees to it that it is not posted twice, except with the original
// provider.
func (m *model) posted(msg postedMsg) tea.Cmd {
	if len(m.outbox.posts) == 0 || m.outbox.posts[0].id != msg.id {
		return nil
	}
	m.outbox.sending = false
	first := &m.outbox.posts[0]
	if msg.err != nil && m.repeatable(msg.err) {
		first.left, first.uncertain = false, first.uncertain || client.Doubtful(msg.err)
		m.outbox.sending = true // stays true until it is tried again
		return m.net.retry(first.id)
	}
	m.outbox.posts = slices.Clone(m.outbox.posts[1:])
	if msg.err == nil {
		m.land(*first, msg.message)
		return tea.Batch(m.postNext(), m.quitWhenDone())
	}
	err := msg.err
	if first.uncertain {
		err = fmt.Errorf("%w (an earlier try: %w)", err, client.ErrUncertain)
	}
	m.refused(first.line, commands.Explain(err))
	return tea.Batch(m.postNext(), m.quitWhenDone())
}

// land shows a message that was posted, before its event comes. If the channel or the server was
// deleted since it was handed over, it may belong to another channel than the present one, and is
// not shown.
func (m *model) land(p post, posted client.Message) {
	if posted.Index < 0 {
		m.outbox.landed = append(m.outbox.landed, landed{line{p.id, p.at, p.text}, m.now})
		return
	}
	if r := m.rooms[p.at]; r == p.room && r.epoch == p.epoch {
		r.history.merge([]client.Message{posted})
	}
}

// found forgets the landed messages that have been found in the channel, and those that were not
// found within landedTime.
func (m *model) found(at commands.Place, posted []client.Message) {
	for _, e := range posted {
		i := slices.IndexFunc(m.outbox.landed, func(l landed) bool { return l.line.at == at && l.text == e.Text })
		if i >= 0 && e.Author == m.user {
			m.outbox.landed = slices.Delete(slices.Clone(m.outbox.landed), i, i+1)
		}
	}
	m.outbox.landed = slices.DeleteFunc(m.outbox.landed, func(l landed) bool { return m.now.Sub(l.at) > landedTime })
}

func (m *model) repeatable(err error) bool {
	switch {
	case client.Doubtful(err):
		return !m.link.Original
	case errors.Is(err, client.ErrClosed), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, client.ErrLost), errors.Is(err, context.DeadlineExceeded):
		return true
	}
	code := client.CodeOf(err)
	return code == client.Busy || code == client.TooOften || code == client.NotLoggedIn && m.user != ""
}

// retry posts the first message in the outbox once more, under the same nonce.
func (m *model) retry(msg retryMsg) tea.Cmd {
	if len(m.outbox.posts) == 0 || m.outbox.posts[0].id != msg.id {
		return nil
	}
	return m.handOver()
}

// refused tells why a text was not posted, and gives it back: into the input if that is empty and
// the user is still where they entered it. Otherwise it is in the history of the input.
func (m *model) refused(l line, why string) tea.Cmd {
	text := "not posted: " + why
	if m.input.text == "" && l.at == m.at {
		m.input.set(l.text)
		text += " (the text is in the input again)"
	} else {
		text += " (↑ brings the text back: " + m.cells.cut(visible.Line(l.text), 30) + ")"
	}
	at := l.at
	if !m.has(at) {
		at = m.at
	}
	m.tellIn(at, warns, text)
	return nil
}

// drop gives up the lines that wait in places that are gone.
func (m *model) drop(gone func(commands.Place) bool) {
	for _, l := range m.lines.waiting {
		if gone(l.at) {
			m.refused(l, "the place is gone")
		}
	}
	m.lines.waiting = slices.DeleteFunc(m.lines.waiting, func(l line) bool { return gone(l.at) })
}
