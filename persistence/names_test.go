package persistence

import (
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNamesStayReadable(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{[]string{"users", "alice"}, "users/alice"},
		{[]string{"servers", "gophers", "channels", "general", "17"}, "servers/gophers/channels/general/17"},
		{[]string{"users", "Alice"}, "users/%41lice"},
		{[]string{"users", ".."}, "users/%2e%2e"},
		{[]string{"users", ""}, "users/%"},
		{[]string{"users", "con"}, "users/%63on"},
		{[]string{"users", "lpt1"}, "users/%6cpt1"},
		{[]string{"users", "a/b"}, "users/a%2fb"},
		{[]string{"users", "a%2Fb"}, "users/a%252%46b"},
		{[]string{"users", "state.json"}, "users/state%2ejson"},
		{[]string{"journal"}, "%6aournal"},
		{[]string{"users", "é"}, "users/%c3%a9"},
	} {
		if got := streamDir(StreamOf(c.parts...)); got != c.want {
			t.Errorf("%q is kept in %s, want %s", c.parts, got, c.want)
		}
	}
}

// TestNamesNeverCollide makes names out of what is dangerous.
func TestNamesNeverCollide(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "A", "b", "%", "%%", "%2f", "%2F", "/", "\\", ".", "..", "con", "nul", "com1", "info", "journal", " ", "é", "\x00", "\xff",
		"state.json", "pages.d", "%hash", "", ":", "*", strings.Repeat("x", 90), strings.Repeat("Ü", 40)}
	seen := make(map[string]Stream)
	for range long(20_000, 2_000_000) {
		var s Stream
		if rng.IntN(4) == 0 { // not made by StreamOf
			s = Stream(pieces[rng.IntN(len(pieces))] + pieces[rng.IntN(len(pieces))] + pieces[rng.IntN(len(pieces))])
		} else {
			var parts []string
			for range 1 + rng.IntN(4) {
				parts = append(parts, pieces[rng.IntN(len(pieces))]+pieces[rng.IntN(len(pieces))]+pieces[rng.IntN(len(pieces))])
			}
			if s = StreamOf(parts...); !slices.Equal(s.Parts(), parts) {
				t.Fatalf("%q is of %q, and of %q", s, parts, s.Parts())
			}
		}
		dir := streamDir(s)
		if other, ok := seen[strings.ToLower(dir)]; ok && other != s {
			t.Fatalf("%q and %q are both kept in %s", s, other, dir)
		}
		seen[strings.ToLower(dir)] = s
		checkSafe(t, s, dir)
	}
}

func checkSafe(t *testing.T, s Stream, dir string) {
	t.Helper()
	if path.Clean(dir) != dir || path.IsAbs(dir) || len(dir) > maxPath || !utf8.ValidString(dir) {
		t.Fatalf("%q is kept in %q", s, dir)
	}
	for segment := range strings.SplitSeq(dir, "/") {
		if segment == "" || len(segment) > maxSegment || isReserved(segment) || strings.ContainsAny(segment, ". \\:*\x00") {
			t.Fatalf("%q is kept in %q", s, dir)
		}
	}
}
