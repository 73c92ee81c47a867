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
	Aside              // told besides; it is passed over
	Ping               // wants the same words back as a PONG
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

// IRC is the scanner of an IRC server's lines. Answered is who has logged in,
// has joined a channel or has sent a PING; a message is a push to whom it comes.
func IRC(text []byte) (int, Kind) {
	end := bytes.IndexByte(text, '\n') + 1
	if end == 0 {
		return 0, Part
	}
	line := bytes.TrimRight(text[:end], "\r\n")
	if begins(line, ":") { // who says it
		_, line, _ = bytes.Cut(line, []byte(" "))
	}
	word, _, _ := bytes.Cut(line, []byte(" "))
	return end, said(word)
}

// said is what an IRC server's line is, by its first word.
func said(word []byte) Kind {
	switch string(word) {
	case "PRIVMSG":
		return Push
	case "PONG", "366", "376", "422": // the ends of a channel's names and of a greeting, or there is no greeting
		return Answer
	case "PING":
		return Ping
	case "JOIN", "MODE", "NOTICE":
		return Aside
	}
	if len(word) == len("001") && word[0] >= '0' && word[0] <= '3' { // 4 and 5 are refusals
		return Aside
	}
	return Wrong
}

// pong answers a PING.
func pong(ping []byte) []byte {
	_, words, _ := bytes.Cut(ping, []byte("PING"))
	return append([]byte("PONG"), words...)
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
