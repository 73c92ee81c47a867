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
// memory and connections their maximum.
func (r *Result) stretches(seconds []Second, length int) []stretch {
	var all []stretch
	for several := range slices.Chunk(seconds, length) {
		all = append(all, r.stretch(several))
	}
	return all
}

func (r *Result) stretch(seconds []Second) stretch {
	of := func(combine func([]float64) float64, figure func(Second) float64) float64 {
		values := make([]float64, len(seconds))
		for i, s := range seconds {
			values[i] = figure(s)
		}
		return combine(values)
	}
	x := stretch{
		begin:       seconds[0].Second,
		length:      len(seconds),
		scheduled:   of(mean, func(s Second) float64 { return float64(s.Scheduled) }),
		started:     of(mean, func(s Second) float64 { return float64(s.Started) }),
		refused:     of(mean, func(s Second) float64 { return float64(s.Refused) }),
		fails:       of(mean, func(s Second) float64 { return float64(s.Failed) }),
		connections: of(slices.Max, func(s Second) float64 { return float64(s.Connections) }),
		loadCPU:     of(mean, func(s Second) float64 { return s.LoadCPU }),
		cpu:         math.NaN(),
		memory:      math.NaN(),
		operations:  map[string]stretchOf{},
	}
	if r.Provider != nil {
		x.cpu = of(mean, func(s Second) float64 { return s.CPU })
		x.memory = of(slices.Max, func(s Second) float64 { return float64(s.Memory) })
	}
	for _, o := range r.Operations {
		x.operations[o.Name] = stretchOfSlices(seconds, o.Name)
	}
	return x
}

// stretchOfSlices combines an operation's figures. Its latencies are only those of
// seconds in which something was done.
func stretchOfSlices(seconds []Second, name string) stretchOf {
	var done float64
	var p50, p99, most []float64
	for _, s := range seconds {
		x := s.Operations[name]
		if x.Done == 0 {
			continue
		}
		done += float64(x.Done)
		p50, p99, most = append(p50, x.P50), append(p99, x.P99), append(most, x.Max)
	}
	all := stretchOf{done: done / float64(len(seconds)), p50: median(p50), p99: median(p99), max: math.NaN()}
	if len(most) > 0 {
		all.max = slices.Max(most)
	}
	return all
}

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
