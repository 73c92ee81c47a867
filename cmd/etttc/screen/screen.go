// Package screen is the full-screen client.
//
// It is built as in Elm: one model is changed by one message at a time (update.go), and pure
// functions draw it (view.go). What takes time runs elsewhere, in commands (net.go) and feeds
// (feed.go), and comes back as messages.
package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// Config is what the screen starts with.
type Config struct {
	Address  string // host:port, for the connection and for showing
	Options  client.Options
	User     string         // filled into the login dialog; with Password, logs in
	Password string         // if it is given, the client logs in without asking
	Register bool           // register the user first
	At       commands.Place // where to go after the login; may be empty
	Raw      bool           // begin with the wire pane open
	Folder   string         // where images are saved
	LoggedIn func(user string)
	In, Out  *os.File
}

// framesPerSecond is how often the terminal is drawn at most. The library draws at this rate even
// if nothing happens; its usual 60 would take twice the processor time.
const framesPerSecond = 30

// Run shows the screen until the user quits or ctx ends. Signals are left to the caller: a signal
// that is to end the program has to end ctx. At the end Run writes to Out what was typed and not
// sent. It returns an error if some of that had been entered.
func Run(ctx context.Context, c Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newFeeds(ctx)
	c.Options.Status, c.Options.Trace = f.status, f.trace
	who, err := client.Open(c.Address, c.Options)
	if err != nil {
		return err
	}
	m := newModel(c)
	m.net = &net{ctx: ctx, who: who, feeds: f, folder: c.Folder, in: c.In, out: c.Out, loggedIn: c.LoggedIn}
	m.zone, m.now = time.Local, time.Now()
	restore, err := terminalState(c.In)
	if err != nil {
		return err
	}
	program := tea.NewProgram(m, tea.WithInput(c.In), tea.WithOutput(c.Out), tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler())
	f.start(program.Send)
	stop := context.AfterFunc(ctx, func() { program.Send(endMsg{}) })
	_, err = program.Run()
	restore()
	// The library shows it in the alternate screen. When the program is slow to begin, the library
	// has hidden it in the usual one, too, and some terminals keep these apart.
	_, _ = io.WriteString(c.Out, ansi.ShowCursor) // the terminal may be gone
	stop()
	cancel()
	who.Close()
	return errors.Join(err, m.tellUnsent(c.Out))
}

// terminalState returns a function that brings a terminal back to the state it has now. The
// library does that too, but after an image was shown it takes the state that it finds then for
// the original one.
func terminalState(file *os.File) (restore func(), err error) {
	state, err := term.GetState(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	return func() { _ = term.Restore(int(file.Fd()), state) }, nil // the terminal may be gone
}

// errUnsent is the error of Run when messages were entered that the provider has not
// acknowledged. The user has been told which.
var errUnsent = errors.New("not every message was acknowledged")

// tellUnsent writes what was typed and is not known to be sent, so that it is not lost. A draft
// that was not entered is written too, but is no reason for errUnsent.
func (m *model) tellUnsent(out io.Writer) error {
	doubtful, not := m.unsent()
	var result error
	if len(doubtful)+len(not) > 0 {
		result = errUnsent
	}
	if text := m.input.text; text != "" && !commands.IsCommand(text) {
		not = append(not, text)
	}
	for i, text := range slices.Concat(doubtful, not) {
		word := "not sent"
		if i < len(doubtful) {
			word = "not acknowledged, it may have been sent"
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", word, visible.Line(text)); err != nil {
			return errors.Join(result, err)
		}
	}
	return result
}
