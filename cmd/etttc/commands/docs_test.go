package commands

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestCommandsAreDocumented compares the table of commands in docs/etttc.md with the real one.
// With ELEMENTAL_UPDATE=1 it writes that table.
func TestCommandsAreDocumented(t *testing.T) {
	const file, begin, end = "../../../docs/etttc.md", "<!-- commands -->\n", "<!-- /commands -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	there, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", file)
	}
	want := "| command | what it does |\n|---|---|\n"
	for _, c := range All() {
		want += fmt.Sprintf("| `%s` | %s |\n", c.Usage(), c.Help)
	}
	if there == want {
		return
	}
	if os.Getenv("ELEMENTAL_UPDATE") == "" {
		t.Fatalf("the table in %s is not that of the program; ELEMENTAL_UPDATE=1 writes it:\n%s", file, want)
	}
	if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
