package actors

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryEventIsReadAgain finds in the source which events users and servers make. An event that their
// table does not read again would do no harm before the next recovery, and then make all of it unreadable.
func TestEveryEventIsReadAgain(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]func([]byte) (any, error){"u": userEvents, "s": serverEvents}
	commits := regexp.MustCompile(`\b([us])\.commit\(ctx, "(\w+)", (\w+)\{`)
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, made := range commits.FindAllSubmatch(text, -1) {
			name, wanted := string(made[2]), "actors."+string(made[3])
			found[name] = true
			read := tables[string(made[1])][name]
			if read == nil {
				t.Errorf("%s: the event %q is missing in userEvents or serverEvents", file, name)
				continue
			}
			if event, err := read([]byte("{}")); err != nil || fmt.Sprintf("%T", event) != wanted {
				t.Errorf("%s: the event %q is a %s, and read as a %T, %v", file, name, wanted, event, err)
			}
		}
	}
	if len(found) < 13 {
		t.Errorf("only %d events found", len(found))
	}
}
