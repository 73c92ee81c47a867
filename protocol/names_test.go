package protocol

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestCleanName(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "alice", "a": "a", "Ädam": "Ädam", "e\u0301": "é", "日本語": "日本語", "a b": "a b",
		"../../etc": "../../etc", "x!#$%&": "x!#$%&", "😀": "😀", "नमस्ते": "नमस्ते", "1": "1", ".": ".",
		strings.Repeat("x", 64):        strings.Repeat("x", 64),
		strings.Repeat("e\u0301", 64):  strings.Repeat("é", 64),
		strings.Repeat("😀", 64):        strings.Repeat("😀", 64),
		strings.Repeat("x", 65):        "",
		strings.Repeat("x", 1_000_000): "",
		"":                             "", " ": "", " a": "", "a ": "", "a\tb": "", "a\n": "", "\x00": "", "a\x7f": "", "a\u0085": "",
		"a\u00a0b": "", "a\u2003b": "", "a\u3000b": "", "a\u2028b": "", "a\u2029": "",
		"a\u200b": "", "a\u200db": "", "a\u202eb": "", "a\u2066b": "", "\ufeffa": "", "a\u00adb": "", "a\u061cb": "",
		"\u115f": "", "\u3164": "", "a\uffa0": "", "a\u034fb": "", "\u2764\ufe0f": "", "a\U000e0100": "", "a\u180b": "",
		"\u2800": "", "a\ufffc": "", "\ue000": "", "\U0010ffff": "", "a\u0378": "", "\U000e0041": "",
		"\u0301": "", "a\xff": "", "\xed\xa0\x80": "",
	} {
		got, ok := CleanName(name)
		if got != want || ok != (want != "") {
			if ok || want != "" {
				t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
			}
		}
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("alice")
	f.Add("e\u0301 \u200b")
	f.Fuzz(func(t *testing.T, name string) {
		clean, ok := CleanName(name)
		if !ok {
			return
		}
		again, ok := CleanName(clean)
		if !ok || again != clean || !norm.NFC.IsNormalString(clean) {
			t.Fatalf("%q becomes %q becomes %q", name, clean, again)
		}
		if n := utf8.RuneCountInString(clean); n < 1 || n > MaxName || strings.TrimSpace(clean) != clean {
			t.Fatalf("%q", clean)
		}
	})
}

func TestValidPassword(t *testing.T) {
	for n, want := range map[int]bool{0: false, 1: true, 1024: true, 1025: false} {
		if ValidPassword(strings.Repeat("x", n)) != want {
			t.Errorf("%d bytes", n)
		}
	}
}

func TestValidNonce(t *testing.T) {
	for n, want := range map[int]bool{0: true, 64: true, 65: false} {
		if ValidNonce(strings.Repeat("é", n)) != want {
			t.Errorf("%d characters", n)
		}
	}
}

func TestValidImage(t *testing.T) {
	for n := 1; n < 20; n++ {
		image := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff\x3e", n)))
		if !ValidImage(image, len(image)) || ValidImage(image, len(image)-1) {
			t.Errorf("%q", image)
		}
	}
	for _, bad := range []string{"", "a", "aGk", "aGk= ", "aG\nk", "====", "a===", "aG=k", "aGk-", "é12"} {
		if ValidImage(bad, 100) {
			t.Errorf("%q", bad)
		}
	}
}
