package result

import (
	"fmt"
	"strings"
	"testing"

	"elemental/cmd/elemental-load/plan"
)

func TestAnswers(t *testing.T) {
	const posts = ": 4,000 of 4,000 posts at 200/s, half within 1.2 ms, 99% within 3.4 ms"
	for name, c := range map[string]struct {
		change func(*Result)
		want   []string
	}{
		"all well": {func(*Result) {}, []string{"good The provider kept up" + posts + "."}},
		"refusals": {func(r *Result) { r.Operations[0].Refused = 3 },
			[]string{"doubt The provider kept up, but not all went well: 4,000 of 4,003 posts at 200/s, half within 1.2 ms, 99% within 3.4 ms; 3 refused."}},
		"failures of something that was never done": {func(r *Result) { r.Failures = []Failure{{"login", "no answer", 2}} },
			[]string{"doubt The provider kept up, but not all went well" + posts + "; 2 failed."}},
		"refusals of something that was never done": {func(r *Result) { r.Refusals = []Refusal{{"login", "", "no", 2}} },
			[]string{"doubt The provider kept up, but not all went well" + posts + "; 2 refused."}},
		"held back": {func(r *Result) { r.Generator.HeldBack = 60 },
			[]string{"doubt The provider did not keep up" + posts + "; 60 actions had to wait since too many were unanswered."}},
		"a few held back": {func(r *Result) { r.Generator.HeldBack = 3 },
			[]string{"good The provider kept up" + posts + "; 3 actions had to wait since too many were unanswered."}},
		"many failures": {func(r *Result) { r.Operations[0].Failed = 500 },
			[]string{"doubt The provider did not keep up: 4,000 of 4,500 posts at 200/s, half within 1.2 ms, 99% within 3.4 ms; 500 failed."}},
		"too long": {func(r *Result) { r.Duration = 24 },
			[]string{"doubt The provider did not keep up: 4,000 of 4,000 posts at 167/s, half within 1.2 ms, 99% within 3.4 ms."}},
		"less done than due": {func(r *Result) { r.Parts[0].Scheduled = 4100 }, []string{"doubt The provider did not keep up" + posts + "; 100 actions were not begun before the end."}},
		"a queue": {func(r *Result) { r.Operations[0].Corrected.P50 = 1500 },
			[]string{"doubt The provider did not keep up: 4,000 of 4,000 posts at 200/s, half within 1.5 s, 99% within 3.4 ms."}},
		"behind": {func(r *Result) { r.Generator.Behind, r.Generator.LateShare = true, 0.0004 }, []string{
			"doubt The load generator fell behind (in less than 0.1% of all cases it was more than 10 ms late for its own fault): distrust the figures.",
			"plain The provider answered what it was sent" + posts + "."}},
		"behind, and more": {func(r *Result) { r.Generator.Behind, r.Operations[0].Refused = true, 3 }, []string{
			"doubt The load generator fell behind (in none of all cases it was more than 10 ms late for its own fault): distrust the figures.",
			"doubt Whether the provider kept up cannot be told: 4,000 of 4,003 posts at 200/s, half within 1.2 ms, 99% within 3.4 ms; 3 refused."}},
		"closed": {func(r *Result) { r.Plan.Model = plan.Closed }, []string{"good The provider answered all, each client waiting for its answers" + posts + "."}},
		"closed with failures": {func(r *Result) { r.Plan.Model, r.Operations[1].Failed = plan.Closed, 1 },
			[]string{"doubt The provider answered, but not all went well" + posts + "; 1 failed."}},
		"ended early": {func(r *Result) { r.Ended = "interrupted" }, []string{"doubt The run ended early: interrupted.", "plain Until then" + posts + "."}},
		"still in the warm-up": {func(r *Result) { r.Ended, r.Duration, r.Warmup, r.Operations[0].Done = "interrupted", 0, 3, 0 },
			[]string{"doubt The run ended early: interrupted.", "doubt It was still in the warm-up, which the figures leave out."}},
		"not ended": {func(r *Result) { r.Ended = "" }, []string{"doubt The run did not end by itself.", "plain Until then" + posts + "."}},
		"a violation": {func(r *Result) { r.Violations = []Found{{Count: 1}} },
			[]string{"bad 1 violation: what must never happen did happen.", "good The provider kept up" + posts + "."}},
		"nothing done": {func(r *Result) { r.Operations[0].Done, r.Operations[0].Refused = 0, 9 }, []string{"bad Nothing was done; 9 refused."}},
		"no operation": {func(r *Result) { r.Operations = nil }, []string{"bad Nothing was done."}},
		"another operation": {func(r *Result) { r.Operations[0].Name = "poll.total" },
			[]string{"good The provider kept up: 4,000 of 4,000 poll.total calls at 200/s, half within 1.2 ms, 99% within 3.4 ms."}},
	} {
		r := load(t, "steady")
		c.change(r)
		var got []string
		for _, said := range r.answer() {
			got = append(got, fmt.Sprint(said.Level, " ", said.Text))
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nand not\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestChecksAreTold(t *testing.T) {
	for want, r := range map[string]*Result{
		"The history was not compared.": {},
		"Nothing was posted.":           {Checked: Checked{History: true}},
		"1 acknowledged message, all found once and in order.|1 post without an answer may be in the history or not.": {
			Checked: Checked{History: true, Acknowledged: 1, Found: 1, Unsure: 1}},
		"1,999 of 2,000 acknowledged messages found in the history; see the violations.|1 push on 1 subscription, not all as they should be: see the violations.": {
			Checked: Checked{History: true, Streamed: true, Acknowledged: 2000, Found: 1999, Pushes: 1, Streams: 1}, Violations: []Found{{Count: 1}}},
		"The history was not compared (7 acknowledged messages).|0 pushes on 2 subscriptions, none lost, doubled or out of order.": {
			Checked: Checked{Streamed: true, Acknowledged: 7, Streams: 2}},
		"The history could not be compared (3 acknowledged messages): login: storage is unavailable.": {
			Checked: Checked{Acknowledged: 3, Failed: "login: storage is unavailable"}},
		"The history was not compared.|5 pushes on 2 subscriptions, not judged.": {Checked: Checked{Pushes: 5, Streams: 2}},
	} {
		if got := strings.Join(r.checks(), "|"); got != want {
			t.Errorf("%q, and not %q", got, want)
		}
	}
}

func TestUnits(t *testing.T) {
	for want, got := range map[string]string{
		"0": number(0), "999": number(999), "1,000": number(1000), "12,345,678": number(12_345_678), "-1,234": number(-1234),
		"0 ms": latency(0), "1 µs": latency(0.001), "820 µs": latency(0.82), "999 µs": latency(0.9994), "1.0 ms": latency(0.9996), "4.1 ms": latency(4.1),
		"99.9 ms": latency(99.94), "100 ms": latency(99.96), "999 ms": latency(999.4), "1.0 s": latency(999.6), "2.3 s": latency(2300), "3,600 s": latency(3_600_000),
		"1,234/s": rate(1234.4), "12.3/s": rate(12.34), "12/s": rate(12), "0/s": rate(0), "512 B": size(512), "1.0 KiB": size(1024), "12.4 MiB": size(12.4 * (1 << 20)),
		"2.0 GiB": size(2 << 30), "4,096 TiB": size(1 << 52), "183% of a core": cores(183), "4.2% of a core": cores(4.2), "10s": lasting(10), "0.3s": lasting(0.25),
		"1m30s": lasting(90), "none": share(0), "less than 0.1%": share(0.0001), "1.2%": share(0.0123),
	} {
		if got != want {
			t.Errorf("%q, and not %q", got, want)
		}
	}
}
