// Package plain is the client in lines, for pipes, scripts and screen readers.
//
// One goroutine logs in and then does what the lines of the input say, one
// after the other: a post is acknowledged before the next line is read, so that
// posts keep their order whatever happens to the connection. What comes in is
// printed by a second one, and how the connection fares is told by a third.
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
	User     string // asked for where it is empty and In is a terminal
	Suggest  string // the user to offer when asking, or ""
	Password string // asked for as User is
	Register bool   // register User first
	At       commands.Place
	Tail     int           // messages to print first on entering a channel; below 0: some on a terminal, none otherwise
	Follow   bool          // go on printing when the input has ended
	Literal  bool          // post every line as it is: there are no commands
	JSON     bool          // print events as JSON lines
	Raw      bool          // print what goes over the wire, too
	Timeout  time.Duration // for the provider to answer, or to come back
	Folder   string        // where images are saved
	LoggedIn func(user string)
	In, Out  *os.File
	Err      io.Writer
}

// What Run ends with, besides the end of its context and trouble with the provider.
var (
	// ErrRefused: something that was asked for was refused, or could not be
	// done as it was written. It has been told already.
	ErrRefused = errors.New("not everything was done")
	// ErrLogin: nobody could be logged in.
	ErrLogin = errors.New("not logged in")
	// ErrUsage: user or password are missing, and nobody can be asked.
	ErrUsage = errors.New("user and password are needed, and standard input is no terminal to ask for them")
)

// errNobody: the input ended at a question of the login. It is an end like any other.
var errNobody = errors.New("nobody answers")

// grace is how long a post under way may take once the program is to end.
const grace = 5 * time.Second

// session is one run of the line mode.
type session struct {
	c           Config
	out         teller
	ask         *console
	interactive bool // somebody types: nothing is given up

	who     *client.Client // of the goroutine that works
	toClose atomic.Pointer[client.Client]
	at      commands.Place
	hearing *hearing // of the channel at which we are, or nil
	line    int      // number of the line that was read last

	working   chan struct{} // one place: work that is not cut off at once
	stillDone chan struct{} // closed when no work may begin any more
	posted    atomic.Int64  // lines acknowledged
	pending   atomic.Int64  // number of the line that was posted and not acknowledged, or 0
	refused   atomic.Bool   // something was
}

// Run logs in, posts the lines of In and prints what comes, until In has ended
// (with Follow, until ctx has), /quit, or trouble. When ctx ends, a post under
// way still gets a moment; the error is then ctx's cause. A read of In that
// waits for a line goes on after Run.
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
	told()
	s.ask.hold.end()
	return errors.Join(s.verdict(err), s.out.broken())
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

// work is the whole run, as long as nothing interrupts it.
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
		s.refused.Store(true) // why has been told
		return nil
	}
}

// windUp waits a moment for what is under way, if the end is not for lack of a
// provider, and says what is left undone.
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

// unacknowledged says from which line on the input has to be given again.
func (s *session) unacknowledged(line int64) error {
	posted := s.posted.Load()
	before := fmt.Sprintf("%d messages before it were", posted)
	if posted == 1 {
		before = "1 message before it was"
	}
	return fmt.Errorf("line %d was not acknowledged (%s), what follows it was not read", line, before)
}

// verdict is ErrRefused for a run that ended well and in which something was refused.
func (s *session) verdict(err error) error {
	if err == nil && s.refused.Load() {
		return ErrRefused
	}
	return err
}
