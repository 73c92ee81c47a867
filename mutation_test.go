package elemental_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMutants seeds the bugs of the table mutants, one at a time, and lets the
// tests run that are there to catch them: one that they do not notice fails.
// No bug is in the product's source: the compiler is given a changed copy.
// With ELEMENTAL_LONG=1 all tests of the package run, and all that notice are told.
func TestMutants(t *testing.T) {
	gate := &mutationGate{dir: t.TempDir(), sound: map[tests]func() error{}, built: map[string]func() (string, error){}}
	for _, m := range mutants {
		gate.prepare(m.by)
	}
	t.Cleanup(func() { gate.report(t) }) // after the parallel ones
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			gate.run(t, m)
		})
	}
}

// mutant is one seeded bug.
type mutant struct {
	name     string
	file     string
	old, new string // old is in the file exactly once
	by       tests  // who has to notice
}

// tests is some tests of a package: a folder and a pattern for -run.
type tests struct{ folder, pattern string }

// mutantRuns is how often tests may try to notice a bug: some are random.
const mutantRuns = 4

// mutantPatience is beyond what tests themselves wait: one that hangs is not caught.
const mutantPatience = 2 * time.Minute

type mutationGate struct {
	dir   string
	sound map[tests]func() error            // runs the tests without a bug, once
	built map[string]func() (string, error) // builds a package's tests without a bug, once
	mu    sync.Mutex
	lines []string
}

// prepare makes ready what the mutants of some tests have in common.
func (g *mutationGate) prepare(by tests) {
	if g.built[by.folder] == nil {
		g.built[by.folder] = sync.OnceValues(func() (string, error) {
			binary := filepath.Join(g.dir, filepath.Base(by.folder)+".test")
			return binary, buildTests(by.folder, binary)
		})
	}
	if g.sound[by] == nil {
		g.sound[by] = sync.OnceValue(func() error { return g.runSound(by) })
	}
}

// runSound tells what is wrong with the tests when there is no bug.
func (g *mutationGate) runSound(by tests) error {
	binary, err := g.built[by.folder]()
	if err != nil {
		return err
	}
	failed, out, err := runTests(by, binary)
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("%v fail without a bug\n%s", failed, out)
	}
	return err
}

func (g *mutationGate) run(t *testing.T, m mutant) {
	if err := g.sound[m.by](); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay, err := m.seed(dir)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mutant.test")
	if err := buildTests(m.by.folder, binary, "-overlay", overlay); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var caught []string
	for n := 0; n < mutantRuns && len(caught) == 0; n++ {
		if caught, _, err = runTests(m.by, binary); err != nil {
			t.Fatal(err)
		}
	}
	if len(caught) == 0 {
		t.Errorf("survived %s of %s", m.by.pattern, m.by.folder)
		caught = []string{"NOBODY"}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, fmt.Sprintf("%-52s %6.1fs  %s: %s",
		m.name, time.Since(began).Seconds(), filepath.Base(m.by.folder), strings.Join(caught, ", ")))
}

func (g *mutationGate) report(t *testing.T) {
	slices.Sort(g.lines)
	t.Logf("%d of %d bugs judged, each with the tests that noticed it:\n%s", len(g.lines), len(mutants), strings.Join(g.lines, "\n"))
}

// seed writes the changed file, and the overlay that puts it in the place of
// the sound one.
func (m mutant) seed(dir string) (overlay string, err error) {
	file, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		return "", fmt.Errorf("%s has the text to be changed %d times, not once: mend the table of mutants\n%s", m.file, n, m.old)
	}
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, bytes.Replace(source, []byte(m.old), []byte(m.new), 1), 0o600); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}

// buildTests builds a package's tests; without the race detector, to be quick.
func buildTests(folder, binary string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...)
	if out, err := exec.Command("go", append(args, folder)...).CombinedOutput(); err != nil {
		return fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	return nil
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// runTests names the tests that failed, and what they said last. It is an error
// when none ran, when they hung, or when the process died of something else.
func runTests(by tests, binary string) (failed []string, said []byte, err error) {
	args := []string{"-test.v", "-test.count=1", "-test.timeout=" + mutantPatience.String()}
	if os.Getenv("ELEMENTAL_LONG") == "" {
		args = append(args, "-test.failfast", "-test.run="+by.pattern)
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = by.folder
	cmd.Env = slices.DeleteFunc(os.Environ(), func(setting string) bool { // the short forms, of any seed
		return strings.HasPrefix(setting, "ELEMENTAL_")
	})
	out, err := cmd.CombinedOutput()
	for _, match := range failedTest.FindAllSubmatch(out, -1) {
		failed = append(failed, string(match[1]))
	}
	problem := ""
	switch {
	case err != nil && !errors.As(err, new(*exec.ExitError)):
		problem = "they cannot be run"
	case bytes.Contains(out, []byte("panic: test timed out")):
		problem = "they hang"
	case !bytes.Contains(out, []byte("=== RUN")):
		problem = "there are none"
	case err != nil && len(failed) == 0:
		problem = "the process died, but no test failed"
	}
	said = out[max(0, len(out)-4000):]
	if problem != "" {
		return nil, nil, fmt.Errorf("tests %s of %s: %s (%w)\n%s", by.pattern, by.folder, problem, err, said)
	}
	return failed, said, nil
}
