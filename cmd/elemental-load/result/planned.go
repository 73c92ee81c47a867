package result

import (
	"fmt"
	"strings"

	"elemental/cmd/elemental-load/plan"
)

// planned is the plan as a table. It has the times as they were asked for, not rounded: runs are
// told apart by it.
func (r *Result) planned() []fact {
	p := &r.Plan
	facts := []fact{
		{"Scenarios", mixOf(p.Mix)},
		{"Model", modelOf(p.Model)},
		{"Stages", stagesOf(p)},
		{"Warm-up", p.Warmup.String()},
		{"Clients", fmt.Sprintf("%s, logged in as %s", number(int64(p.Clients)), plural(int64(p.Users), "user", "users"))},
		{"Servers", fmt.Sprintf("%s of each scenario, each with %s", number(int64(p.Servers)), plural(int64(p.Channels), "channel", "channels"))},
		{"Message size", rangeOf(p.Size)},
	}
	if p.History > 0 && p.ReadsHistory() {
		facts = append(facts, fact{"History", number(int64(p.History)) + " messages in a channel beforehand"})
	}
	if p.Model == plan.Closed {
		facts = append(facts, fact{"Under way", plural(int64(p.Pipeline), "request", "requests") + " of a client at once"},
			fact{"Think time", p.Think.String()})
	}
	return facts
}

func mixOf(mix []plan.Share) string {
	var parts []string
	for _, s := range mix {
		text := s.Scenario
		if len(mix) > 1 {
			text += fmt.Sprintf(" (weight %g)", s.Weight)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func modelOf(m plan.Model) string {
	switch m {
	case plan.Open:
		return "open: sends on schedule, whether answers have come or not"
	case plan.Closed:
		return "closed: each client sends when its last request is answered"
	default:
		return string(m)
	}
}

func stagesOf(p *plan.Plan) string {
	unit := func(level float64) string {
		if p.Model == plan.Closed {
			return number(int64(level)) + " clients"
		}
		return rate(level)
	}
	var parts []string
	for _, s := range p.Stages {
		text := unit(s.From)
		if s.From != s.To {
			text += " to " + unit(s.To)
		}
		parts = append(parts, text+" for "+s.For.String())
	}
	return strings.Join(parts, ", then ")
}

func rangeOf(r plan.Range) string {
	if r.Min == r.Max {
		return number(int64(r.Min)) + " bytes"
	}
	return number(int64(r.Min)) + " to " + number(int64(r.Max)) + " bytes"
}

// machine is the machine that made the load, as a table.
func (r *Result) machine() []fact {
	m := &r.Machine
	cpu := plural(int64(m.CPUs), "core", "cores")
	if m.CPU != "" {
		cpu = m.CPU + ", " + cpu
	}
	facts := []fact{{"System", m.OS + "/" + m.Arch}, {"CPU", cpu}}
	if m.Memory > 0 {
		facts = append(facts, fact{"Memory", size(float64(m.Memory))})
	}
	return append(facts, fact{"Go", m.Go}, fact{"Processes", number(int64(r.Processes))})
}
