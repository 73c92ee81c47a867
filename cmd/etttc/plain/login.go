package plain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
)

// connect connects and logs in.
func (s *session) connect(ctx context.Context) error {
	dialing, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	who, err := client.Dial(dialing, s.c.Address, s.c.Options)
	if s.c.Options.TLS == nil && commands.Unanswered(err) {
		return fmt.Errorf("%s: %s", s.c.Address, commands.TryTLS)
	}
	if err != nil {
		return fmt.Errorf("%s: %s", s.c.Address, commands.Explain(err))
	}
	s.who = who
	s.toClose.Store(who)
	if s.c.User != "" && s.c.Password != "" {
		err = s.loginAs(ctx, s.c.Register, s.c.User, s.c.Password)
	} else {
		err = s.loginByAsking(ctx)
	}
	if err != nil {
		return err
	}
	if s.c.LoggedIn != nil {
		s.c.LoggedIn(who.User())
	}
	return nil
}

// loginAs logs in as that user, and registers them before if asked to. It does not ask the user
// anything.
func (s *session) loginAs(ctx context.Context, register bool, user, password string) error {
	if register {
		err := s.within(ctx, func(ctx context.Context) error { return s.who.Register(ctx, user, password) })
		if err == nil || client.CodeOf(err) == client.UserExists {
			s.c.Register = false // to try it again would never help
		}
		if err != nil {
			return notLoggedIn("registration failed", err)
		}
	}
	err := s.within(ctx, func(ctx context.Context) error { return s.who.Login(ctx, user, password) })
	if err != nil {
		return notLoggedIn("login failed", err)
	}
	return nil
}

// loginError is a provider's refusal of a login or registration.
type loginError struct {
	what  string
	cause error
}

func (e *loginError) Error() string   { return e.what + ", " + commands.Explain(e.cause) }
func (e *loginError) Unwrap() []error { return []error{ErrLogin, e.cause} }

// notLoggedIn returns the error of a login: a loginError if the provider refused, another one if
// it could not be asked.
func notLoggedIn(what string, err error) error {
	if client.CodeOf(err) == "" {
		return fmt.Errorf("%s, %s", what, commands.Explain(err))
	}
	return &loginError{what, err}
}

// loginByAsking asks for what the options do not say, again and again until a user is logged in.
func (s *session) loginByAsking(ctx context.Context) error {
	for {
		register, user, password, err := s.askLogin()
		if errors.Is(err, io.EOF) {
			return errNobody
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLogin, err)
		}
		var refused *loginError
		if err = s.loginAs(ctx, register, user, password); !errors.As(err, &refused) {
			return err
		}
		s.out.notice(refused.Error())
	}
}

func (s *session) askLogin() (register bool, user, password string, err error) {
	register, user = s.c.Register, s.c.User
	if user == "" {
		if register, err = s.askChoice(); err != nil {
			return false, "", "", err
		}
		if user, err = s.askUser(); err != nil {
			return false, "", "", err
		}
	}
	password, err = s.ask.secret("password: ")
	return register, user, password, err
}

func (s *session) askUser() (string, error) {
	if s.c.Suggest == "" {
		return s.ask.line("username: ")
	}
	user, err := s.ask.line("username (" + visible.Line(s.c.Suggest) + "): ")
	return cmp.Or(user, s.c.Suggest), err
}

func (s *session) askChoice() (register bool, err error) {
	for {
		choice, err := s.ask.line("(r)egister or (l)ogin: ")
		switch {
		case err != nil:
			return false, err
		case choice == "r" || choice == "l":
			return choice == "r", nil
		}
		s.out.notice("invalid option")
	}
}

// within makes a call that may take Config.Timeout.
func (s *session) within(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	return call(ctx)
}

// enter goes to the place that the options name. If that is refused and no person sits at the
// input, the run ends, since the lines were meant for that place.
func (s *session) enter(ctx context.Context) error {
	if s.interactive {
		s.welcome(ctx)
	}
	for _, step := range []struct{ command, where string }{{"gotoserver", s.c.At.Server}, {"gotochannel", s.c.At.Channel}} {
		if step.where == "" {
			continue
		}
		did, err := s.outcome(ctx, commands.Find(step.command), []string{step.where})
		if err != nil && !s.interactive {
			return fmt.Errorf("%s: %w", visible.Line(step.where), err)
		}
		if err != nil {
			s.out.notice(commands.Explain(err))
			break
		}
		s.at = *did.Goto
	}
	if s.interactive && s.at.Channel != "" {
		s.out.notice("connected to " + place(s.at))
	}
	return s.listen(ctx)
}

// welcome tells the user who they are and which provider this is. A failure does not end the run.
func (s *session) welcome(ctx context.Context) {
	var about client.Provider
	err := s.within(ctx, func(ctx context.Context) (err error) {
		about, err = s.who.Provider(ctx)
		return err
	})
	if err != nil {
		s.out.notice("the provider does not say its name, " + commands.Explain(err))
		return
	}
	s.out.notice("logged in as " + visible.Line(s.who.User()) + " at " + visible.Line(about.Name))
	s.out.notice(visible.Line(about.Welcome))
}
