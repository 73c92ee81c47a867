package commands

import (
	"strings"
	"unicode"
)

const stars = "***"

// Masked is a line as it may be shown: secrets that stand in it are replaced by
// stars. Where it is not certain what is a secret (an unclosed quote, a word too
// many, no known command), more is replaced, not less.
func Masked(line string) string {
	before, found := withoutSecrets(line)
	if !found {
		return line
	}
	return before + stars
}

// WithoutSecrets is a line as it may be kept: it ends before its first secret,
// so that entered again it asks for what is missing.
func WithoutSecrets(line string) string {
	before, found := withoutSecrets(line)
	if !found {
		return line
	}
	return strings.TrimRightFunc(before, unicode.IsSpace)
}

// withoutSecrets is what a line has before its secrets, if it has any.
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

// firstSecret is where in rest secrets may begin, or -1.
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
	for _, arg := range c.Args {
		if arg.Kind == Secret {
			return true
		}
	}
	return false
}
