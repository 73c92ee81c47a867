package visible

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The characters from which emoji and some scripts are made up; most are invisible.
const (
	nonJoiner  = '\u200C'
	joiner     = '\u200D'
	textStyle  = '\uFE0E'
	emojiStyle = '\uFE0F'
	keycap     = '\u20E3'
)

// mostJoined is how many parts an emoji may have; the longest in use is a family of four.
const mostJoined = 4

// emoji returns the length in bytes of the emoji that s begins with, or 0 if there is none.
// Invisible characters count only where they have a visible effect: ❤️ (style), 1️⃣ (keycap), 👩‍🚀
// (joined).
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

// keycapped returns the length in bytes of a digit, "#" or "*" that is shown as a key, or 0.
func keycapped(s string) int {
	const onKey = string(emojiStyle) + string(keycap)
	if strings.IndexByte("0123456789#*", s[0]) < 0 || !strings.HasPrefix(s[1:], onKey) {
		return 0
	}
	return 1 + len(onKey)
}

// part returns the length in bytes of one pictograph with its style or skin tone, or 0.
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

// pictograph reports whether a character may be an emoji. Nearly all emoji are in Unicode's class
// of other symbols (So).
func pictograph(r rune) bool {
	switch r {
	case '‼', '⁉', 'ℹ', '↔', '〰':
		return true
	case utf8.RuneError, '\uFFFC', '\u2800': // broken text, and characters that show nothing
		return false
	}
	return unicode.Is(unicode.So, r)
}

func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

func isJoiner(r rune) bool { return r == joiner || r == nonJoiner }

// joins reports whether a joiner between prev and rest has a visible effect: it changes the shape
// of the letters of these scripts.
func joins(prev rune, rest string) bool {
	next, _ := utf8.DecodeRuneInString(rest)
	return shaped(prev) && shaped(next) && Rune(next)
}

func shaped(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
		unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer)
}
