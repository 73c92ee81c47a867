package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A frame is one JSON object of the stream. The original provider puts nothing between
// frames, so the end of one is found by counting braces outside of strings.
// protocol.IncomingReader does the same. The code here takes two fifths of its time for a
// push and allocates nothing (see BenchmarkPush), which matters at 100,000 pushes a
// second.

// scanner finds the ends of frames in a buffer to which data is appended.
type scanner struct {
	at     int // how much of the buffer was looked at
	depth  int
	inText bool
	escape bool
}

// next continues in buf and returns the end of the first frame, or 0 if the frame is not
// complete. White space before a frame belongs to it.
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

// text continues to the end of the current string, or to the end of buf.
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

// stop is the index of the first quote or backslash; negative if there is none.
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

// members walks over the members of a JSON object. Values are raw JSON.
type members struct {
	rest       []byte
	key, value []byte
}

// membersOf starts before the first member. If frame is no object, there are none.
func membersOf(frame []byte) members {
	for i, c := range frame {
		if c == '{' {
			return members{rest: frame[i+1:]}
		}
	}
	return members{}
}

// next goes to the next member. It returns false at the end, or if the JSON is invalid.
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

// elements calls each for every element of an array.
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

// skip drops white space and separators from the beginning.
func skip(b []byte, separator byte) []byte {
	for i, c := range b {
		if c > ' ' && c != separator {
			return b[i:]
		}
	}
	return nil
}

// textEnd is the end of the string at the beginning of b; 0 if it has no end.
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
		at++ // the escaped character
	}
	return 0
}

// valueEnd is the end of the value at the beginning of b; 0 if there is none.
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

// text is the content of a raw string. It is a part of raw, unless there are escapes.
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

// number is the value of a raw integer; -1 if it is none.
func number(raw []byte) int64 {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
