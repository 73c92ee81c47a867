package result

import (
	"math"

	"golang.org/x/perf/benchmath"
)

// When a difference counts as more than noise.
const (
	alpha     = 0.01 // the probability that equal sides differ as much by chance
	least     = 0.02 // part of the base; smaller differences do not matter
	mostBatch = 20   // samples of a side, if they are stretches of seconds
)

// sampling says what the samples of two sides are.
type sampling struct {
	runs   bool // each run is a sample; otherwise each stretch of seconds is
	length int  // seconds in a stretch
	n      [2]int
	enough bool // there are enough samples to judge
}

// sampled chooses the samples for two sides. If there are enough runs, each run is one.
// Otherwise each stretch of seconds is one, of the same length for both sides:
// neighbouring seconds are alike, so that they must not count as many samples.
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

// canTell reports whether that many samples can show a difference that is not chance:
// with the rank test, if all samples of one side are above all of the other.
func canTell(n [2]int) bool {
	orders := 1.0 // number of ways to order the ranks: n over k
	for i := range n[0] {
		orders *= float64(n[0]+n[1]-i) / float64(i+1)
	}
	return 2/orders < alpha
}

// of returns the samples of a side, without those that are not known. It is nil if the
// measure has no samples of this kind.
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

// judgement is the outcome of comparing one measure.
type judgement int

const (
	alike      judgement = iota // no difference that matters
	apart                       // a difference beyond noise
	unjudged                    // a difference, but too few samples to judge it
	oneUnknown                  // the measure is not known for both sides
)

// judge compares a measure of two sides. They differ beyond noise if the rank test does
// not take the difference for chance, if it is large enough to matter, and if the whole
// runs differ in the same direction.
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
