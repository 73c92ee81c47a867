package elemental_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are the files that people read, with their texts.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range append(names, "README.md", "SECURITY.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// anchors are the places of a document to which a link can lead.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	text = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "") // comments of a shell begin like titles
	for _, title := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(title[1]), "")
		all[strings.ReplaceAll(plain, " ", "-")] = true
	}
	return all
}

// TestLinksLeadSomewhere also finds pictures that no document shows.
func TestLinksLeadSomewhere(t *testing.T) {
	texts, led := documents(t), map[string]bool{}
	for name, text := range texts {
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			file, anchor, _ := strings.Cut(link[1], "#")
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			led[target] = true
			if _, err := os.Stat(target); err != nil || anchor != "" && !anchors(texts[target])[anchor] {
				t.Errorf("%s: %s leads nowhere", name, link[1])
			}
		}
	}
	for _, kind := range []string{"docs/*.png", "docs/*.svg"} {
		pictures, err := filepath.Glob(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, picture := range pictures {
			if !led[picture] {
				t.Errorf("no document shows %s", picture)
			}
		}
	}
}

// TestNamedTestsExist: the tests that the documents name for a promise are there. A name may be
// the beginning of several.
func TestNamedTestsExist(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range documents(t) {
		for _, test := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(text, -1) {
			if !strings.Contains(tests.String(), "\nfunc "+test) {
				t.Errorf("%s: there is no %s", name, test)
			}
		}
	}
}
