package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: the commands in the documents exist, and the scenario file that they show can
// be run.
func TestDocs(t *testing.T) {
	t.Parallel()
	example := filepath.Join(t.TempDir(), "evening.yaml")
	commands := 0
	for _, document := range []string{"../../docs/load-testing.md", "../../README.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
			if err := os.WriteFile(example, block[1], 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, found := range regexp.MustCompile(`(?m)(?:\x60|^ *)(?:go run ./cmd/)?elemental-load( [^\x60\n]*)?(?:\x60|$)`).FindAllSubmatch(text, -1) {
			commands++
			args := strings.Fields(strings.NewReplacer("'", "", "evening.yaml", example).Replace(string(found[1])))
			if strings.Contains(string(found[1]), "--help") {
				continue
			}
			if _, err := parse(args); err != nil {
				t.Errorf("%s: elemental-load%s: %v", document, found[1], err)
			}
		}
	}
	const atLeast = 15
	if commands < atLeast {
		t.Errorf("only %d commands were found", commands)
	}
}
