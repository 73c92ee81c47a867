// Command bench measures the provider through real sockets, built as it is shipped, with
// every post on disk. It compares it with others that do the same work: with a bare Go
// server if there is one ("floor"), and with other servers that are installed. They take
// turns, since the speed of a machine changes by the minute. So look at the ratios. See
// docs/performance.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK      = 0
	exitTrouble = 1 // a row could not be measured
	exitUsage   = 2
	exitSignal  = 130
)

type commandLine struct {
	Run     runOptions     `cmd:"" default:"withargs" help:"Measure, and print a Markdown table. This is what is done when no command is named."`
	Plot    plotOptions    `cmd:"" help:"Draw plots of the results of a run."`
	Profile profileOptions `cmd:"" help:"Draw where the provider's processor time goes in a row, as Linux's perf records it."`
}

const description = "Measures the provider beside other servers, in alternating turns."

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// command is the whole program. It returns the exit code.
func command(args []string, stdout, stderr io.Writer) int {
	chosen := &commandLine{}
	parser, err := kong.New(chosen, kong.Name("bench"), kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}))
	if err != nil {
		return complain(stderr, err, exitUsage)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(stderr, err, exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // who reads no more must not keep it from removing what it has made
	context.AfterFunc(ctx, stop)   // a second signal then ends the program at once, and its servers with it
	switch parsed.Command() {
	case "plot <results> <folder>":
		err = chosen.Plot.run()
	case "profile <file>":
		err = chosen.Profile.run(ctx, stdout, stderr)
	default:
		err = chosen.Run.run(ctx, stdout, stderr)
	}
	switch {
	case ctx.Err() != nil:
		return complain(stderr, errors.New("interrupted"), exitSignal)
	case err != nil:
		return complain(stderr, err, exitTrouble)
	}
	return exitOK
}

func complain(stderr io.Writer, err error, code int) int {
	_, _ = fmt.Fprintln(stderr, "bench:", err) // if that fails there is nobody else to tell
	return code
}
