// Package crowd is many clients of a server in one goroutine. It needs so little of the
// machine that what is measured is the server. It waits for all its connections at once,
// sends requests that are encoded already, and looks at no more of a reply than it needs
// to know its kind. It works only on Linux.
package crowd

import (
	"bytes"
	"strconv"
)

// Kind is the kind of a reply.
type Kind int

// The kinds of replies.
const (
	Part   Kind = iota // the reply is not complete yet
	Answer             // answers the oldest request without an answer
	Push               // was not asked for
	Wrong              // anything else, such as a refusal
	Aside              // additional information, which is ignored
	Ping               // must be sent back as a PONG with the same words
)

// Scanner returns the length and the kind of the first reply in text.
type Scanner func(text []byte) (length int, kind Kind)

// Lines is the scanner for JSON objects that each end with a newline.
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

// IRC is the scanner for lines of an IRC server. Logging in, joining a channel and a PING
// are answered. A message is a push to those who get it.
func IRC(text []byte) (int, Kind) {
	end := bytes.IndexByte(text, '\n') + 1
	if end == 0 {
		return 0, Part
	}
	line := bytes.TrimRight(text[:end], "\r\n")
	if begins(line, ":") { // the prefix says who has sent it
		_, line, _ = bytes.Cut(line, []byte(" "))
	}
	word, _, _ := bytes.Cut(line, []byte(" "))
	return end, said(word)
}

// said is the kind of an IRC server's line, by its first word.
func said(word []byte) Kind {
	switch string(word) {
	case "PRIVMSG":
		return Push
	case "PONG", "366", "376", "422": // the end of a channel's names; the end of the greeting; there is no greeting
		return Answer
	case "PING":
		return Ping
	case "JOIN", "MODE", "NOTICE":
		return Aside
	}
	if len(word) == len("001") && word[0] >= '0' && word[0] <= '3' { // those that begin with 4 or 5 are refusals
		return Aside
	}
	return Wrong
}

// pong makes the answer to a PING.
func pong(ping []byte) []byte {
	_, words, _ := bytes.Cut(ping, []byte("PING"))
	return append([]byte("PONG"), words...)
}

// Redis is the scanner for replies of Redis, if they are a single word or text.
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
