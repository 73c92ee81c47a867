package screen

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestTextIsWrappedBetweenWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"short", []string{"short"}},
		{"two words here", []string{"two words", "here"}},
		{"exactly 10 columns", []string{"exactly 10", "columns"}},
		{"a line\nand another", []string{"a line", "and", "another"}},
		{"\n\nx", []string{"", "", "x"}},
		{"  indented text", []string{"  indented", "text"}},
		{"see averyveryverylongword", []string{"see averyv", "eryverylon", "gword"}},
		{"spaces          at the end   ", []string{"spaces", "at the end"}},
		{"日本語のテキスト", []string{"日本語のテ", "キスト"}},
		{"a日本語のテキスト", []string{"a日本語の", "テキスト"}},
		{"e\u0301e\u0301e\u0301e\u0301e\u0301 e\u0301e\u0301e\u0301e\u0301e\u0301", []string{"e\u0301e\u0301e\u0301e\u0301e\u0301", "e\u0301e\u0301e\u0301e\u0301e\u0301"}},
	} {
		if got := (cells{ansi.GraphemeWidth}).wrap(c.text, 10); !slices.Equal(got, c.want) {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}

// For any text, no row is too wide, and all of the text but spaces and line breaks is there, in
// order.
func TestWrappingLosesNothing(t *testing.T) {
	parts := []string{"a", "word", " ", "  ", "\n", "日本", "👩‍🚀", "e\u0301", "🇩🇪", "verylongwordwithoutend", "❤️", "-", "\u0301"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var text strings.Builder
		for range random.IntN(30) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		c, width := cells{ansi.Method(random.IntN(2))}, 8+random.IntN(30)
		lines := c.wrap(text.String(), width)
		for _, line := range lines {
			if c.width(line) > width {
				t.Fatalf("%q is wider than %d, of %q", line, width, text.String())
			}
		}
		if without(strings.Join(lines, "")) != without(text.String()) {
			t.Fatalf("%q becomes %q", text.String(), lines)
		}
	}
}

func without(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }

func TestFitIsExact(t *testing.T) {
	for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
		c := cells{method}
		for _, s := range []string{"", "a", "日本語", "👩‍🚀👩‍🚀👩‍🚀", "e\u0301e\u0301", "\x1b[1mbold\x1b[m text"} {
			for width := range 12 {
				if got := c.width(c.fit(s, width)); got != width {
					t.Errorf("%q takes %d columns, want %d", s, got, width)
				}
			}
		}
	}
}

func TestTheEndOfALongTextIsFoundByMeasuringItOnce(t *testing.T) {
	for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
		c, calls := cells{method}, 0
		for _, part := range []string{"x", "日本", "👩‍🚀", "e\u0301"} {
			text := strings.Repeat(part, 8<<10)
			end, columns := c.last(text, 11, func(s string) int { calls++; return c.width(s) })
			if !strings.HasSuffix(text, end) || columns != c.width(end) || columns > 11 || columns < 8 {
				t.Errorf("the end of %q… is %q, %d columns", part, end, columns)
			}
		}
		if calls != 4 {
			t.Errorf("four texts are measured %d times", calls)
		}
	}
}
