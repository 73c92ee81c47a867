package visible

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The invisible characters that some text needs to be itself.
const (
	nonJoiner  = '\u200C'
	joiner     = '\u200D'
	textStyle  = '\uFE0E'
	emojiStyle = '\uFE0F'
	keycap     = '\u20E3'
)

// mostJoined bounds the parts of an emoji; a family of four is the longest in use.
const mostJoined = 4

// emoji is the length in bytes of an emoji at the start of s that holds
// invisible characters at places where these have an effect to be seen, else 0:
// ❤️ (style), 1️⃣ (keycap), 👩‍🚀 (joined).
func emoji(s string) int {
	first, _ := utf8.DecodeRuneInString(s)
	if first < utf8.RuneSelf {
		return keycapped(s)
	}
	end := part(s)
	if end == 0 {
		return 0
	}
	for range mostJoined - 1 {
		r, size := utf8.DecodeRuneInString(s[end:])
		more := part(s[end+size:])
		if r != joiner || more == 0 {
			break
		}
		end += size + more
	}
	return end
}

// keycapped is the length of a digit, "#" or "*" on a key, else 0.
func keycapped(s string) int {
	const onKey = string(emojiStyle) + string(keycap)
	if strings.IndexByte("0123456789#*", s[0]) < 0 || !strings.HasPrefix(s[1:], onKey) {
		return 0
	}
	return 1 + len(onKey)
}

// part is the length of one pictograph with its style or skin tone, else 0.
func part(s string) int {
	r, size := utf8.DecodeRuneInString(s)
	if !pictograph(r) {
		return 0
	}
	next, more := utf8.DecodeRuneInString(s[size:])
	if next == textStyle || next == emojiStyle || isSkinTone(next) {
		return size + more
	}
	return size
}

// pictograph reports whether a character may be an emoji. All are symbols but a few.
func pictograph(r rune) bool {
	switch r {
	case '‼', '⁉', 'ℹ', '↔', '〰':
		return true
	case utf8.RuneError, '\uFFFC', '\u2800': // what is broken, and what shows nothing
		return false
	}
	return unicode.Is(unicode.So, r)
}

func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

func isJoiner(r rune) bool { return r == joiner || r == nonJoiner }

// joins reports whether a joiner between prev and rest has an effect to be
// seen: the letters of these scripts take another shape by it.
func joins(prev rune, rest string) bool {
	next, _ := utf8.DecodeRuneInString(rest)
	return shaped(prev) && shaped(next) && Rune(next)
}

func shaped(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
		unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer)
}
