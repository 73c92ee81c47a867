// Command etttc is the terminal client of an elemental provider. It has a full screen for people
// and a line mode for pipes and scripts.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"elemental/client"
	"elemental/client/visible"
	"elemental/cmd/etttc/commands"
	"elemental/cmd/etttc/plain"
	"elemental/cmd/etttc/screen"
	"elemental/cmd/internal/cli"
)

// The exit codes. A run that a signal has ended exits with exitSignal plus the signal's number,
// as shells do: 130 after Ctrl-C.
const (
	exitOK      = 0
	exitTrouble = 1 // the provider cannot be reached, or was lost
	exitUsage   = 2 // the options are wrong
	exitLogin   = 3 // the login was refused
	exitRefused = 4 // something else that the user asked for was refused
	exitSignal  = 128
)

func main() { os.Exit(command(os.Args[1:])) }

// command is the whole program. It returns the exit code.
func command(args []string) int {
	opts, parser, err := parseOptions(args)
	if err != nil {
		complain(err)
		return exitUsage
	}
	for _, name := range cli.UnknownVariables(parser) {
		if name != passwordVariable {
			warn("unknown environment variable %s", name)
		}
	}
	if !opts.Plain && !(isTerminal(os.Stdin) && isTerminal(os.Stdout)) {
		complain(errors.New("the full screen needs a terminal; use --plain in pipes and scripts"))
		return exitUsage
	}
	if !opts.Plain && os.Getenv("TERM") == "dumb" {
		warn("this terminal (TERM=dumb) can show no full screen; lines instead, as with --plain")
		opts.Plain = true
	}
	m, err := newMemory()
	if err != nil {
		warn("%v; nothing is remembered", err)
	}
	ctx, stop := endBySignal(!opts.Plain)
	defer stop()
	onTerminal := isTerminal(os.Stdin)
	err = run(ctx, opts, m)
	awaitHangup(ctx, onTerminal)
	if m.failed != nil {
		warn("the host and the user are not remembered: %v", m.failed)
	}
	return finish(ctx, err)
}

// run runs the full screen or the line mode until it ends.
func run(ctx context.Context, opts *options, m *memory) error {
	address, err := opts.address(m)
	if err != nil {
		return &usageError{err}
	}
	password, err := opts.password()
	if err != nil {
		return &usageError{err}
	}
	wire, err := opts.wire()
	if err != nil {
		return &usageError{err}
	}
	remember := func(user string) { m.remember(address, user) }
	at := commands.Place{Server: opts.Server, Channel: opts.Channel}
	if opts.Plain {
		return runPlain(ctx, opts, plain.Config{
			Address: address, Options: wire, User: opts.User, Suggest: m.userAt(address), Password: password,
			At: at, LoggedIn: remember,
		})
	}
	// With TEA_TRACE set, the library of the screen would write all input to a file, passwords
	// too.
	if err := os.Unsetenv("TEA_TRACE"); err != nil {
		return err
	}
	return screen.Run(ctx, screen.Config{
		Address: address, Options: wire, User: cmp.Or(opts.User, m.userAt(address)), Password: password, Register: opts.Register,
		At: at, Raw: opts.Raw, Folder: opts.images(), LoggedIn: remember, In: os.Stdin, Out: os.Stdout,
	})
}

func runPlain(ctx context.Context, opts *options, c plain.Config) error {
	c.Register, c.Tail, c.Follow, c.Literal = opts.Register, -1, opts.Follow, opts.Literal
	if opts.Tail != nil {
		c.Tail = *opts.Tail
	}
	c.JSON, c.Raw, c.Timeout, c.Folder = opts.JSON, opts.Raw, time.Duration(opts.Timeout), opts.images()
	c.In, c.Out, c.Err = os.Stdin, os.Stdout, os.Stderr
	if !isTerminal(os.Stdin) {
		c.LoggedIn = nil // the login of a script is not remembered: it is not the one that a person wants to find again
	}
	return plain.Run(ctx, c)
}

// usageError is a mistake in the options that shows only when they are used.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// finish prints the error that ended the run, if that was not told yet, and returns the exit
// code.
func finish(ctx context.Context, err error) int {
	ended, bySignal := errors.AsType[*signalError](context.Cause(ctx))
	known := err == nil || errors.Is(err, plain.ErrRefused) || bySignal && err.Error() == ended.Error()
	if !known {
		complain(err)
	}
	if bySignal {
		return ended.code()
	}
	return codeOf(err)
}

func codeOf(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(*usageError)) || errors.Is(err, plain.ErrUsage):
		return exitUsage
	case errors.Is(err, plain.ErrLogin):
		return exitLogin
	case errors.Is(err, plain.ErrRefused) || errors.As(err, new(*client.Refusal)) || errors.As(err, new(*commands.UsageError)):
		return exitRefused
	}
	return exitTrouble
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// complain prints an error to standard error, on one line.
func complain(err error) {
	fmt.Fprintln(os.Stderr, "etttc:", visible.Line(cli.OneLine(err)))
}

func warn(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "etttc: warning:", visible.Line(fmt.Sprintf(format, args...)))
}
