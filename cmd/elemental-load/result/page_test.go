package result

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"elemental/cmd/elemental-load/plan"
)

func rendered(t *testing.T, r *Result) string {
	t.Helper()
	var out strings.Builder
	if err := writePage(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Every figure of the run is there as text too, for those who cannot see the plots.
func TestPageSaysEverything(t *testing.T) {
	tags := regexp.MustCompile(`<[^>]*>`)
	got := strings.Join(strings.Fields(tags.ReplaceAllString(rendered(t, load(t, "stalled")), " ")), " ")
	for _, want := range []string{
		"chat and poll, open model, 360/s for 30s", "2 violations", "lost , 2 times: acknowledged messages are not in the history", "message 1712 of user 14",
		"All within 1.0 s max of post, corrected, of those answered", "The load generator fell behind", "Whether the provider kept up cannot be told", "post.p99&lt;20ms 702 ms not met", "3 of 4 not met", "violations=0 2 not met", "250/s 300/s met",
		"9,000 300/s 36 4 corrected 17.7 ms 913 µs", "uncorrected 1.0 ms 893 µs 1.6 ms 1.9 ms 2.9 ms 6.0 ms 8.3 ms 12.8 ms", "login 0 0/s 0 0 corrected – –",
		"busy, try again busy 36", "the connection ended before the answer 4", "9,558 of 9,560 acknowledged messages", "CPU 61.0% of a core", "in 99% of all cases less than",
		"chat (weight 5), poll (weight 1)", "100/s to 360/s for 12s, then 360/s for 20s", "AMD EPYC 7B13, 2 cores", "each slows the other", "--mix chat=5,poll=1",
		"p99 702 ms and 2.9 ms, max 1.0 s and 12.8 ms)", "Plots by uPlot", "Copyright (c) 2022 Leon Sorokin",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// The page fetches nothing, and tells the browser to fetch and run nothing else.
func TestPageStandsAlone(t *testing.T) {
	got := rendered(t, load(t, "steady"))
	if found := regexp.MustCompile(`(?i)\s(src|href|action|srcset|data)=|@import|url\(|<(link|iframe|object|embed|img|base)\b`).FindString(got); found != "" {
		t.Errorf("it refers to something with %q", found)
	}
	policy := regexp.MustCompile(`content="(default-src &#39;none&#39;; style-src [^"]*)"`).FindStringSubmatch(got)
	if policy == nil || strings.Contains(policy[1], "unsafe") || strings.Count(policy[1], "sha256-") != 3 {
		t.Errorf("its policy is %q", policy)
	}
	if len(got) > 300<<10 {
		t.Errorf("it has %d bytes", len(got))
	}
}

// The command can be given again as it stands in the report.
func TestPageTellsTheCommand(t *testing.T) {
	r := load(t, "steady")
	r.Command = []string{"elemental-load", "chat:7", "--expect", "p99<20ms", "--out", "it's mine"}
	if got := html.UnescapeString(rendered(t, r)); !strings.Contains(got, `>elemental-load chat:7 --expect 'p99<20ms' --out 'it'\''s mine'<`) {
		t.Error("it does not")
	}
}

func TestPageIsSafe(t *testing.T) {
	got := rendered(t, hostile(t))
	for _, evil := range []string{"<img", "</script><script>", "<svg"} {
		if strings.Contains(got, evil) {
			t.Errorf("%q stands in it", evil)
		}
	}
	_, data, _ := strings.Cut(got, `id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	var raw map[string]any
	if err := json.Unmarshal([]byte(data), &raw); err != nil {
		t.Fatalf("the data cannot be read: %v", err)
	}
	if name := raw["operations"].([]any)[0].(map[string]any)["name"]; name != evilMarkup {
		t.Errorf("an operation is named %q", name)
	}
}

const evilMarkup = `</script><script>window.gotcha=1</script><img src=x onerror="window.gotcha=1"><svg onload=window.gotcha=1>"'--><!--`

// hostile is a run in which every text tries to run as a script.
func hostile(t *testing.T) *Result {
	t.Helper()
	r := load(t, "stalled")
	r.Title, r.Run, r.Ended, r.Command, r.Notes = evilMarkup, evilMarkup, evilMarkup, []string{evilMarkup}, []string{evilMarkup}
	r.Target.Address, r.Target.Name, r.Machine.CPU, r.Machine.Go, r.Machine.OS = evilMarkup, evilMarkup, evilMarkup, evilMarkup, evilMarkup
	r.Operations[0].Name, r.Operations[0].About = evilMarkup, evilMarkup
	r.Refusals[0] = Refusal{evilMarkup, evilMarkup, evilMarkup, 1}
	r.Failures[0] = Failure{evilMarkup, evilMarkup, 1}
	r.Violations[0] = Found{evilMarkup, evilMarkup, 1, []string{evilMarkup}}
	r.Verdicts[0] = Met{evilMarkup, evilMarkup, false}
	r.Plan.Mix[0].Scenario = evilMarkup
	r.Plan.Model = evilMarkup
	return r
}

// A run of days has more seconds than a screen has columns, so the plots have fewer
// points.
func TestLongRunsHaveFewPoints(t *testing.T) {
	r := load(t, "closed")
	one := r.Seconds[0]
	r.Seconds = nil
	for i := range 100_000 {
		one.Second = i
		r.Seconds = append(r.Seconds, one)
	}
	p := must(r.plots())
	if len(p.Seconds) > mostPoints || p.Each != 67 || p.Seconds[1] != 67 || p.Operations[0].Done[0] != 400 {
		t.Errorf("%d points, each of %d seconds, the second at %v", len(p.Seconds), p.Each, p.Seconds[1])
	}
}

// The page tells each field of the plan in words. A new field needs its own words.
func TestEveryFieldOfThePlanIsTold(t *testing.T) {
	var got []string
	for field := range reflect.TypeFor[plan.Plan]().Fields() {
		got = append(got, field.Name)
	}
	want := "Mix Model Clients Users Servers Channels History Size Stages Warmup Pipeline Think"
	if strings.Join(got, " ") != want {
		t.Errorf("a plan has %v; tell it in planned, and here", got)
	}
}

// A mix has a usual history, which is made only if one of its scenarios reads it.
func TestHistoryIsToldIfItIsMade(t *testing.T) {
	for _, c := range []struct {
		mix  plan.Mix
		told bool
	}{{plan.Mix{{Scenario: "chat", Weight: 1}, {Scenario: "poll", Weight: 1}}, false}, {plan.Mix{{Scenario: "chat", Weight: 1}, {Scenario: "history", Weight: 1}}, true}} {
		r := &Result{Plan: *must((&plan.Spec{Scenarios: c.mix}).Build())}
		if got := fmt.Sprint(r.planned()); strings.Contains(got, "beforehand") != c.told {
			t.Errorf("%v: %s", c.mix, got)
		}
	}
}

func TestCurves(t *testing.T) {
	corrected, uncorrected := NewHistogram(), histogram(t, 1000, 2000)
	for v := int64(1); v <= 1000; v++ {
		if err := corrected.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	var p plotting
	if err := p.distribution(&Operation{Corrected: must(NewLatency(corrected)), Uncorrected: must(NewLatency(uncorrected))}); err != nil {
		t.Fatal(err)
	}
	at := map[float64][2]float64{}
	for i, x := range p.OneIn {
		at[math.Round(x*100)/100] = [2]float64{p.Corrected[i], p.Uncorrected[i]}
	}
	for x, want := range map[float64][2]float64{1: {0.001, 1}, 2: {0.5, 2}, 10: {0.9, math.NaN()}, 100: {0.99, math.NaN()}, 1000: {1, math.NaN()}} {
		if got, there := at[x]; !there || got[0] != want[0] || got[1] != want[1] && !math.IsNaN(want[1]) || math.IsNaN(got[1]) != math.IsNaN(want[1]) {
			t.Errorf("one in %v took more than %v, and not %v", x, got, want)
		}
	}
	if last := p.OneIn[len(p.OneIn)-1]; last != 1000 || !slices.IsSorted(p.OneIn) {
		t.Errorf("the curve goes to %v", last)
	}
}

// The two curves are said to be the same only if they are, and the provider is blamed only for
// what is known to be its fault.
func TestCurvesAreExplained(t *testing.T) {
	const own = "or for the generator itself, which was at most 217 ms late."
	same := Latency{Count: 100, P50: 4, P90: 5, P95: 60, P99: 80, Max: 130}
	later := func(l Latency, change func(*Latency)) Latency {
		change(&l)
		return l
	}
	for want, of := range map[string]struct {
		model     plan.Model
		corrected Latency
	}{
		"practically the same": {plan.Open, same},
		"The two differ (p99 195 ms and 80.0 ms): what was due had to wait before it was sent: for the provider, for a free client or connection, " + own: {
			plan.Open, later(same, func(l *Latency) { l.P99 = 195 })},
		"The two differ (p50 5.6 ms and 4.0 ms, p90 13.1 ms and 5.0 ms, p95 82.9 ms and 60.0 ms): what was due had to wait": {
			plan.Open, later(same, func(l *Latency) { l.P50, l.P90, l.P95 = 5.6, 13.1, 82.9 })},
		"max 1.0 s and 130 ms): what was due had to wait": {plan.Closed, later(same, func(l *Latency) { l.Max = 1000 })},
		"while the provider stalled, the clients waited":  {plan.Closed, later(same, func(l *Latency) { l.Max, l.Count = 1000, 300 })},
	} {
		r := &Result{Plan: plan.Plan{Model: of.model}, Generator: Generator{Late: Latency{Count: 1, Max: 217}}}
		if got := r.saidOfCurves(&Operation{Corrected: of.corrected, Uncorrected: same}); !strings.Contains(got, want) {
			t.Errorf("%q, wanted %q", got, want)
		}
	}
}

// A last second that was cut short is drawn with no rate, and a provider that has ended with
// no memory and no CPU: they would look like a fall to nothing.
func TestPlotsShowOnlyWhatIsKnown(t *testing.T) {
	r := load(t, "steady")
	r.Seconds = append(r.Seconds, Second{Second: 22, Scheduled: 1, Started: 1, Connections: 50, Operations: map[string]Slice{"post": {Done: 1, Max: 2}}})
	p := must(r.plots())
	last := len(p.Seconds) - 1
	for name, line := range map[string]points{"due": p.Scheduled, "begun": p.Started, "post": p.Operations[0].Done, "delivered": p.Operations[1].Done, "CPU": p.CPU, "memory": p.Memory} {
		if math.IsNaN(line[last-1]) || !math.IsNaN(line[last]) {
			t.Errorf("%s ends with %v", name, line[last-1:])
		}
	}
	if p.Operations[0].Max[last] != 2 || p.Connections[last] != 50 {
		t.Errorf("what is known of it is not drawn: %v, %v", p.Operations[0].Max[last], p.Connections[last])
	}
	var csv strings.Builder
	if err := writeSeconds(&csv, r); err != nil || !strings.Contains(csv.String(), "\n22,end,1,1,0,0,50,0,,,1,") {
		t.Errorf("%v\n%s", err, csv.String())
	}
	r = load(t, "closed")
	r.Seconds = append(r.Seconds, Second{Second: 10})
	if p = must(r.plots()); p.Scheduled != nil || p.Failed != nil {
		t.Errorf("drawn although there is nothing: %v, %v", p.Scheduled, p.Failed)
	}
}
