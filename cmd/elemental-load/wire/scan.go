package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A frame is one JSON object of the stream. The original provider ends them with
// nothing, so their ends are found by counting braces outside of strings.
// protocol.IncomingReader does the same; this takes two fifths of its time for a
// push and allocates nothing (BenchmarkPush), which tells with 100,000 of them a second.

// scanner finds the ends of frames in a buffer that grows at its end.
type scanner struct {
	at     int // what was looked at
	depth  int
	inText bool
	escape bool
}

// next looks on in buf and gives the end of the first frame, or 0 if it is not
// all there yet. White space before it is a part of it.
func (s *scanner) next(buf []byte) (end int) {
	for s.at < len(buf) {
		if s.inText {
			s.text(buf)
			continue
		}
		c := buf[s.at]
		s.at++
		switch c {
		case '"':
			s.inText = true
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth--; s.depth <= 0 {
				end, s.at, s.depth = s.at, 0, 0
				return end
			}
		}
	}
	return 0
}

// text goes on behind the string that it is in, or to the end of buf.
func (s *scanner) text(buf []byte) {
	if s.escape {
		s.at++
		s.escape = false
	}
	n := stop(buf[s.at:])
	if n < 0 {
		s.at = len(buf)
		return
	}
	s.at += n + 1
	s.inText, s.escape = buf[s.at-1] != '"', buf[s.at-1] == '\\'
}

// stop is where the first quote or backslash is, below 0 if there is none.
func stop(b []byte) int {
	quote := bytes.IndexByte(b, '"')
	if quote >= 0 {
		b = b[:quote]
	}
	if escape := bytes.IndexByte(b, '\\'); escape >= 0 {
		return escape
	}
	return quote
}

// members walks over the members of an object. Values are raw JSON.
type members struct {
	rest       []byte
	key, value []byte
}

// membersOf starts before the first member. What is no object has none.
func membersOf(frame []byte) members {
	for i, c := range frame {
		if c == '{' {
			return members{rest: frame[i+1:]}
		}
	}
	return members{}
}

// next goes to the next member; false at the end, and at what is no JSON.
func (m *members) next() bool {
	m.rest = skip(m.rest, ',')
	if len(m.rest) == 0 || m.rest[0] != '"' {
		return false
	}
	n := textEnd(m.rest)
	if n < 2 {
		return false
	}
	m.key, m.rest = m.rest[1:n-1], skip(m.rest[n:], ':')
	n = valueEnd(m.rest)
	m.value, m.rest = m.rest[:n], m.rest[n:]
	return n > 0
}

// elements calls each for the elements of an array.
func elements(array []byte, each func(value []byte)) {
	if len(array) == 0 || array[0] != '[' {
		return
	}
	for rest := array[1:]; ; {
		rest = skip(rest, ',')
		n := valueEnd(rest)
		if n == 0 {
			return
		}
		each(rest[:n])
		rest = rest[n:]
	}
}

// skip goes past white space and the separator.
func skip(b []byte, separator byte) []byte {
	for i, c := range b {
		if c > ' ' && c != separator {
			return b[i:]
		}
	}
	return nil
}

// textEnd is where the string that b begins with ends, 0 if it does not.
func textEnd(b []byte) int {
	for at := 1; at < len(b); {
		n := stop(b[at:])
		if n < 0 {
			break
		}
		at += n + 1
		if b[at-1] == '"' {
			return at
		}
		at++ // what is escaped
	}
	return 0
}

// valueEnd is where the value that b begins with ends, 0 if there is none.
func valueEnd(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"':
		return textEnd(b)
	case '{', '[':
		var s scanner
		return s.next(b)
	}
	for i, c := range b {
		if c == ',' || c == '}' || c == ']' || c <= ' ' {
			return i
		}
	}
	return len(b)
}

// text is the contents of a raw string: a part of it, unless it has escapes.
func text(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return []byte(s)
}

// number is a raw integer; -1 for what is none.
func number(raw []byte) int64 {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
