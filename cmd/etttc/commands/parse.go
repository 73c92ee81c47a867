package commands

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse returns the command and the arguments of a line such as `/joinserver "my server" secret`.
// Words are separated by white space, and quotes hold words together. A command with only one
// argument takes the whole rest of the line. The error is one that a person understands.
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

// Moves reports whether a command line leads to another place, or was meant to: a mistyped name
// counts as the command that it resembles.
func Moves(line string) bool {
	name, _ := head(line)
	c := Find(name)
	if c == nil {
		c = Find(nearest(name))
	}
	return c != nil && c.Moves
}

// head splits a command line into the command's name and what follows it.
func head(line string) (name, rest string) {
	slash, end := nameIn(line)
	return line[slash+1 : end], line[end:]
}

// nameIn returns the byte offsets in a command line of its slash and of the end of the name.
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

// restOfLine returns the only argument of a command, if there is one. Quotes around all of it are
// removed.
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

// word is a word of a line, and the byte offset at which it begins.
type word struct {
	text  string
	start int
}

// words splits s at white space. A quote at the beginning of a word holds everything together up
// to the next quote of its kind; inside, a doubled quote stands for one. If there is an error, it
// is about the last word.
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

// nextWord returns the word that s begins with, and the byte offset of its end.
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

// afterQuote returns an error unless white space or the end follows a closing quote.
func afterQuote(after, quote string) error {
	r, _ := utf8.DecodeRuneInString(after)
	if after == "" || unicode.IsSpace(r) {
		return nil
	}
	return usage("a space is missing after the closing %s", quote)
}

// quoted returns a name as it has to be written in a command line, in quotes if need be.
func quoted(name string) string {
	plain := name != "" && !isQuote(name[0]) && strings.IndexFunc(name, unicode.IsSpace) < 0
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
