// Package plain is the line mode of the client, for pipes, scripts and screen readers.
//
// One goroutine logs in and then does what the lines of the input say, one after the other. A
// post is acknowledged before the next line is read, so that posts keep their order whatever
// happens to the connection. A second goroutine prints the messages that come in. A third tells
// how the connection fares.
package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// Config is what the line mode starts with.
type Config struct {
	Address  string // host:port
	Options  client.Options
	User     string // asked for if it is empty and In is a terminal
	Suggest  string // the user to suggest when asking
	Password string // asked for if it is empty and In is a terminal
	Register bool   // register the user first
	At       commands.Place
	Tail     int           // how many messages to print first on entering a channel; below 0 is 15 on a terminal and none otherwise
	Follow   bool          // go on printing when the input has ended
	Literal  bool          // post every line as it is: there are no commands
	JSON     bool          // print events as JSON lines
	Raw      bool          // also print the JSON that goes over the wire
	Timeout  time.Duration // how long the provider may take to answer, or to come back when In is no terminal
	Folder   string        // where images are saved
	LoggedIn func(user string)
	In, Out  *os.File
	Err      io.Writer
}

// The errors of Run, besides the cause of its context's end and trouble with the provider.
var (
	// ErrRefused: something that the input asked for was refused, or could not be done as it was
	// written. The user has been told already.
	ErrRefused = errors.New("not everything was done")
	// ErrLogin: nobody could be logged in.
	ErrLogin = errors.New("not logged in")
	// ErrUsage: user or password is missing, and there is no terminal to ask for it.
	ErrUsage = errors.New("user and password are needed, and standard input is no terminal to ask for them")
)

// errNobody: the input ended when the login asked a question. That ends the run without an error.
var errNobody = errors.New("nobody answers")

// grace is how long a post that is under way may still take when the program is to end.
const grace = 5 * time.Second

// lastPrint is how long what is still to be printed may take when the program is to end.
const lastPrint = time.Second

// session is one run of the line mode.
type session struct {
	c           Config
	out         teller
	ask         *console
	interactive bool // In is a terminal, where a person types; the run does not end because of trouble

	who     *client.Client // used only by the goroutine of work
	toClose atomic.Pointer[client.Client]
	at      commands.Place
	hearing *hearing // prints the messages of the present channel; nil if there is none
	line    int      // number of the line that was read last, from 1

	working   chan struct{} // a lock for one: held during work that the end of the run waits for
	stillDone chan struct{} // closed when no work may begin any more
	posted    atomic.Int64  // how many posts were acknowledged
	pending   atomic.Int64  // number of the line whose post is not acknowledged yet, or 0
	refused   atomic.Bool   // true when something was refused
}

// Run logs in, does what the lines of In say and prints messages. It ends when In has ended (with
// Follow, when ctx has ended), at /quit, or at trouble. When ctx ends, a post that is under way
// gets some seconds to end; the error is then the cause of ctx. A read of In that waits for a
// line goes on after Run has returned.
func Run(ctx context.Context, c Config) error {
	s := newSession(c)
	if !s.interactive && (c.User == "" || c.Password == "") {
		return ErrUsage
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	told := s.watch(cancel)
	ended := make(chan error, 1)
	go func() { ended <- s.work(ctx) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = s.windUp(ctx)
	}
	if who := s.toClose.Load(); who != nil {
		who.Close()
	}
	return errors.Join(s.verdict(err), s.printed(ctx, told))
}

func newSession(c Config) *session {
	s := &session{
		c: c, ask: newConsole(c.In, c.Err),
		interactive: term.IsTerminal(int(c.In.Fd())),
		working:     make(chan struct{}, 1),
		stillDone:   make(chan struct{}),
	}
	s.out = newTeller(c, s.ask.hold)
	if c.Tail < 0 && s.interactive {
		const usual = 15
		s.c.Tail = usual
	}
	return s
}

// work is the whole run, if nothing interrupts it.
func (s *session) work(ctx context.Context) error {
	err := s.connect(ctx)
	if errors.Is(err, errNobody) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	quit, err := s.readInput(ctx)
	if err != nil || quit || !s.c.Follow {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.hearing.ended():
		s.refused.Store(true) // the reason has been told
		return nil
	}
}

// windUp is called when ctx has ended before work. It waits up to grace for what is under way,
// unless the provider is gone, and returns the cause together with what was not done.
func (s *session) windUp(ctx context.Context) error {
	cause := context.Cause(ctx)
	close(s.stillDone)
	wait := grace
	if errors.Is(cause, errAway) {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case s.working <- struct{}{}:
	case <-timer.C:
	}
	if line := s.pending.Load(); line > 0 {
		return fmt.Errorf("%w; %w", cause, s.unacknowledged(line))
	}
	return cause
}

// printed waits until all is told and printed, and returns the first error of printing. When ctx
// has ended it waits only up to lastPrint, since the reader of the output may have stopped reading.
func (s *session) printed(ctx context.Context, told func()) error {
	done := make(chan error, 1)
	go func() {
		told()
		s.ask.hold.end()
		done <- s.out.broken()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(lastPrint):
		return nil
	}
}

// unacknowledged returns an error that says from which line on the input has to be given again.
func (s *session) unacknowledged(line int64) error {
	posted := s.posted.Load()
	before := fmt.Sprintf("%d messages before it were", posted)
	if posted == 1 {
		before = "1 message before it was"
	}
	return fmt.Errorf("line %d was not acknowledged (%s), what follows it was not read", line, before)
}

// verdict returns the error of the run: ErrRefused if it ended well but something was refused.
func (s *session) verdict(err error) error {
	if err == nil && s.refused.Load() {
		return ErrRefused
	}
	return err
}
