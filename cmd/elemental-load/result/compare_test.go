package result

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"elemental/cmd/elemental-load/plan"
)

// several makes runs of the same kind, each with its own random numbers.
func several(label string, n int, slower float64) Side {
	s := Side{Label: label}
	for i := range n {
		s.Runs = append(s.Runs, steady(uint64(len(label)*100+i), slower))
	}
	return s
}

func compared(t *testing.T, sides ...Side) string {
	t.Helper()
	var out strings.Builder
	if err := Compare(&out, sides, false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > 80 {
			t.Errorf("%d columns: %s", w, line)
		}
	}
	return out.String()
}

func TestCompareOfRecordedRuns(t *testing.T) {
	side := func(name string) Side { return Side{Label: name, Runs: []*Result{load(t, name)}} }
	golden(t, "compare.txt", compared(t, side("steady"), side("stalled"), side("closed"), side("steady")))
}

func TestCompareByRuns(t *testing.T) {
	got := compared(t, several("base", 5, 1), several("slower", 5, 1.3))
	golden(t, "compare-runs.txt", got)
	for _, want := range []string{"Judged by runs: 5 and 5.", "(+3"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// Folders whose names end alike are told apart.
func TestCompareNamesItsSides(t *testing.T) {
	base, other := several("old/after-the-change", 1, 1), several("new/after-the-change", 1, 1)
	if got := compared(t, base, other); !strings.Contains(got, "\nnew/after-the-change against old/after-the-change\n") {
		t.Error(got)
	}
}

// Between sides of the same kind no difference beyond noise is found.
func TestCompareFindsNoDifferenceInChance(t *testing.T) {
	for _, n := range []int{1, 2, 5, 6} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if got := compared(t, several("one", n, 1), several("other", n, 1)); strings.Contains(got, ", beyond noise") {
				t.Errorf("it found one:\n%s", got)
			}
		})
	}
}

func TestCompareFindsADifferenceInSeconds(t *testing.T) {
	got := compared(t, several("one", 1, 1), several("other", 1, 1.3))
	for _, want := range []string{"post p50: 1.1 ms → 1.5 ms (+31%), beyond noise", "delivered p50:", "Judged by stretches of 1s of the runs: 20 and 20",
		"know nothing of the difference", "rate", "CPU per action: 1.7 ms → 2.2 ms (+30%), beyond noise"} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

// With four runs on each side no difference can be judged: with the rank test even the
// largest one comes about by chance once in 35 times.
func TestFewRunsAreNotTaken(t *testing.T) {
	for n, want := range map[[2]int]bool{{1, 1}: false, {3, 3}: false, {4, 4}: false, {4, 6}: true, {5, 5}: true, {0, 9}: false, {2, 300}: true, {20, 20}: true} {
		if got := canTell(n); got != want {
			t.Errorf("%v: %v", n, got)
		}
	}
	if got := compared(t, several("one", 3, 1), several("other", 2, 1.3)); !strings.Contains(got, "Judged by stretches of 4s of the runs: 15 and 10.") {
		t.Errorf("it is judged by something else:\n%s", got)
	}
}

func TestRunsTooShortAreNotJudged(t *testing.T) {
	one, other := several("one", 1, 1), several("other", 1, 2)
	for _, s := range []Side{one, other} {
		s.Runs[0].Seconds = s.Runs[0].Seconds[:5]
	}
	got := compared(t, one, other)
	if !strings.Contains(got, "Too short to judge: there are 3 and 3 seconds") || strings.Contains(got, ", beyond noise") {
		t.Errorf("it is judged:\n%s", got)
	}
}

// Times below a second are not rounded until they look the same.
func TestShortTimesOfPlansAreToldApart(t *testing.T) {
	one, other := several("one", 1, 1), several("other", 1, 1)
	for i, p := range []*plan.Plan{&one.Runs[0].Plan, &other.Runs[0].Plan} {
		p.Model = plan.Closed
		p.Think, p.Stages = time.Duration(10+i)*time.Millisecond, []plan.Stage{{For: time.Duration(210+i) * time.Millisecond, From: 8, To: 8}}
	}
	got := strings.Join(strings.Fields(compared(t, one, other)), " ")
	if want := "stages (8 clients for 210ms ≠ 8 clients for 211ms); think time (10ms ≠ 11ms)."; !strings.Contains(got, want) {
		t.Errorf("it does not say %q:\n%s", want, got)
	}
}

func TestUnlikeSidesAreTold(t *testing.T) {
	one, other := several("one", 1, 1), several("other", 1, 1)
	r := other.Runs[0]
	r.Plan.Clients, r.Target.Name, r.Machine.CPUs, r.Duration = 51, "another", 64, 10
	r.Generator.Behind, r.Ended, r.Violations = true, "interrupted", []Found{{Kind: "lost", Count: 2}}
	got := strings.Join(strings.Fields(compared(t, one, other)), " ")
	for _, want := range []string{
		"their plans differ: clients (50, logged in as 50 users ≠ 51, logged in as 50 users).", "their targets differ: name (elemental 1.4.0 ≠ another).",
		"their machines differ: cpu (AMD EPYC 7B13, 2 cores ≠ AMD EPYC 7B13, 64 cores).", "their durations differ: 20s and 10s.",
		"other has 2 violations.", "other ended early.", "other: the generator fell behind",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	mixed := Side{"mixed", []*Result{one.Runs[0], r}}
	if got := compared(t, one, mixed); !strings.Contains(got, "mixed, run 2 has another plan than its first: clients (50, logged in as 50") {
		t.Errorf("runs of one side that differ are not told:\n%s", got)
	}
}

func TestAPortOfARunIsNoDifference(t *testing.T) {
	for _, started := range []bool{true, false} {
		one, other := several("one", 1, 1), several("other", 1, 1)
		one.Runs[0].Target.Started, other.Runs[0].Target.Started = started, started
		other.Runs[0].Target.Address = "127.0.0.1:41001"
		if got := compared(t, one, other); strings.Contains(got, "their targets differ: address") == started {
			t.Errorf("providers were started for the runs: %v\n%s", started, got)
		}
	}
}

func TestCompareNeedsTwoSides(t *testing.T) {
	for _, sides := range [][]Side{nil, {several("one", 1, 1)}, {several("one", 1, 1), {Label: "empty"}}} {
		if err := Compare(&strings.Builder{}, sides, false); err == nil {
			t.Errorf("%d sides are compared", len(sides))
		}
	}
}

func TestReadSide(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"run-2", "run-1"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		r := load(t, "closed")
		r.Run = name
		if err := os.WriteFile(filepath.Join(dir, name, dataFile), must(encoded(r)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no run"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := ReadSide(dir)
	if err != nil || len(s.Runs) != 2 || s.Runs[0].Run != "run-1" || s.Runs[1].Run != "run-2" {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := ReadSide(filepath.Join(dir, "run-2")); err != nil || len(s.Runs) != 1 || s.Runs[0].Run != "run-2" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := ReadSide(filepath.Join(dir, "other")); err == nil || !strings.Contains(err.Error(), "not the folder of a run, nor of several") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := ReadSide(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing folder is read")
	}
}

// If seconds are the samples, they are the measured ones, in stretches of one length.
func TestSamplesOfSeconds(t *testing.T) {
	one, other := several("one", 1, 1), several("other", 2, 1)
	s := sampled(&one, &other)
	if s.runs || s.length != 2 || s.n != [2]int{10, 20} {
		t.Fatalf("%+v", s)
	}
	one.Runs[0].Seconds = one.Runs[0].Seconds[:21] // 2 of warm-up and 19 measured
	m := measuresOf("post")[0]
	if n, m := len(s.of(&m, &one)), len(s.of(&m, &other)); n != 9 || m != 20 {
		t.Errorf("%d and %d samples", n, m)
	}
	one.Runs = append(one.Runs, load(t, "closed")) // has no post, and its provider's process is not known
	for _, m := range append(measuresOf("post"), measuresOfProvider...) {
		for _, v := range s.of(&m, &one) {
			if v <= 0 {
				t.Errorf("of %s a sample is %v", m.name, v)
			}
		}
		if n := len(s.of(&m, &one)); m.ofSeconds != nil && n != 9 {
			t.Errorf("of %s there are %d samples", m.name, n)
		}
	}
}
