package protocol

import (
	"strconv"
	"unicode/utf8"
)

// This file appends JSON to a buffer. Every Append function returns the longer
// buffer, as append does; the values begin with a comma.

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
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
	return append(append(dst, s[done:]...), '"')
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
	dst = append(dst, '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+micro/unit%10))
	}
	return dst
}
