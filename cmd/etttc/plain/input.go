package plain

import (
	"context"
	"errors"
	"fmt"
	"io"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
	"elemental/cmd/etttc/picture"
)

// errEnding stops a command whose questions were answered only when the run was over.
var errEnding = errors.New("the run is over")

// readInput does what the lines of the input say, one after the other, until there are no more or
// one of them is /quit.
func (s *session) readInput(ctx context.Context) (quit bool, err error) {
	for !quit && err == nil {
		var line string
		line, err = s.ask.next()
		s.line++
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil && !errors.Is(err, errTooLong) {
			return false, fmt.Errorf("reading standard input: %w", err)
		}
		if !s.begin() {
			return false, context.Cause(ctx)
		}
		quit, err = s.do(context.WithoutCancel(ctx), line, err)
		if errors.Is(err, errEnding) {
			return false, context.Cause(ctx)
		}
		<-s.working
	}
	return quit, err
}

// begin takes the place of who works, which the end of the run waits for. It reports false if the
// run is to end.
func (s *session) begin() bool {
	select {
	case <-s.stillDone:
		return false
	default:
	}
	select {
	case s.working <- struct{}{}:
		return true
	case <-s.stillDone:
		return false
	}
}

// do does what one line says. unread is the error of reading the line, if any. An error that do
// returns ends the run.
func (s *session) do(ctx context.Context, line string, unread error) (quit bool, err error) {
	switch {
	case unread != nil:
		return false, s.failed("not posted", unread)
	case line == "":
		return false, nil
	case s.c.Literal:
		return false, s.post(ctx, line)
	case commands.IsCommand(line):
		return s.command(ctx, line)
	}
	return false, s.post(ctx, commands.Message(line))
}

// post posts a message and waits until the provider has acknowledged it.
func (s *session) post(ctx context.Context, text string) error {
	if s.at.Channel == "" {
		return s.failed("not posted", errors.New("you are in no channel, try /gotoserver and /gotochannel"))
	}
	s.pending.Store(int64(s.line))
	var m client.Message
	s.hearing.postBegins()
	err := s.within(ctx, func(ctx context.Context) (err error) {
		m, err = s.who.Post(ctx, s.at.Server, s.at.Channel, text)
		return err
	})
	s.hearing.postEnds(m, err == nil)
	if err != nil {
		return s.failed("not posted", err)
	}
	s.pending.Store(0)
	s.posted.Add(1)
	s.out.posted(m, s.line)
	return nil
}

// failed tells that a line was not done, and why; what says what that means, if the error does
// not say it. If no person sits at the input, trouble with the provider ends the run, since the
// lines after it would fare no better.
func (s *session) failed(what string, err error) error {
	why := commands.Explain(err)
	if what != "" {
		why = what + ", " + why
	}
	code := client.CodeOf(err)
	if !s.interactive && code == "" && isTrouble(err) {
		if s.line == 0 { // nothing was read yet
			return errors.New(why)
		}
		return fmt.Errorf("%s; %w", why, s.unacknowledged(int64(s.line)))
	}
	if errors.Is(err, client.ErrUncertain) { // an earlier try was not answered
		code = client.OutcomeUnknown
	}
	s.pending.Store(0)
	s.refused.Store(true)
	if !s.interactive && s.line > 0 {
		why = fmt.Sprintf("line %d: %s", s.line, why)
	}
	s.out.refused(why, code, s.line)
	return nil
}

// isTrouble reports whether the provider could not be asked. It is false for refusals and for
// mistakes.
func isTrouble(err error) bool {
	return errors.Is(err, client.ErrLost) || errors.Is(err, client.ErrUncertain) || errors.Is(err, client.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// command runs a line that is a command.
func (s *session) command(ctx context.Context, line string) (quit bool, err error) {
	c, args, err := commands.Parse(line)
	if err != nil {
		return false, s.stayed(ctx, line, err)
	}
	if s.interactive {
		args, err = s.complete(c, args)
		switch {
		case errors.Is(err, errEnding):
			return false, err
		case errors.Is(err, io.EOF):
			s.out.notice("/" + c.Name + " was given up")
			return false, nil
		case err != nil:
			return false, s.failed("", err)
		}
	}
	quit, err = s.run(ctx, c, args)
	if err == nil {
		return quit, s.listen(ctx)
	}
	return false, s.stayed(ctx, line, err)
}

// stayed tells that a command was not done. If it should have led to another place and no person
// sits at the input, the user is nowhere from now on: the next lines were meant for the other
// place and must not be posted here.
func (s *session) stayed(ctx context.Context, line string, err error) error {
	if commands.Moves(line) && !s.interactive {
		s.at = commands.Place{}
	}
	return errors.Join(s.failed("", err), s.listen(ctx))
}

// complete asks for the arguments that are missing. While a question waits, the end of the run
// need not wait for this goroutine.
func (s *session) complete(c *commands.Command, args []string) ([]string, error) {
	for _, arg := range c.Missing(args, s.at) {
		ask := s.ask.line
		if arg.Kind == commands.Secret {
			ask = s.ask.secret
		}
		<-s.working
		answer, err := ask(arg.Ask + ": ")
		if !s.begin() {
			return nil, errEnding
		}
		if err != nil {
			return nil, err
		}
		args = append(args, answer)
	}
	return args, nil
}

// run runs a command, tells what it did and goes where it leads.
func (s *session) run(ctx context.Context, c *commands.Command, args []string) (quit bool, err error) {
	h := s.hearing
	h.leave()
	did, err := s.outcome(ctx, c, args)
	h.left(did.Goto, s.out)
	for _, line := range did.Lines {
		s.out.notice(line)
	}
	if did.Goto != nil {
		s.at = *did.Goto
		if h.isOver() { // the channel may have been made anew, so it is listened to again
			h.close()
			s.hearing = nil
		}
	}
	if did.Image != nil {
		err = errors.Join(err, s.show(did.Image, did.ImageOf))
	}
	return did.Quit, err
}

// outcome runs a command, which may take Config.Timeout.
func (s *session) outcome(ctx context.Context, c *commands.Command, args []string) (did commands.Outcome, err error) {
	err = s.within(ctx, func(ctx context.Context) (err error) {
		did, err = c.Run(ctx, s.who, s.at, args)
		return err
	})
	return did, err
}

// show shows an image if a person sits at the input, and saves it to a file otherwise or with
// JSON.
func (s *session) show(image []byte, server string) error {
	if s.interactive && !s.c.JSON {
		line, _, err := picture.Show(s.c.In, s.c.Out, image, s.c.Folder, server)
		if err == nil {
			s.out.notice(line)
		}
		return err
	}
	path, err := picture.Save(image, s.c.Folder, server)
	if err == nil {
		s.out.saved(server, path)
	}
	return err
}

// place returns a place in words, safe to show.
func place(at commands.Place) string {
	return visible.Line(at.Server) + "/" + visible.Line(at.Channel)
}
