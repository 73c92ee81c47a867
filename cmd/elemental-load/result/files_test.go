package result

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental-load/plan"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWrittenIsRead(t *testing.T) {
	for name := range recorded {
		r := load(t, name)
		dir := filepath.Join(t.TempDir(), "made", "by it")
		if err := Write(dir, r); err != nil {
			t.Fatal(err)
		}
		back, err := Read(dir)
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s: something else comes back (%v)", name, err)
		}
		if first := content(t, dir, dataFile); first != content(t, filepath.Join("testdata", name), dataFile) {
			t.Errorf("%s: the result.json is another one", name)
		}
	}
}

func TestFilesOfARun(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, load(t, "steady")); err != nil {
		t.Fatal(err)
	}
	want := []string{"delivered-uncorrected.hgrm", "delivered.hgrm", "post-uncorrected.hgrm", "post.hgrm", "report.html", "result.json", "seconds.csv"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	golden(t, "steady.csv", content(t, dir, "seconds.csv"))
	golden(t, "steady.hgrm", content(t, dir, "post.hgrm"))
	if err := Write(dir, load(t, "stalled")); err != nil {
		t.Fatal(err)
	}
	golden(t, "stalled.csv", content(t, dir, "seconds.csv"))
	golden(t, "stalled-uncorrected.hgrm", content(t, dir, "post-uncorrected.hgrm"))
	if content(t, dir, "post-uncorrected.hgrm") == content(t, dir, "post.hgrm") {
		t.Error("corrected and uncorrected are the same")
	}
	if err := Write(dir, load(t, "closed")); err != nil {
		t.Fatal(err)
	}
	golden(t, "closed.csv", content(t, dir, "seconds.csv"))
}

// TestFilesOfAnotherRun: files of an earlier run in the same folder are removed, so that
// they are not taken for files of the new one. Files that belong to no run stay.
func TestFilesOfAnotherRun(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, load(t, "steady")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine.hgrm"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := load(t, "steady")
	r.Operations = r.Operations[:1]
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	want := []string{"mine.hgrm", "post-uncorrected.hgrm", "post.hgrm", "report.html", "result.json", "seconds.csv"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	r := load(t, "closed")
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	before := map[string]string{}
	for _, name := range names(t, dir) {
		before[name] = content(t, dir, name)
		if name == dataFile {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	back, err := Rewrite(dir)
	if err != nil || !reflect.DeepEqual(back, r) {
		t.Fatalf("something else is read (%v)", err)
	}
	for name, text := range before {
		if content(t, dir, name) != text {
			t.Errorf("%s is not made again", name)
		}
	}
}

// If writing fails, the old file stays, and no temporary file is left.
func TestNoFileIsHalfWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "report.html"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := within(dir, func(root *os.Root) error {
		return replace(root, "report.html", func(w io.Writer) error {
			_, err := io.WriteString(w, "half")
			return errors.Join(err, broken)
		})
	})
	if !errors.Is(err, broken) || content(t, dir, "report.html") != "old" || len(names(t, dir)) != 1 {
		t.Errorf("%v leaves %q in %q", err, content(t, dir, "report.html"), names(t, dir))
	}
}

func TestWriteTellsWhatFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "seconds.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, load(t, "steady")); err == nil || !strings.Contains(err.Error(), "seconds.csv") {
		t.Errorf("a folder in the way gives %v", err)
	}
}

func TestReadTellsWhatIsWrong(t *testing.T) {
	twice := `"operations":[{"name":"a"},{"name":"a"}]`
	for text, want := range map[string]string{
		"":                             "is damaged",
		"{":                            "is damaged",
		"[]":                           "is damaged",
		"{}":                           "names no format",
		`{"format":0}`:                 "names no format",
		`{"format":"one"}`:             "is damaged",
		`{"format":2,"seconds":"new"}`: "has format 2, and this program reads up to 1: a newer one wrote it",
		`{"format":1,"seconds":"x"}`:   "is damaged",
		`{"format":1,` + twice + `}`:   `operation name "a" is empty or there twice`,
		`{"format":1,"operations":[{"name":""}]}`:                                     "is empty or there twice",
		`{"format":1,"operations":[{"name":"a","corrected":{"count":1}}]}`:            `operation "a": a latency of 1 values has no histogram`,
		`{"format":1,"operations":[{"name":"a","uncorrected":{"histogram":"junk"}}]}`: `operation "a": unpacking`,
		`{"format":1,"operations":[` + strings.Repeat(`{},`, mostOperations) + `{}]}`: "operations are too many",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, dataFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Read(dir)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%.60s: %v, and not %q", text, err, want)
		}
	}
	dir := t.TempDir()
	if _, err := Read(dir); err == nil || err.Error() != dir+" is not the folder of a run: it has no result.json" {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

// No name of an operation can lead out of the folder, hide a file or replace another one.
func TestHostileNames(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "run")
	r := load(t, "closed")
	r.Operations = nil
	for _, name := range []string{"../../up", "/etc/passwd", "..", ".hidden", "a", "A", "a-uncorrected", "a\x00b", "=cmd()", "-rf", "ö", strings.Repeat("n", 300),
		"result.json", "con/../x"} {
		r.Operations = append(r.Operations, Operation{Name: name, Corrected: must(NewLatency(histogram(t, 7)))})
	}
	r.Seconds = []Second{{Operations: map[string]Slice{"=cmd()": {Done: 1}}}}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, dataFile), must(json.Marshal(r)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Rewrite(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, parent); !slices.Equal(got, []string{"run"}) {
		t.Errorf("beside the folder are %q", got)
	}
	got := names(t, dir)
	if want := 2*len(r.Operations) + 3; len(got) != want {
		t.Errorf("%d files and not %d: %q", len(got), want, got)
	}
	for _, name := range got {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
			t.Errorf("a file is named %q", name)
		}
	}
	if header, _, _ := strings.Cut(content(t, dir, "seconds.csv"), "\n"); strings.ContainsAny(header, "=()/") {
		t.Errorf("a spreadsheet would run %s", header)
	}
}

// A link in the folder is not followed out of it.
func TestLinksAreNotFollowed(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "run")
	if err := Write(dir, load(t, "closed")); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(parent, "outside")
	if err := os.WriteFile(outside, []byte(`{"format":1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.html", dataFile} {
		if err := errors.Join(os.Remove(filepath.Join(dir, name)), os.Symlink(outside, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		_, err := Rewrite(dir)
		if content(t, parent, "outside") != `{"format":1}` {
			t.Fatalf("%s was followed", name)
		}
		if name == dataFile && err == nil {
			t.Error("a result.json outside of the folder was read")
		}
	}
}

// TestPhases: the load ends when the plan says so, however long the last answers take; or
// earlier, if the run was cut short.
func TestPhases(t *testing.T) {
	for measured, want := range map[float64]string{
		4:   "warmup warmup load load load load end end",
		30:  "warmup warmup load load load load end end",
		1.5: "warmup warmup load end end end end end",
	} {
		r := &Result{Warmup: 2, Duration: measured, Plan: plan.Plan{Stages: []plan.Stage{{For: 6 * time.Second}}}}
		var phases []string
		for second := range 8 {
			phases = append(phases, r.phase(second))
		}
		if got := strings.Join(phases, " "); got != want {
			t.Errorf("measured for %vs: %s, and not %s", measured, got, want)
		}
	}
}
