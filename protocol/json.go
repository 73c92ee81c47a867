package protocol

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// This file appends JSON to a buffer. Every Append function returns the longer buffer, as
// append does. Those for values begin with a comma.

const hex = "0123456789abcdef"

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = append(dst, s...)
	if !plain(dst[start:]) {
		dst = appendEscaped(dst[:start], s)
	}
	return append(dst, '"')
}

// plain tells whether all of b is ASCII that needs no escape in a JSON string. It looks at
// eight bytes at a time; at the end, the last eight may overlap those before.
func plain(b []byte) bool {
	if len(b) < 8 {
		w := uint64(each * ' ')
		for _, c := range b {
			w = w<<8 | uint64(c)
		}
		return odd(w)&high == 0
	}
	found := odd(binary.LittleEndian.Uint64(b[len(b)-8:]))
	for rest := b; len(rest) >= 8; rest = rest[8:] {
		found |= odd(binary.LittleEndian.Uint64(rest))
	}
	return found&high == 0
}

// Words of eight bytes: with the lowest, and with the highest bit of each byte set.
const each, high = 0x0101010101010101, 0x8080808080808080

// odd has the highest bit of some byte set if one of w does not stand for itself: what is
// subtracted is less than a byte that does, so that none borrows of the next.
func odd(w uint64) uint64 {
	return w | (w - each*' ') | ((w ^ each*'"') - each) | ((w ^ each*'\\') - each)
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

// appendEscape appends a byte that needs an escape in a JSON string.
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
	return appendString(appendName(dst, name), value)
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
		dst = appendString(dst, v)
	}
	return EndList(dst)
}

// BeginList opens a list; the caller appends its elements with commas between.
func BeginList(dst []byte, name string) []byte { return append(appendName(dst, name), '[') }

// EndList closes a list.
func EndList(dst []byte) []byte { return append(dst, ']') }

// appendTimestamp appends microseconds as seconds with six decimals. Every message has one, so
// it is made fast: the digits are written in pairs, from a table.
func appendTimestamp(dst []byte, micro int64) []byte {
	dst = append(dst, `,"timestamp":`...)
	if micro < 0 {
		dst = append(dst, '-')
		micro = -micro
	}
	seconds, rest := uint64(micro)/1e6, uint64(micro)%1e6 //nolint:gosec // it is not negative, or its bits are right
	dst = appendSeconds(dst, seconds)
	a, b, c := pairs[rest/1e4], pairs[rest/100%100], pairs[rest%100]
	return append(dst, '.', a[0], a[1], b[0], b[1], c[0], c[1])
}

func appendSeconds(dst []byte, n uint64) []byte {
	if n < 1e9 || n >= 1e10 { // before 2001, after 2286
		return strconv.AppendUint(dst, n, 10)
	}
	a, b, c, d, e := pairs[n/1e8], pairs[n/1e6%100], pairs[n/1e4%100], pairs[n/100%100], pairs[n%100]
	return append(dst, a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1], e[0], e[1])
}

// pairs is "00" to "99".
var pairs = func() (all [100][2]byte) {
	for i := range all {
		all[i] = [2]byte{byte('0' + i/10), byte('0' + i%10)}
	}
	return all
}()
