package result

import (
	"math"

	"golang.org/x/perf/benchmath"
)

// When a difference counts as more than noise.
const (
	alpha     = 0.01 // the chance that equal sides look as different as that
	least     = 0.02 // of the base: a smaller difference does not matter
	mostBatch = 20   // of a side, where the seconds are the samples
)

// sampling is what the samples of two sides are.
type sampling struct {
	runs   bool // each run is one; otherwise stretches of seconds are
	length int  // seconds of a stretch
	n      [2]int
	enough bool // samples to tell anything
}

// sampled chooses the samples for two sides: their runs where there are enough,
// and otherwise the seconds of the runs in stretches of one length for both, so
// that seconds in a row, which are alike, do not count as many.
func sampled(base, other *Side) sampling {
	n := [2]int{len(base.Runs), len(other.Runs)}
	if canTell(n) {
		return sampling{runs: true, n: n, enough: true}
	}
	s := sampling{length: 1}
	for _, side := range []*Side{base, other} {
		each := max(mostBatch/len(side.Runs), 1)
		for _, r := range side.Runs {
			s.length = max(s.length, (len(r.measured())+each-1)/each)
		}
	}
	for i, side := range []*Side{base, other} {
		for _, r := range side.Runs {
			s.n[i] += len(r.measured()) / s.length
		}
	}
	s.enough = canTell(s.n)
	return s
}

// canTell reports whether samples of these sizes can differ so much that it
// cannot be chance: with the rank test, if one side's are all above the other's.
func canTell(n [2]int) bool {
	orders := 1.0 // of the ranks: n over k
	for i := range n[0] {
		orders *= float64(n[0]+n[1]-i) / float64(i+1)
	}
	return 2/orders < alpha
}

// of are the samples of a side; what is not known is left out. nil where this
// figure has none.
func (s sampling) of(m *measure, side *Side) []float64 {
	var values []float64
	add := func(v float64) {
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	for _, r := range side.Runs {
		if s.runs {
			add(m.ofRun(r))
			continue
		}
		if m.ofSeconds == nil {
			return nil
		}
		for _, x := range r.stretches(r.measured(), s.length) {
			if x.length == s.length {
				add(m.ofSeconds(x))
			}
		}
	}
	return values
}

// judgement is what a comparison of one figure came to.
type judgement int

const (
	alike      judgement = iota // no difference that matters
	apart                       // a difference beyond noise
	unjudged                    // a difference, and no samples to judge it by
	oneUnknown                  // the figure is known of one side or of none
)

// judge compares a figure of two sides. Beyond noise is what the rank test does
// not take for chance, what matters, and what the figures of the whole runs show
// in the same direction.
func (s sampling) judge(m *measure, base, other *Side) judgement {
	from, to := m.of(base), m.of(other)
	switch {
	case math.IsNaN(from) || math.IsNaN(to):
		return oneUnknown
	case math.Abs(to-from) <= least*math.Abs(from):
		return alike
	}
	a, b := s.of(m, base), s.of(m, other)
	if !canTell([2]int{len(a), len(b)}) {
		return unjudged
	}
	shift := median(b) - median(a)
	if math.Abs(shift) <= least*math.Abs(median(a)) || (shift > 0) != (to > from) {
		return alike
	}
	t := &benchmath.Thresholds{CompareAlpha: alpha}
	if benchmath.AssumeNothing.Compare(benchmath.NewSample(a, t), benchmath.NewSample(b, t)).P < alpha {
		return apart
	}
	return alike
}
