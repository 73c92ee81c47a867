package result

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// unlike says what differs between two sides besides what was measured: plan, target,
// machine, duration.
func unlike(base, other *Side) []string {
	a, b := base.first(), other.first()
	var said []string
	add := func(what string, differences []string) {
		if len(differences) > 0 {
			said = append(said, fmt.Sprintf("%s is compared with %s, but their %s differ: %s.",
				other.Label, base.Label, what, strings.Join(differences, "; ")))
		}
	}
	add("plans", differing(a.planned(), b.planned()))
	target := b.Target
	if a.Target.Started && target.Started { // each has a port that happened to be free
		target.Address = a.Target.Address
	}
	add("targets", differing(a.Target.facts(), target.facts()))
	add("machines", differing(a.machine(), b.machine()))
	const slack = 0.05
	if math.Abs(a.Duration-b.Duration) > slack*a.Duration {
		add("durations", []string{lasting(a.Duration) + " and " + lasting(b.Duration)})
	}
	return said
}

// caveats say what is wrong with a side by itself.
func (s *Side) caveats() []string {
	var said []string
	for i, r := range s.Runs {
		name := s.Label
		if len(s.Runs) > 1 {
			name = fmt.Sprintf("%s, run %d", s.Label, i+1)
		}
		if n := r.violations(); n > 0 {
			said = append(said, fmt.Sprintf("%s has %s.", name, plural(n, "violation", "violations")))
		}
		if r.Ended != Completed {
			said = append(said, name+" ended early.")
		}
		if r.Generator.Behind {
			said = append(said, name+": the generator fell behind; distrust its figures.")
		}
		if d := differing(s.first().planned(), r.planned()); len(d) > 0 {
			said = append(said, fmt.Sprintf("%s has another plan than its first: %s.", name, strings.Join(d, "; ")))
		}
	}
	return said
}

// differing lists the facts that two tables do not share, with both values.
func differing(a, b []fact) []string {
	value := func(facts []fact, label string) string {
		for _, f := range facts {
			if f.Label == label && f.Value != "" {
				return f.Value
			}
		}
		return "none"
	}
	var said []string
	seen := map[string]bool{}
	for _, f := range slices.Concat(a, b) {
		if seen[f.Label] {
			continue
		}
		seen[f.Label] = true
		if l, r := value(a, f.Label), value(b, f.Label); l != r {
			said = append(said, fmt.Sprintf("%s (%s ≠ %s)", strings.ToLower(f.Label), l, r))
		}
	}
	return said
}

// facts are the target's properties as a table.
func (t *Target) facts() []fact {
	yes := map[bool]string{true: "yes", false: "no"}
	return []fact{{"Address", t.Address}, {"Name", t.Name}, {"Original provider", yes[t.Original]},
		{"Started for the run", yes[t.Started]}, {"TLS", yes[t.TLS]}}
}
