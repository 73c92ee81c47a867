package visible

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestShown(t *testing.T) {
	for _, c := range []struct{ what, text, line string }{
		{"a colour", "\x1b[31mred", "␛[31mred"},
		{"a window title", "\x1b]0;mine\a", "␛]0;mine␇"},
		{"an eight-bit sequence", "\u009b2J", "‹U+009B›2J"},
		{"overwriting", "seen\rhidden\b", "seen␍hidden␈"},
		{"delete", "a\x7f", "a␡"},
		{"null", "a\x00b", "a␀b"},
		{"a line break", "one\ntwo\r\nthree", "one⏎two⏎three"},
		{"other line breaks", "a\v\f\u0085\u2028\u2029b", "a␋␌‹U+0085›‹U+2028›‹U+2029›b"},
		{"a tab", "a\tb", "a␉b"},
		{"a bidirectional override", "user\u202egnp.exe", "user‹U+202E›gnp.exe"},
		{"bidirectional marks and isolates", "\u200e\u200f\u061c\u2066\u2069", "‹U+200E›‹U+200F›‹U+061C›‹U+2066›‹U+2069›"},
		{"zero width", "ad\u200bmin\ufeff\u2060", "ad‹U+200B›min‹U+FEFF›‹U+2060›"},
		{"fillers", "\u115f\u3164\uffa0\u17b4", "‹U+115F›‹U+3164›‹U+FFA0›‹U+17B4›"},
		{"a tag", "x\U000E0041", "x‹U+E0041›"},
		{"a selector after a letter", "a\ufe0fb\U000E0100", "a‹U+FE0F›b‹U+E0100›"},
		{"a joiner between letters", "ad\u200dmin", "ad‹U+200D›min"},
		{"private use, which Kitty takes for images", "\U0010EEEE", "‹U+10EEEE›"},
		{"unassigned", "\u0378", "‹U+0378›"},
		{"broken UTF-8", "a\xffb\xed\xa0\x80", "a\uFFFDb\uFFFD\uFFFD\uFFFD"},
		{"a broken end", "a\xe2\x82", "a\uFFFD\uFFFD"},
		{"marks without a letter", "\u0301a \u0302", "◌\u0301a ◌\u0302"},
		{"many marks", "z" + strings.Repeat("\u0300", 100) + "!", "z\u0300\u0300\u0300\u0300‹96 more marks›!"},
		{"many marks at the end", "z" + strings.Repeat("\u0300", 5), "z\u0300\u0300\u0300\u0300‹1 more mark›"},
		{"a joiner without a second part", "👩\u200d", "👩‹U+200D›"},
		{"an endless emoji", strings.Repeat("👩\u200d", 4) + "👩", "👩\u200d👩\u200d👩\u200d👩‹U+200D›👩"},
	} {
		if got := Line(c.text); got != c.line {
			t.Errorf("%s: Line(%+q) is %q, want %q", c.what, c.text, got, c.line)
		}
	}
}

func TestTextKeepsLineBreaks(t *testing.T) {
	if got, want := Text("one\n\ttwo\r\nthree\x1b\n"), "one\n    two\nthree␛\n"; got != want {
		t.Errorf("Text is %q, want %q", got, want)
	}
}

// Ordinary text stays as it was written.
func TestUnchanged(t *testing.T) {
	for _, text := range []string{
		"", "hello, world", "Grüße, naïve café", "e\u0301te\u0301", "日本語 の 文章", "한국어", "Привет", "שלום", "مرحبا",
		"می\u200cخواهم", "क्\u200dष", "நன்றி", "สวัสดีที่นี่", "été\u00a0: «\u202foui\u202f»",
		"👍 🎉 ❤️ ☺︎ ℹ️ ‼️ 1️⃣ #️⃣ *️⃣ 🇩🇪 👋🏽 👩‍🚀 🏳️‍🌈 👨‍👩‍👧‍👦 👩🏻‍❤️‍💋‍👨🏽",
		"x² ≤ ½ → ∞ €", "‹U+202E›", "␛[31m", "⠓⠑⠇⠇⠕",
	} {
		if got := Line(text); got != text {
			t.Errorf("Line(%+q) is %+q", text, got)
		}
		if got := Text(text); got != text {
			t.Errorf("Text(%+q) is %+q", text, got)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, seed := range []string{"hello", "\x1b[31m", "a\u202e\u0301\u0301\u0301\u0301\u0301", "👩\u200d🚀", "1\ufe0f\u20e3", "می\u200cخواهم", "\xff\xfe", "\n\r\t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, text := Line(s), Text(s)
		checkHarmless(t, line)
		checkHarmless(t, strings.ReplaceAll(text, "\n", ""))
		if again := Line(line); again != line {
			t.Errorf("Line(%+q) is %+q, and that again %+q", s, line, again)
		}
		if again := Text(text); again != text {
			t.Errorf("Text(%+q) is %+q, and that again %+q", s, text, again)
		}
		if strings.Count(text, "\n") != strings.Count(s, "\n") {
			t.Errorf("Text(%+q) is %+q: other lines", s, text)
		}
	})
}

// checkHarmless fails if a text has anything that a terminal must never get. It judges by rules of
// its own, not by those of the package.
func checkHarmless(t *testing.T, shown string) {
	t.Helper()
	if !utf8.ValidString(shown) {
		t.Fatalf("%q is no UTF-8", shown)
	}
	marks := 0
	all := []rune(shown)
	for i, r := range all {
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		switch {
		case marks > mostMarks+1: // one may be an emoji's style
			t.Fatalf("%+q: too many marks at %d", shown, i)
		case r == '\u200c' || r == '\u200d' || r == '\ufe0e' || r == '\ufe0f':
			if i == 0 || all[i-1] < 0x80 && !strings.ContainsRune("0123456789#*", all[i-1]) {
				t.Fatalf("%+q: %U at %d has no effect", shown, r, i)
			}
		case r < ' ', r >= 0x7f && r <= 0x9f, r == '\u2028', r == '\u2029',
			unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r),
			unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r),
			unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Variation_Selector, r):
			t.Fatalf("%+q: %U at %d", shown, r, i)
		}
	}
}

func BenchmarkPlainText(b *testing.B) {
	text := strings.Repeat("hello, world ", 20)
	for b.Loop() {
		Text(text)
	}
}
