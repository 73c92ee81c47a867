package result

import (
	"math"
	"slices"
)

// measure is a figure by which sides are compared. An unknown value is NaN.
type measure struct {
	name       string
	show       func(float64) string
	moreIsGood bool
	ofRun      func(*Result) float64
	ofSeconds  func(stretch) float64 // nil: a single second says nothing about it
}

// measures lists the measures of all operations that any side has, in the order of the
// first side that has them, and then those of the provider.
func measures(sides []Side) []measure {
	var all []measure
	seen := map[string]bool{}
	for _, s := range sides {
		for _, r := range s.Runs {
			for _, o := range r.Operations {
				if !seen[o.Name] && !o.Setup {
					seen[o.Name] = true
					all = append(all, measuresOf(o.Name)...)
				}
			}
		}
	}
	return append(all, measuresOfProvider...)
}

func measuresOf(name string) []measure {
	of := func(figure func(*Result, *Operation) float64) func(*Result) float64 {
		return func(r *Result) float64 {
			if o := r.operation(name); o != nil {
				return figure(r, o)
			}
			return math.NaN()
		}
	}
	took := func(figure func(*Latency) float64) func(*Result) float64 {
		return of(func(_ *Result, o *Operation) float64 {
			if o.Corrected.Count == 0 {
				return math.NaN()
			}
			return figure(&o.Corrected)
		})
	}
	second := func(figure func(stretchOf) float64) func(stretch) float64 {
		return func(x stretch) float64 { return figure(x.of(name)) }
	}
	return []measure{
		{name + " rate", rate, true, of(func(r *Result, o *Operation) float64 { return r.pace(o) }),
			second(func(x stretchOf) float64 { return x.done })},
		{name + " p50", latency, false, took(func(l *Latency) float64 { return l.P50 }), second(func(x stretchOf) float64 { return x.p50 })},
		{name + " p99", latency, false, took(func(l *Latency) float64 { return l.P99 }), second(func(x stretchOf) float64 { return x.p99 })},
		{name + " p99.9", latency, false, took(func(l *Latency) float64 { return l.P999 }), nil},
		{name + " max", latency, false, took(func(l *Latency) float64 { return l.Max }), second(func(x stretchOf) float64 { return x.max })},
		{name + " errors", counted, false, of(func(_ *Result, o *Operation) float64 { return float64(o.Refused + o.Failed) }), nil},
	}
}

func counted(n float64) string { return number(int64(math.Round(n))) }

// measuresOfProvider does not judge memory by seconds: it grows and then stays, so that
// one second says nothing that the next one does not.
var measuresOfProvider = []measure{
	{"CPU per action", latency, false, cpuPerAction, func(x stretch) float64 { return perAction(x.cpu, x.started) }},
	{"memory", size, false, func(r *Result) float64 {
		if r.Provider == nil {
			return math.NaN()
		}
		return float64(r.Provider.Memory)
	}, nil},
}

// cpuPerAction is the provider's CPU time per action, in milliseconds.
func cpuPerAction(r *Result) float64 {
	if r.Provider == nil {
		return math.NaN()
	}
	_, done := r.actions()
	return perAction(r.Provider.CPU, r.perSecond(done))
}

func perAction(cpuPercent, perSecond float64) float64 {
	if perSecond <= 0 {
		return math.NaN()
	}
	const millisPerPercent = 10 // of CPU time, in one second at one percent of a core
	return cpuPercent * millisPerPercent / perSecond
}

// of is the measure of a side: the median of its runs.
func (m *measure) of(s *Side) float64 {
	var values []float64
	for _, r := range s.Runs {
		if v := m.ofRun(r); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return median(values)
}

// shown writes a value of a side; "–" if it is not known.
func (m *measure) shown(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return m.show(v)
}

// known reports whether any of the sides has a value.
func (m *measure) known(sides []Side) bool {
	return slices.ContainsFunc(sides, func(s Side) bool { return !math.IsNaN(m.of(&s)) })
}
