package result

import "math"

// perSecond is how many of n were done in a second of the measured time.
func (r *Result) perSecond(n int64) float64 {
	if r.Duration <= 0 {
		return 0
	}
	return float64(n) / r.Duration
}

// NothingDone tells that nothing of what the run is about was done.
func (r *Result) NothingDone() bool { return r.main() == nil || r.main().Done == 0 }

// rateOf is how many of an operation were done in a second. Of what was mostly done
// before the load it says nothing.
func (r *Result) rateOf(o *Operation) string {
	if o.Setup {
		return "–"
	}
	return rate(r.pace(o))
}

// pace is how many of an operation were done in a second of the load.
func (r *Result) pace(o *Operation) float64 { return r.perSecond(o.Done - o.Before) }

// main is the operation that the run is about; nil where nothing was done.
func (r *Result) main() *Operation {
	if len(r.Operations) == 0 {
		return nil
	}
	return &r.Operations[0]
}

// operation finds one by its name; nil where there is none.
func (r *Result) operation(name string) *Operation {
	for i := range r.Operations {
		if r.Operations[i].Name == name {
			return &r.Operations[i]
		}
	}
	return nil
}

// refused counts refusals. What a list has and the operations have not (an
// operation that never had an answer may be missing there) counts too.
func (r *Result) refused() int64 {
	var listed, counted int64
	for _, x := range r.Refusals {
		listed += x.Count
	}
	for _, o := range r.Operations {
		counted += o.Refused
	}
	return max(listed, counted)
}

// failed counts calls without an answer, as refused does refusals.
func (r *Result) failed() int64 {
	var listed, counted int64
	for _, x := range r.Failures {
		listed += x.Count
	}
	for _, o := range r.Operations {
		counted += o.Failed
	}
	return max(listed, counted)
}

// violations counts what must never happen and did.
func (r *Result) violations() (n int64) {
	for _, v := range r.Violations {
		n += v.Count
	}
	return n
}

// asked is how many were begun.
func (o *Operation) asked() int64 { return o.Done + o.Refused + o.Failed }

// actions is how much was scheduled and done by all scenarios.
func (r *Result) actions() (scheduled, done int64) {
	for _, p := range r.Parts {
		scheduled += p.Scheduled
		done += p.Done
	}
	return scheduled, done
}

// measured are the seconds that the figures are of: without the warm-up and
// without a last second that is not whole.
func (r *Result) measured() []Second {
	var within []Second
	for _, s := range r.Seconds {
		if r.phase(s.Second) == phaseLoad {
			within = append(within, s)
		}
	}
	return within
}

// The phases of a run.
const (
	phaseWarmup = "warmup"
	phaseLoad   = "load"
	phaseEnd    = "end" // a last second that is not whole, and the wait for late answers
)

// phase is what a second belongs to.
func (r *Result) phase(second int) string {
	const slack = 0.05 // seconds; clocks and plans do not meet exactly
	switch {
	case float64(second) < math.Ceil(r.Warmup-slack):
		return phaseWarmup
	case float64(second)+1 <= r.Warmup+r.Duration+slack:
		return phaseLoad
	default:
		return phaseEnd
	}
}
