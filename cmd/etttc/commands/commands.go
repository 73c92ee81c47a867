// Package commands holds what a user can do with a line that begins with "/".
// One table drives dispatch, completion and help, on the full screen and in
// line mode alike.
package commands

import (
	"context"
	"strings"

	"elemental/client"
)

// Place is where the user is: in a server, or in one of its channels, or nowhere.
type Place struct{ Server, Channel string }

// Kind is what an argument is; it decides how it is completed and asked for.
type Kind int

// The kinds of an argument.
const (
	Word    Kind = iota
	Secret       // never echoed, never kept in the input's history
	Server       // a server the user has joined; optional, it is the one the user is in
	Channel      // a channel of the server the user is in
	Image        // base64, or a file's path
	Topic        // a command's name
)

// Arg is one argument of a command.
type Arg struct {
	Name     string // for help: "server"
	Ask      string // what a dialog says: "new server password"
	Kind     Kind
	Optional bool // may be left out; only a last argument is
}

// Command is one line of the table.
type Command struct {
	Name string // without the slash
	Args []Arg
	Help string // one line

	// Moves tells that the user is elsewhere afterwards. Who goes on without
	// looking whether it succeeded would post to the wrong place.
	Moves bool

	run func(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error)
}

// Outcome is what a command did.
type Outcome struct {
	Lines   []string // to be told, already safe to show
	Goto    *Place   // where the user is from now on
	Gone    string   // a server that the user has left or deleted
	Changed bool     // servers, channels or members may have changed
	Image   []byte   // an image to be shown, of the server ImageOf
	ImageOf string
	Quit    bool
}

// IsCommand reports whether a line is a command rather than a message. Spaces
// before the slash make no difference, so that no password is posted by a slip.
func IsCommand(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//")
}

// Message is what a line that is no command posts: a message that begins with a
// slash is written with two.
func Message(line string) string {
	if strings.HasPrefix(strings.TrimSpace(line), "//") {
		return strings.Replace(line, "/", "", 1)
	}
	return line
}

// Missing are the arguments that have to be asked for, given those there are
// and where the user is. The answers are to be appended to args.
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

// Run does it. It blocks until the provider has answered; ctx bounds that. The
// error is for people, safe to show and without secrets; a client.Refusal is in
// it where it was one. Also with an error the outcome counts.
func (c *Command) Run(ctx context.Context, who *client.Client, at Place, args []string) (Outcome, error) {
	if missing := c.Missing(args, at); len(missing) > 0 {
		return Outcome{}, usage("%s is missing: %s", missing[0].Name, c.Usage())
	}
	return c.run(ctx, who, at, args)
}

// Find is the command of that name, whatever its case, or nil.
func Find(name string) *Command {
	for _, c := range All() {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}
