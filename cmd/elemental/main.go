// Command elemental is the provider: it stores users, servers, channels and
// messages in one folder and serves them over TCP. See docs/operations.md.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"elemental/cmd/elemental/hashing"
	"elemental/cmd/internal/cli"
)

// The exit codes. 2 is that of the Go runtime after a crash, so a mistake has another one: what
// restarts the provider has to tell them apart.
const (
	exitOK      = 0
	exitTrouble = 1  // could not start, or could not stop cleanly
	exitUsage   = 64 // a mistake in the options or the config file: EX_USAGE of sysexits(3)
)

func main() {
	// The provider goes on when whoever reads its output has gone away.
	signal.Ignore(syscall.SIGPIPE)
	if slices.Equal(os.Args[1:], []string{hashing.Argument}) {
		os.Exit(hashPasswords())
	}
	os.Exit(command(os.Args[1:]))
}

// command is the whole program. It returns the exit code.
func command(args []string) int {
	opts, parser, err := parseOptions(args)
	if err != nil {
		complain(os.Stderr, err)
		return exitUsage
	}
	if opts.PrintConfig {
		cli.Exit("elemental", printConfig(os.Stdout, parser.Model.Flags))
	}
	console := newConsole(opts)
	defer console.close()
	log := newLogger(opts, console.log)
	for _, name := range cli.UnknownVariables(parser) {
		if !strings.HasPrefix(name, "ELEMENTAL_LOAD_") { // those are the load tester's
			log.Warn("unknown environment variable", "name", name)
		}
	}
	if err := serve(opts, log, console); err != nil {
		complain(console.log, err)
		return exitTrouble
	}
	return exitOK
}

// hashPasswords is what this program does as a child of the provider: it hashes passwords.
func hashPasswords() int {
	if err := hashing.Serve(os.Stdin, os.Stdout); err != nil {
		complain(os.Stderr, err)
		return exitTrouble
	}
	return exitOK
}

// complain tells the operator what is wrong, on one line.
func complain(out io.Writer, err error) {
	_, _ = fmt.Fprintln(out, "elemental:", cli.OneLine(err)) // nowhere else to tell it
}
