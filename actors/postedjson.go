package actors

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// This file is how a posted event is written and read as JSON. It does so by hand: this is the hot
// path, and reflection was most of its cost.

// Append implements persistence.Value.
func (e *posted) Append(to []byte) []byte {
	to = append(to, `{"index":`...)
	to = strconv.AppendInt(to, e.Index, 10)
	to = appendText(append(to, `,"author":`...), e.Author)
	to = appendText(append(to, `,"message":`...), e.Text)
	to = strconv.AppendInt(append(to, `,"us":`...), e.Timestamp, 10)
	if e.Nonce != "" {
		to = appendText(append(to, `,"nonce":`...), e.Nonce)
	}
	return append(to, '}')
}

// decodePosted reads what Append made. JSON in any other form is decoded the slow way. author is
// the author of the message before: if it is the same one, the string is shared. as is data as a
// string, of which the texts become parts; with "" they become copies.
func decodePosted(data []byte, as, author string) (posted, error) {
	var e posted
	s := eventScanner{rest: data, as: as}
	s.literal(`{"index":`)
	e.Index = s.number()
	s.literal(`,"author":`)
	e.Author = s.text(author)
	s.literal(`,"message":`)
	e.Text = s.text("")
	s.literal(`,"us":`)
	e.Timestamp = s.number()
	if bytes.HasPrefix(s.rest, []byte(`,"nonce":`)) {
		s.literal(`,"nonce":`)
		e.Nonce = s.text("")
	}
	s.literal(`}`)
	if s.odd || len(s.rest) > 0 {
		return decode[posted](data)
	}
	return e, nil
}

// eventScanner reads JSON whose form is known. It sets odd if the form is another.
type eventScanner struct {
	rest []byte
	as   string // all of it, or ""
	odd  bool
}

func (s *eventScanner) literal(text string) {
	rest, found := bytes.CutPrefix(s.rest, []byte(text))
	s.rest, s.odd = rest, s.odd || !found
}

func (s *eventScanner) number() (n int64) {
	digits := 0
	for digits < len(s.rest) && s.rest[digits] >= '0' && s.rest[digits] <= '9' {
		n = 10*n + int64(s.rest[digits]-'0')
		digits++
	}
	s.odd = s.odd || digits == 0 || digits > 18 || digits > 1 && s.rest[0] == '0'
	s.rest = s.rest[digits:]
	return n
}

// text reads a string. If it equals same, same is returned instead of a copy.
func (s *eventScanner) text(same string) string {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		s.odd = true
		return ""
	}
	n := bytes.IndexByte(s.rest[1:], '"')
	if n < 0 || !verbatim(s.rest[1:1+n]) {
		return s.quoted()
	}
	text, begins := s.rest[1:1+n], len(s.as)-len(s.rest)+1
	s.rest = s.rest[2+n:]
	switch {
	case string(text) == same:
		return same
	case s.as != "":
		return s.as[begins : begins+n]
	}
	return string(text)
}

// verbatim tells whether text is ASCII without escapes and control characters. It looks at
// eight bytes at a time: a byte that is not ASCII has its highest bit set, and a control
// character gets it when a blank is subtracted.
func verbatim(text []byte) bool {
	const blanks, high = 0x2020202020202020, 0x8080808080808080
	var words uint64
	if bytes.IndexByte(text, '\\') >= 0 {
		return false
	}
	for ; len(text) >= 8; text = text[8:] {
		w := binary.LittleEndian.Uint64(text)
		words |= w | (w - blanks)
	}
	for _, c := range text {
		words |= uint64(c | (c - ' '))
	}
	return words&high == 0
}

// quoted reads a string that has escapes or is not ASCII.
func (s *eventScanner) quoted() string {
	end := 1
	for end < len(s.rest) && s.rest[end] != '"' {
		if s.rest[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end+1, len(s.rest))
	text, err := jsontext.AppendUnquote(nil, s.rest[:end])
	s.rest, s.odd = s.rest[end:], s.odd || err != nil
	return string(text)
}

func appendText(to []byte, text string) []byte {
	to, err := jsontext.AppendQuote(to, text)
	if err != nil {
		panic(err) // transport lets only valid UTF-8 through
	}
	return to
}
