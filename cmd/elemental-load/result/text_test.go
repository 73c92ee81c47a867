package result

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestTextOfRecordedRuns(t *testing.T) {
	for name := range recorded {
		t.Run(name, func(t *testing.T) { golden(t, name+".txt", text(t, load(t, name), false)) })
	}
}

func text(t *testing.T, r *Result, colour bool) string {
	t.Helper()
	var out strings.Builder
	if err := Text(&out, r, colour); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTextFitsIntoEightyColumns(t *testing.T) {
	for name := range recorded {
		r := load(t, name)
		r.Operations[0].Name = strings.Repeat("long", 30)
		r.Operations[0].Done = 1_234_567_890
		r.Notes = append(r.Notes, strings.Repeat("x", 300), strings.Repeat("many words ", 40))
		for line := range strings.Lines(text(t, r, true)) {
			if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > 80 {
				t.Errorf("%s: %d columns: %s", name, w, line)
			}
		}
	}
}

func TestColourChangesNoWord(t *testing.T) {
	r := load(t, "stalled")
	coloured := text(t, r, true)
	if plain := text(t, r, false); ansi.Strip(coloured) != plain {
		t.Errorf("without its colours it reads\n%s\nand not\n%s", ansi.Strip(coloured), plain)
	}
	if !strings.HasPrefix(coloured, "\x1b[1;31mVIOLATION") {
		t.Errorf("it does not begin with the violation in red: %q", coloured[:40])
	}
}

// A result.json of somebody else must not be able to control the terminal.
func TestTextIsSafeToShow(t *testing.T) {
	r := load(t, "stalled")
	const evil = "\x1b]0;gotcha\a\x1b[2J\u202e"
	r.Title, r.Notes, r.Target.Name, r.Ended = evil, []string{evil}, evil, evil
	r.Operations[0].Name = evil
	r.Refusals[0].Reason, r.Failures[0].Cause = evil, evil
	r.Violations[0].Examples[0], r.Violations[0].About = evil, evil
	r.Verdicts[0].Value = evil
	if got := text(t, r, false); strings.ContainsAny(got, "\x1b\a\u202e") {
		t.Errorf("a control character is left in %q", got)
	}
}
