package plain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// teller prints what happens, as text for people or as JSON for programs. Its methods may be
// called from any goroutine. The texts given to them are safe to show; messages are not.
type teller interface {
	message(m client.Message)                                // a message that was posted by somebody else
	posted(m client.Message, line int)                       // a post of this program was acknowledged
	deleted(at commands.Place)                               // the channel was deleted
	unheard(at commands.Place, why string, code client.Code) // the channel's subscription has ended
	status(s client.Status, text string)                     // the connection's status has changed; text may be ""
	notice(text string)                                      // anything else that is worth knowing
	refused(why string, code client.Code, line int)          // a line was not done
	saved(server, path string)                               // a server's image was saved to that path
	wire(t client.Traffic)                                   // an object that went over the wire
	broken() error                                           // the first error of printing, or nil
}

// newTeller returns the teller that a Config asks for. What it prints to a terminal is held back
// while a question waits.
func newTeller(c Config, questions *hold) teller {
	out, err := &output{w: c.Out}, &output{w: c.Err}
	for _, o := range []*output{out, err} {
		if file, ok := o.w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			o.hold = questions
		}
	}
	if c.JSON {
		return &jsonTeller{out: out}
	}
	return &textTeller{out: out, err: err, now: time.Now}
}

// output writes texts one at a time, each as a whole. After the first error it writes nothing
// more.
type output struct {
	mu   sync.Mutex
	w    io.Writer
	bad  error
	hold *hold // nil if this is no terminal, where no question can be
}

func (o *output) write(text string) {
	if o.hold != nil {
		o.hold.write(o, text)
	} else {
		o.print(text)
	}
}

func (o *output) print(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bad == nil {
		_, o.bad = io.WriteString(o.w, text)
	}
}

func (o *output) broken() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bad != nil {
		return fmt.Errorf("printing: %w", o.bad)
	}
	return nil
}

// textTeller prints messages to out and everything else to err.
type textTeller struct {
	out, err *output
	now      func() time.Time
}

// message prints "[15:04:05] server/channel author: text". Further lines of the text are
// indented, so that nobody can fake a message with a line break.
func (t *textTeller) message(m client.Message) {
	text := strings.ReplaceAll(visible.Text(m.Text), "\n", "\n    ")
	at := place(commands.Place{Server: m.Server, Channel: m.Channel})
	t.out.write(fmt.Sprintf("[%s] %s %s: %s\n", t.clock(m.Time), at, visible.Line(m.Author), text))
}

// clock returns the time of day, with the date unless that is today.
func (t *textTeller) clock(when time.Time) string {
	now := t.now()
	when = when.In(now.Location())
	if when.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return when.Format(time.DateTime)
	}
	return when.Format(time.TimeOnly)
}

// posted prints nothing: the user who wrote the line knows it.
func (t *textTeller) posted(client.Message, int) {}

func (t *textTeller) deleted(at commands.Place) { t.notice(place(at) + " was deleted") }

func (t *textTeller) status(_ client.Status, text string) {
	if text != "" {
		t.notice(text)
	}
}

func (t *textTeller) notice(text string) { t.err.write(text + "\n") }

func (t *textTeller) refused(why string, _ client.Code, _ int) { t.notice(why) }

func (t *textTeller) unheard(_ commands.Place, why string, _ client.Code) { t.notice(why) }

func (t *textTeller) saved(server, path string) {
	t.notice("image of " + visible.Line(server) + " saved to " + visible.Line(path))
}

func (t *textTeller) wire(w client.Traffic) {
	arrow := "← "
	if w.Sent {
		arrow = "→ "
	}
	t.notice(arrow + visible.Line(string(w.JSON)))
}

func (t *textTeller) broken() error { return errors.Join(t.out.broken(), t.err.broken()) }
