package commands

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse finds the command of a line such as `/joinserver "my server" secret`
// and its arguments. Words are separated by spaces, quotes hold them together,
// and a command of one argument takes the rest of the line. What is no command
// is an error that a person understands.
func Parse(line string) (*Command, []string, error) {
	if !IsCommand(line) {
		return nil, nil, usage("commands begin with /, try /help")
	}
	name, rest := head(line)
	c := Find(name)
	if c == nil {
		return nil, nil, unknown(name)
	}
	if len(c.Args) == 1 {
		return c, restOfLine(rest), nil
	}
	found, err := words(rest)
	if err != nil {
		return nil, nil, err
	}
	if len(found) > len(c.Args) {
		return nil, nil, tooMany(c)
	}
	args := make([]string, len(found))
	for i, w := range found {
		args[i] = w.text
	}
	return c, args, nil
}

// Moves reports whether a command line leads elsewhere, or was meant to: it may
// have a slip in it.
func Moves(line string) bool {
	name, _ := head(line)
	c := Find(name)
	if c == nil {
		c = Find(nearest(name))
	}
	return c != nil && c.Moves
}

// head cuts a command line into the command's name and what follows it.
func head(line string) (name, rest string) {
	slash, end := nameIn(line)
	return line[slash+1 : end], line[end:]
}

// nameIn is where in a command line the slash is and where the name ends.
func nameIn(line string) (slash, end int) {
	slash = strings.Index(line, "/")
	if space := strings.IndexFunc(line[slash:], unicode.IsSpace); space >= 0 {
		return slash, slash + space
	}
	return slash, len(line)
}

func tooMany(c *Command) error {
	if len(c.Args) == 0 {
		return usage("/%s takes no arguments", c.Name)
	}
	return usage(`too many words for %s, quotes hold words together: "my server"`, c.Usage())
}

// restOfLine is the one argument of a command, if it is there; quotes around
// all of it go.
func restOfLine(rest string) []string {
	rest = strings.TrimSpace(rest)
	if rest == "" {
		return nil
	}
	if found, err := words(rest); err == nil && len(found) == 1 {
		return []string{found[0].text}
	}
	return []string{rest}
}

// word is one word of a line and where in the line it begins.
type word struct {
	text  string
	start int
}

// words splits at white space. A quote at a word's beginning holds words
// together up to the next one of its kind; inside, a doubled one is itself.
// With an error, the last word is the one that has it.
func words(s string) ([]word, error) {
	var found []word
	for i := skipSpace(s, 0); i < len(s); i = skipSpace(s, i) {
		text, end, err := nextWord(s[i:])
		found = append(found, word{text, i})
		if err != nil {
			return found, err
		}
		i += end
	}
	return found, nil
}

func skipSpace(s string, i int) int {
	return len(s) - len(strings.TrimLeftFunc(s[i:], unicode.IsSpace))
}

// nextWord is the word that s begins with, and where it ends.
func nextWord(s string) (text string, end int, err error) {
	if !isQuote(s[0]) {
		if end = strings.IndexFunc(s, unicode.IsSpace); end < 0 {
			end = len(s)
		}
		return s[:end], end, nil
	}
	quote := s[:1]
	var b strings.Builder
	for rest := s[1:]; ; {
		before, after, closed := strings.Cut(rest, quote)
		b.WriteString(before)
		if !closed {
			return b.String(), len(s), usage("a %s is not closed", quote)
		}
		if !strings.HasPrefix(after, quote) {
			return b.String(), len(s) - len(after), afterQuote(after, quote)
		}
		b.WriteString(quote)
		rest = after[1:]
	}
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// afterQuote wants white space, or the end, after a closing quote.
func afterQuote(after, quote string) error {
	r, _ := utf8.DecodeRuneInString(after)
	if after == "" || unicode.IsSpace(r) {
		return nil
	}
	return usage("a space is missing after the closing %s", quote)
}

// quoted is a name as it is written in a command line.
func quoted(name string) string {
	plain := name != "" && !isQuote(name[0]) && strings.IndexFunc(name, unicode.IsSpace) < 0
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
