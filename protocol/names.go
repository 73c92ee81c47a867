package protocol

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits on names and passwords.
const (
	MaxName     = 64   // characters of a name, after normalisation
	MaxPassword = 1024 // bytes of a password
	MaxNonce    = 64   // characters of a nonce
)

// CleanName returns a name in the form in which names are compared (Unicode NFC), and
// whether it may be the name of a user, server or channel: 1–64 characters; letters,
// digits, marks, punctuation, symbols and inner spaces; at least one of them visible.
func CleanName(name string) (string, bool) {
	const mostBytes = 1024 // a longer name cannot shrink to 64 characters; limits the work
	if name == "" || len(name) > mostBytes || !utf8.ValidString(name) {
		return "", false
	}
	name = norm.NFC.String(name)
	if name[0] == ' ' || name[len(name)-1] == ' ' {
		return "", false
	}
	count, visible := 0, false
	for _, r := range name {
		if count++; count > MaxName || !allowed(r) {
			return "", false
		}
		visible = visible || r != ' ' && !unicode.IsMark(r)
	}
	return name, visible
}

// Cleaned returns a name as CleanName does, or as it is if it cannot be a name.
func Cleaned(name string) string {
	if clean, valid := CleanName(name); valid {
		return clean
	}
	return name
}

// allowed reports whether a character may be part of a name. Categories that
// are left out (control, format, private, unassigned, separators) are refused.
func allowed(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	if unseen(r) {
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.P, unicode.S)
}

// unseen reports whether a character of an allowed category is invisible by itself:
// fillers, joiners, variation selectors, the blank braille pattern, the object
// placeholder.
func unseen(r rune) bool {
	return r == 0x2800 || r == 0xFFFC ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// ValidPassword reports whether a new password has 1 to 1024 bytes.
func ValidPassword(password string) bool {
	return password != "" && len(password) <= MaxPassword
}

// ValidNonce reports whether a nonce has at most 64 characters.
func ValidNonce(nonce string) bool { return utf8.RuneCountInString(nonce) <= MaxNonce }

// ValidImage reports whether an image is padded base64 of at most limit
// characters, and not empty.
func ValidImage(image string, limit int) bool {
	if image == "" || len(image) > limit || len(image)%4 != 0 {
		return false
	}
	body := image
	for range 2 {
		if body[len(body)-1] == '=' {
			body = body[:len(body)-1]
		}
	}
	for i := range len(body) {
		c := body[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}
