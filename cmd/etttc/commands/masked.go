package commands

import "strings"

const stars = "***"

// Masked is a line as it may be kept and shown: secrets that stand in it are
// replaced by stars. Where it is not certain what is a secret (an unclosed
// quote, a word too many, no known command), more is replaced, not less.
func Masked(line string) string {
	if !IsCommand(line) {
		return line
	}
	name, rest := head(line)
	if strings.TrimSpace(rest) == "" {
		return line
	}
	_, end := nameIn(line)
	c := Find(name)
	if c == nil {
		return line[:end] + " " + stars
	}
	if secret := firstSecret(c, rest); secret >= 0 {
		return line[:end+secret] + stars
	}
	return line
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
