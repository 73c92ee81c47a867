package commands

import (
	"slices"
	"strings"
	"unicode"
)

const stars = "***"

// Masked returns a line as it may be shown: from its first secret on it is replaced by stars. If
// it is not certain what is a secret (an unclosed quote, too many words, an unknown command),
// more is replaced rather than less.
func Masked(line string) string {
	before, found := withoutSecrets(line)
	if !found {
		return line
	}
	return before + stars
}

// WithoutSecrets returns a line as it may be kept: it ends before its first secret. Entered
// again, it asks for what is missing.
func WithoutSecrets(line string) string {
	before, found := withoutSecrets(line)
	if !found {
		return line
	}
	return strings.TrimRightFunc(before, unicode.IsSpace)
}

// withoutSecrets returns the part of a line before its secrets, and whether it has any.
func withoutSecrets(line string) (before string, found bool) {
	if !IsCommand(line) {
		return line, false
	}
	name, rest := head(line)
	if strings.TrimSpace(rest) == "" {
		return line, false
	}
	_, end := nameIn(line)
	c := Find(name)
	if c == nil {
		return line[:end] + " ", true
	}
	if secret := firstSecret(c, rest); secret >= 0 {
		return line[:end+secret], true
	}
	return line, false
}

// firstSecret returns the byte offset in rest at which secrets may begin, or -1.
func firstSecret(c *Command, rest string) int {
	found, err := words(rest)
	for i, arg := range c.Args {
		broken := err != nil && i == len(found)-1 && hasSecret(c)
		if i < len(found) && (arg.Kind == Secret || broken) {
			return found[i].start
		}
	}
	return -1
}

func hasSecret(c *Command) bool {
	return slices.ContainsFunc(c.Args, func(arg Arg) bool { return arg.Kind == Secret })
}
