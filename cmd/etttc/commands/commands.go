// Package commands holds the commands that a user can enter: lines that begin with "/". One table
// drives how they are run, completed and explained, on the full screen and in line mode alike.
package commands

import (
	"context"
	"strings"

	"elemental/client"
)

// Place is where the user is: in a channel of a server, in a server with no channel (Channel is
// ""), or nowhere (both are "").
type Place struct{ Server, Channel string }

// Kind is what an argument stands for. It decides how the argument is completed and asked for.
type Kind int

// The kinds of an argument.
const (
	Word    Kind = iota
	Secret       // a password: not echoed and not kept in the history of the input
	Server       // a server that the user has joined; if it is optional and left out, the one the user is in
	Channel      // a channel of the server the user is in
	Image        // an image: base64, or the path of a file
	Topic        // the name of a command
)

// Arg is an argument of a command.
type Arg struct {
	Name     string // as help shows it: "server"
	Ask      string // how a dialog asks for it: "new server password"
	Kind     Kind
	Optional bool // may be left out; only the last argument can be optional
}

// Command is a command, as a line of the table.
type Command struct {
	Name string // without the slash
	Args []Arg
	Help string // one line

	// Moves says that the command leads the user to another place. A script that goes on without
	// looking whether it succeeded would post to the wrong place.
	Moves bool

	run func(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error)
}

// Outcome is what a command has done.
type Outcome struct {
	Lines   []string // to be shown to the user; they are safe to show
	Goto    *Place   // where the user is from now on; nil if the place stays
	Gone    string   // the server that the user has left or deleted, or ""
	Changed bool     // servers, channels or members may have changed
	Image   []byte   // the image of the server ImageOf, to be shown
	ImageOf string
	Quit    bool
}

// IsCommand reports whether a line is a command and no message. Spaces before the slash are
// ignored, so that no password in a command is posted by mistake.
func IsCommand(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//")
}

// Message returns the text that a line posts which is no command. A message that begins with a
// slash is entered with two slashes.
func Message(line string) string {
	if strings.HasPrefix(strings.TrimSpace(line), "//") {
		return strings.Replace(line, "/", "", 1)
	}
	return line
}

// Missing returns the arguments that the user still has to be asked for, if args are there and
// the user is at that place. The answers are to be appended to args.
func (c *Command) Missing(args []string, at Place) []Arg {
	var missing []Arg
	for _, arg := range c.Args[min(len(args), len(c.Args)):] {
		needed := !arg.Optional || arg.Kind == Server && at.Server == ""
		if needed {
			missing = append(missing, arg)
		}
	}
	return missing
}

// Run runs the command and waits until the provider has answered; ctx limits how long. The error
// is for people: it is safe to show and has no secrets in it. If the provider refused, it wraps
// the client.Refusal. The Outcome counts also if there is an error.
func (c *Command) Run(ctx context.Context, who *client.Client, at Place, args []string) (Outcome, error) {
	if missing := c.Missing(args, at); len(missing) > 0 {
		return Outcome{}, usage("%s is missing: %s", missing[0].Name, c.Usage())
	}
	return c.run(ctx, who, at, args)
}

// Find returns the command of that name in upper or lower case, or nil.
func Find(name string) *Command {
	for _, c := range All() {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}
