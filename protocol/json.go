package protocol

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// This file appends JSON to a buffer. Every Append function returns the longer
// buffer, as append does; the values begin with a comma.

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = append(dst, s...)
	if !plain(dst[start:]) {
		dst = appendEscaped(dst[:start], s)
	}
	return append(dst, '"')
}

// plain tells whether all of b is ASCII that stands for itself in a JSON string. It
// looks at eight bytes at a time: the highest bit of each then says that it is not.
func plain(b []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	var found uint64
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		quote, slash := w^each*'"', w^each*'\\'
		found |= w | (w-each*' ')&^w | (quote-each)&^quote | (slash-each)&^slash
	}
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
		found |= uint64(c)
	}
	return found&high == 0
}

func appendEscaped(dst []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[done:i]...)
		dst = appendEscape(dst, c)
		i++
		done = i
	}
	return append(dst, s[done:]...)
}

// appendEscape appends a byte that cannot stand in a JSON string by itself.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c >= utf8.RuneSelf {
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// AppendText appends a string value. The name is a plain word.
func AppendText(dst []byte, name, value string) []byte {
	return AppendString(appendName(dst, name), value)
}

// AppendInt appends an integer value.
func AppendInt(dst []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendName(dst, name), value, 10)
}

// AppendTexts appends a list of strings.
func AppendTexts(dst []byte, name string, values []string) []byte {
	dst = BeginList(dst, name)
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, v)
	}
	return EndList(dst)
}

// BeginList opens a list; the caller appends its elements with commas between.
func BeginList(dst []byte, name string) []byte { return append(appendName(dst, name), '[') }

// EndList closes a list.
func EndList(dst []byte) []byte { return append(dst, ']') }

// appendTimestamp appends microseconds as seconds with six decimals.
func appendTimestamp(dst []byte, micro int64) []byte {
	dst = appendName(dst, "timestamp")
	if micro < 0 {
		dst = append(dst, '-')
		micro = -micro
	}
	dst = strconv.AppendInt(dst, micro/1e6, 10)
	point := len(dst)
	dst = strconv.AppendInt(dst, 1e6+micro%1e6, 10) // with its zeros
	dst[point] = '.'
	return dst
}
