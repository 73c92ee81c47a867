package commands

import (
	"context"
	"fmt"
	"strings"

	"elemental/client"
)

func changePassword(ctx context.Context, c *client.Client, _ Place, args []string) (Outcome, error) {
	if args[1] != args[2] {
		return Outcome{}, usage("password not changed, the new passwords are not the same")
	}
	if err := c.ChangePassword(ctx, args[0], args[1]); err != nil {
		return failed("password not changed", err)
	}
	return told("password has been changed"), nil
}

func reconnect(_ context.Context, c *client.Client, _ Place, _ []string) (Outcome, error) {
	c.Reconnect()
	return told("reconnecting"), nil
}

func quit(context.Context, *client.Client, Place, []string) (Outcome, error) {
	return Outcome{Quit: true}, nil
}

func help(_ context.Context, _ *client.Client, _ Place, args []string) (Outcome, error) {
	if len(args) == 0 || args[0] == "" {
		return told(helpLines()...), nil
	}
	name := strings.TrimPrefix(args[0], "/")
	if c := Find(name); c != nil {
		return told(c.Usage() + "  " + c.Help), nil
	}
	return Outcome{}, unknown(name)
}

func helpLines() []string {
	width := 0
	for _, c := range All() {
		width = max(width, len(c.Usage()))
	}
	var lines []string
	for _, c := range All() {
		lines = append(lines, fmt.Sprintf("%-*s  %s", width, c.Usage(), c.Help))
	}
	return append(lines,
		`Names with spaces stand in quotes: "my server". A quote inside is written twice.`,
		"What is left out is asked for. A message that begins with / is written with two: //")
}

// Usage returns how the command is written: "/joinserver <server> <password>".
func (c *Command) Usage() string {
	words := []string{"/" + c.Name}
	for _, arg := range c.Args {
		form := "<%s>"
		if arg.Optional {
			form = "[%s]"
		}
		words = append(words, fmt.Sprintf(form, arg.Name))
	}
	return strings.Join(words, " ")
}
