// Package crowd is many clients of a server in one goroutine: it costs the
// machine so little that what is measured is the server. It waits for all its
// connections at once, sends requests that are ready-made, and looks at no more
// of a reply than tells what it is. It runs on Linux alone.
package crowd

import (
	"bytes"
	"strconv"
)

// Kind is what a reply is.
type Kind int

// The kinds of replies.
const (
	Part   Kind = iota // not all of it is there yet
	Answer             // to the oldest request that has none
	Push               // sent without being asked for
	Wrong              // anything else, such as a refusal
)

// Scanner tells how long the first reply in text is, and what it is.
type Scanner func(text []byte) (length int, kind Kind)

// Lines is the scanner of JSON objects that end with a newline each.
func Lines(text []byte) (int, Kind) {
	end := bytes.IndexByte(text, '\n') + 1
	if end == 0 {
		return 0, Part
	}
	line := text[:end]
	switch {
	case begins(line, `{"resp":true`), begins(line, `{"resp": true`):
		return end, Answer
	case begins(line, `{"call":"newmessage"`), begins(line, `{"call": "newmessage"`):
		return end, Push
	}
	return end, Wrong
}

func begins(line []byte, with string) bool {
	return len(line) >= len(with) && string(line[:len(with)]) == with
}

// Redis is the scanner of Redis' replies, as far as they are a word or a text.
func Redis(text []byte) (int, Kind) {
	head := bytes.IndexByte(text, '\n') + 1
	switch {
	case head == 0:
		return 0, Part
	case text[0] == '+' || text[0] == ':':
		return head, Answer
	case text[0] != '$':
		return head, Wrong
	}
	size, err := strconv.Atoi(string(bytes.TrimSpace(text[1:head])))
	switch {
	case err != nil || size < 0:
		return head, Wrong
	case len(text) < head+size+2:
		return 0, Part
	}
	return head + size + 2, Answer
}
