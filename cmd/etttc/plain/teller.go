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

// teller prints what happens, for people or for programs. Its methods may be
// called from any goroutine; texts they are given are safe to show, messages not.
type teller interface {
	message(m client.Message)                                // somebody wrote something
	posted(m client.Message, line int)                       // a line of ours is on the provider's disk
	deleted(at commands.Place)                               // the channel was
	unheard(at commands.Place, why string, code client.Code) // its subscription has ended
	status(s client.Status, text string)                     // the connection's, text may be ""
	notice(text string)                                      // anything that is worth knowing
	refused(why string, code client.Code, line int)          // a line was not done
	saved(server, path string)                               // a server's image was
	wire(t client.Traffic)                                   // goes over the wire
	broken() error                                           // what went wrong with printing
}

// newTeller makes the teller that a Config asks for. What it prints to a
// terminal, questions hold back.
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

// output writes whole pieces, one at a time, and remembers what went wrong.
type output struct {
	mu   sync.Mutex
	w    io.Writer
	bad  error
	hold *hold // nil where no question can be
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

// textTeller prints messages to out and all else to err.
type textTeller struct {
	out, err *output
	now      func() time.Time
}

// message prints "[15:04:05] server/channel author: text". Further lines of the
// text are indented, so that nobody can make up a message by a line break.
func (t *textTeller) message(m client.Message) {
	text := strings.ReplaceAll(visible.Text(m.Text), "\n", "\n    ")
	at := place(commands.Place{Server: m.Server, Channel: m.Channel})
	t.out.write(fmt.Sprintf("[%s] %s %s: %s\n", t.clock(m.Time), at, visible.Line(m.Author), text))
}

// clock is a time of day, with its day unless that is today.
func (t *textTeller) clock(when time.Time) string {
	now := t.now()
	when = when.In(now.Location())
	if when.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return when.Format(time.DateTime)
	}
	return when.Format(time.TimeOnly)
}

// posted prints nothing: who wrote the line knows it.
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
