// Command elemental-load puts load on a provider with many clients and reports how it
// did: with latencies that hide no waiting, and with a check that no message was lost.
// See docs/load-testing.md.
package main

import (
	"fmt"
	"os"

	"elemental/client/visible"
	"elemental/cmd/elemental-load/crew"
	"elemental/cmd/internal/cli"
)

// The exit codes. After a signal it is exitSignal plus the signal's number.
const (
	exitOK        = 0
	exitTrouble   = 1 // the run could not be made, or not be finished
	exitUsage     = 2 // a mistake in the options or the scenario file
	exitUnmet     = 3 // an expectation was not met
	exitViolation = 4 // the provider did something that must never happen
	exitSignal    = 128
)

func main() { os.Exit(command(os.Args[1:])) }

// command is the whole program. It returns the exit code.
func command(args []string) int {
	if len(args) == 1 && args[0] == memberCommand {
		if err := crew.Serve(os.Stdin, os.Stdout); err != nil {
			complain(err)
			return exitTrouble
		}
		return exitOK
	}
	chosen, err := parse(args)
	if err != nil {
		complain(err)
		return exitUsage
	}
	code, err := chosen()
	if err != nil {
		complain(err)
	}
	return code
}

// complain prints an error, on one line. Words of the provider in it cannot control the
// terminal.
func complain(err error) {
	fmt.Fprintln(os.Stderr, "elemental-load:", visible.Line(cli.OneLine(err)))
}
