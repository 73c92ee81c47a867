package result

import (
	"math"
	"slices"
)

// stretch is one or several seconds in a row, with figures per second. An unknown value
// is NaN.
type stretch struct {
	begin, length                      int // its first second, and the number of seconds
	scheduled, started, refused, fails float64
	connections                        float64
	loadCPU, cpu, memory               float64
	operations                         map[string]stretchOf
}

// stretchOf is one operation in a stretch.
type stretchOf struct{ done, p50, p99, max float64 }

// of is an operation in the stretch. If the run does not have the operation, all values
// are NaN.
func (x *stretch) of(name string) stretchOf {
	if one, known := x.operations[name]; known {
		return one
	}
	nothing := math.NaN()
	return stretchOf{nothing, nothing, nothing, nothing}
}

// stretches divides the seconds into stretches of that length. The last one may be
// shorter. Counts and CPU are the mean of the seconds, p50 and p99 their median, and max,
// memory and connections their maximum. Of what was scheduled, started and done, a second
// that was cut short tells no rate.
func (r *Result) stretches(seconds []Second, length int) []stretch {
	var all []stretch
	for several := range slices.Chunk(seconds, length) {
		all = append(all, r.stretch(several))
	}
	return all
}

func (r *Result) stretch(seconds []Second) stretch {
	of := func(combine func([]float64) float64, figure func(Second) float64) float64 {
		return combined(seconds, combine, figure)
	}
	whole := r.whole(seconds)
	x := stretch{
		begin:       seconds[0].Second,
		length:      len(seconds),
		scheduled:   combined(whole, mean, func(s Second) float64 { return float64(s.Scheduled) }),
		started:     combined(whole, mean, func(s Second) float64 { return float64(s.Started) }),
		refused:     of(mean, func(s Second) float64 { return float64(s.Refused) }),
		fails:       of(mean, func(s Second) float64 { return float64(s.Failed) }),
		connections: of(slices.Max, func(s Second) float64 { return float64(s.Connections) }),
		loadCPU:     of(mean, func(s Second) float64 { return s.LoadCPU }),
		cpu:         math.NaN(),
		memory:      math.NaN(),
		operations:  map[string]stretchOf{},
	}
	if there := slices.DeleteFunc(slices.Clone(seconds), func(s Second) bool { return !r.usageKnown(s) }); len(there) > 0 {
		x.cpu = combined(there, mean, func(s Second) float64 { return s.CPU })
		x.memory = combined(there, slices.Max, func(s Second) float64 { return float64(s.Memory) })
	}
	for _, o := range r.Operations {
		one := stretchOfSlices(seconds, o.Name)
		one.done = combined(whole, mean, func(s Second) float64 { return float64(s.Operations[o.Name].Done) })
		x.operations[o.Name] = one
	}
	return x
}

func combined(seconds []Second, combine func([]float64) float64, figure func(Second) float64) float64 {
	values := make([]float64, len(seconds))
	for i, s := range seconds {
		values[i] = figure(s)
	}
	return combine(values)
}

// whole are the seconds that were over when the load was.
func (r *Result) whole(seconds []Second) []Second {
	return slices.DeleteFunc(slices.Clone(seconds), func(s Second) bool { return float64(s.Second)+1 > r.Warmup+r.Duration+leeway })
}

// usageKnown tells whether a second says what the provider's process used. It does not once
// that process has ended.
func (r *Result) usageKnown(s Second) bool { return r.Provider != nil && s.Memory > 0 }

// stretchOfSlices combines an operation's latencies: those of seconds in which something was
// done.
func stretchOfSlices(seconds []Second, name string) stretchOf {
	var p50, p99, most []float64
	for _, s := range seconds {
		x := s.Operations[name]
		if x.Done == 0 {
			continue
		}
		p50, p99, most = append(p50, x.P50), append(p99, x.P99), append(most, x.Max)
	}
	all := stretchOf{p50: median(p50), p99: median(p99), max: math.NaN()}
	if len(most) > 0 {
		all.max = slices.Max(most)
	}
	return all
}

// mean is NaN if there are no values.
func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// median is NaN if there are no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
