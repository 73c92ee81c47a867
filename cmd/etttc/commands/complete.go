package commands

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"elemental/client/visible"
)

// Names are the names that completion can offer.
type Names struct{ Servers, Channels, Members []string }

// Complete returns the candidates for the word that ends at the cursor, which is a byte offset,
// and where that word begins. In a command the candidates are commands and then arguments of the
// right kind; in a message they are members. A candidate is to replace line[start:cursor]. A name
// with spaces comes in quotes.
func Complete(line string, cursor int, known Names) (start int, candidates []string) {
	before := line[:max(0, min(cursor, len(line)))]
	if !IsCommand(before) {
		return completeMember(before, known)
	}
	slash, end := nameIn(before)
	if end == len(before) {
		return slash, commandNames("/", before[slash+1:])
	}
	c := Find(before[slash+1 : end])
	if c == nil {
		return len(before), nil
	}
	return completeArg(c, before, end, known)
}

// completeArg completes the argument at the end of before. The arguments begin at byte offset
// from.
func completeArg(c *Command, before string, from int, known Names) (int, []string) {
	index, w := argAt(c, before[from:])
	start := from + w.start
	if index >= len(c.Args) {
		return start, nil
	}
	switch c.Args[index].Kind {
	case Server:
		return start, matching(known.Servers, w.text, quoted)
	case Channel:
		return start, matching(known.Channels, w.text, quoted)
	case Topic:
		return start, commandNames("", strings.TrimPrefix(w.text, "/"))
	}
	return start, nil
}

// argAt returns the number of the argument at the end of rest, and the part of it that is there.
func argAt(c *Command, rest string) (int, word) {
	found, err := words(rest)
	last := len(found) - 1
	if len(c.Args) == 1 && last >= 0 && (last > 0 || !isQuote(rest[found[0].start])) {
		start := found[0].start // without quotes the only argument is all of the rest
		return 0, word{rest[start:], start}
	}
	if err != nil || last >= 0 && !endsInSpace(rest) {
		return last, found[last]
	}
	return last + 1, word{"", len(rest)}
}

// completeMember completes the name of a member in a message, also after an "@".
func completeMember(before string, known Names) (int, []string) {
	start := 0
	if space := strings.LastIndexFunc(before, unicode.IsSpace); space >= 0 {
		_, size := utf8.DecodeRuneInString(before[space:])
		start = space + size
	}
	partial, at := before[start:], ""
	if strings.HasPrefix(partial, "@") {
		partial, at = partial[1:], "@"
	}
	if partial == "" && at == "" {
		return start, nil
	}
	return start, matching(known.Members, partial, func(name string) string { return at + name })
}

func commandNames(slash, partial string) []string {
	var names []string
	for _, c := range All() {
		names = append(names, c.Name)
	}
	return matching(names, partial, func(name string) string { return slash + name })
}

// matching returns the names that begin with partial, in upper or lower case, each in the form
// that written gives it. Names that cannot be shown as they are are left out, since they cannot
// be typed either.
func matching(names []string, partial string, written func(string) string) []string {
	var found []string
	for _, name := range names {
		if strings.HasPrefix(strings.ToLower(name), strings.ToLower(partial)) && visible.Line(name) == name {
			found = append(found, written(name))
		}
	}
	return found
}

func endsInSpace(s string) bool { return strings.TrimRightFunc(s, unicode.IsSpace) != s }
