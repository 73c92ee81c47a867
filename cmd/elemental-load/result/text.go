package result

import (
	"fmt"
	"io"
	"strings"

	"elemental/client/visible"
)

// mostListed is how many refusals, failures and examples the text lists.
const mostListed = 10

// Text writes the result of a run for a terminal, in 80 columns: violations first, then
// the answer in a sentence, then the figures. Words of the provider or of somebody's
// result.json cannot control the terminal.
func Text(w io.Writer, r *Result, colour bool) error {
	s := newSheet(colour)
	s.violations(r)
	s.line(strong, visible.Line(r.Title))
	s.paragraph(dim, 0, targetOf(r))
	s.gap()
	for i, said := range r.answer() {
		if i > 0 || len(r.Violations) == 0 { // violations stand above already
			s.paragraph(inkOf(said.Level), 0, said.Text)
		}
	}
	s.operations(r)
	s.refusals(r)
	s.failures(r)
	s.facts("checks", r.checks())
	s.facts("provider", joined(r.used()))
	s.facts("generator", joined(r.generated()))
	s.expectations(r)
	s.facts("notes", r.Notes)
	_, err := io.WriteString(w, s.String())
	return err
}

// joined makes one fact of several, and none of none.
func joined(facts []string) []string {
	if len(facts) == 0 {
		return nil
	}
	return []string{strings.Join(facts, ", ")}
}

// targetOf says what was loaded, and with how many clients.
func targetOf(r *Result) string {
	var parts []string
	name := r.Target.Name
	if name == "" {
		name = "provider"
	}
	parts = append(parts, name+" at "+r.Target.Address)
	if r.Target.Started {
		parts = append(parts, "started for this run")
	}
	if r.Target.Original {
		parts = append(parts, "the original provider")
	}
	if r.Target.TLS {
		parts = append(parts, "TLS")
	}
	parts = append(parts, plural(int64(r.Plan.Clients), "client", "clients"))
	if r.Processes > 1 {
		parts = append(parts, number(int64(r.Processes))+" processes")
	}
	parts = append(parts, "measured for "+lasting(r.Duration))
	if r.Warmup > 0 {
		parts = append(parts, "after a warm-up of "+lasting(r.Warmup))
	}
	return strings.Join(parts, ", ")
}

func (s *sheet) violations(r *Result) {
	for _, v := range r.Violations {
		s.paragraph(wrong, 0, fmt.Sprintf("VIOLATION %s, %s: %s", v.Kind, plural(v.Count, "time", "times"), v.About))
		for i, e := range v.Examples {
			if i == mostListed {
				s.paragraph(dim, 2, "…")
				break
			}
			s.paragraph(ordinary, 2, e)
		}
	}
	if len(r.Violations) > 0 {
		s.gap()
	}
}

func (s *sheet) operations(r *Result) {
	if len(r.Operations) == 0 {
		return
	}
	t := table{head: []string{"operation", "done", "rate", "p50", "p99", "p99.9", "p99.99", "max"}}
	for i := range r.Operations {
		o := &r.Operations[i]
		t.add(ordinary, o.Name, number(o.Done), r.rateOf(o), o.Corrected.show(o.Corrected.P50), o.Corrected.show(o.Corrected.P99),
			o.Corrected.show(o.Corrected.P999), o.Corrected.show(o.Corrected.P9999), o.Corrected.show(o.Corrected.Max))
		if o.apart() {
			t.add(dim, "  uncorrected", "", "", "", latency(o.Uncorrected.P99), "", "", latency(o.Uncorrected.Max))
		}
	}
	s.gap()
	s.table(t)
}

// show writes one of the latencies, or a dash if none was measured.
func (l *Latency) show(ms float64) string {
	if l.Count == 0 {
		return "–"
	}
	return latency(ms)
}

func (s *sheet) refusals(r *Result) {
	var lines []string
	for _, x := range r.Refusals {
		reason := x.Reason
		if x.Code != "" && x.Code != x.Reason {
			reason += " (" + x.Code + ")"
		}
		lines = append(lines, fmt.Sprintf("%s × %s: %s", number(x.Count), x.Operation, reason))
	}
	s.facts("refused", shortened(lines))
}

func (s *sheet) failures(r *Result) {
	var lines []string
	for _, x := range r.Failures {
		lines = append(lines, fmt.Sprintf("%s × %s: %s", number(x.Count), x.Operation, x.Cause))
	}
	s.facts("failed", shortened(lines))
}

func shortened(lines []string) []string {
	if more := len(lines) - mostListed; more > 0 {
		return append(lines[:mostListed:mostListed], fmt.Sprintf("and %d other kinds", more))
	}
	return lines
}

func (s *sheet) expectations(r *Result) {
	for i, m := range r.Verdicts {
		ink, word := right, "met"
		if !m.Met {
			ink, word = wrong, "NOT MET"
		}
		s.fact(i == 0, "expected", ink, fmt.Sprintf("%s: %s (%s)", m.Expectation, word, m.Value))
	}
}
