package result

import (
	"strings"
	"testing"
)

func TestMarkdown(t *testing.T) {
	var out strings.Builder
	if err := Markdown(&out, []*Result{load(t, "steady"), load(t, "stalled"), load(t, "closed")}); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.md", out.String())
}

func TestMarkdownHoldsItsTable(t *testing.T) {
	r := load(t, "steady")
	r.Title = "a | b\nc"
	var out strings.Builder
	if err := Markdown(&out, []*Result{r}); err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(out.String(), "\n\n")
	for line := range strings.Lines(table) {
		if strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 11 {
			t.Errorf("not ten columns: %s", line)
		}
	}
}
