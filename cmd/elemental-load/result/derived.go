package result

import "math"

// perSecond is n divided by the seconds of the measured time.
func (r *Result) perSecond(n int64) float64 {
	if r.Duration <= 0 {
		return 0
	}
	return float64(n) / r.Duration
}

// NothingDone tells whether the run's main operation was never done.
func (r *Result) NothingDone() bool { return r.main() == nil || r.main().Done == 0 }

// rateOf writes how many of an operation were done per second. An operation mostly done
// before the load has no rate.
func (r *Result) rateOf(o *Operation) string {
	if o.Setup {
		return "–"
	}
	return rate(r.pace(o))
}

// pace is how many of an operation were done per second of the load.
func (r *Result) pace(o *Operation) float64 { return r.perSecond(o.Done - o.Before) }

// main is the operation that the run is about, or nil if there are no operations.
func (r *Result) main() *Operation {
	if len(r.Operations) == 0 {
		return nil
	}
	return &r.Operations[0]
}

// operation finds an operation by its name, or returns nil.
func (r *Result) operation(name string) *Operation {
	for i := range r.Operations {
		if r.Operations[i].Name == name {
			return &r.Operations[i]
		}
	}
	return nil
}

// refused is how many operations were refused. The list of refusals may have more than
// the operations have, since an operation that never succeeded may be missing there: the
// larger count is taken.
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

// failed is how many operations got no answer. It counts as refused does.
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

// violations is how often something happened that must never happen.
func (r *Result) violations() (n int64) {
	for _, v := range r.Violations {
		n += v.Count
	}
	return n
}

// asked is how many were begun.
func (o *Operation) asked() int64 { return o.Done + o.Refused + o.Failed }

// actions is how many actions of all scenarios were scheduled and done.
func (r *Result) actions() (scheduled, done int64) {
	for _, p := range r.Parts {
		scheduled += p.Scheduled
		done += p.Done
	}
	return scheduled, done
}

// measured are the seconds that runs are compared by: without the warm-up and without the
// end.
func (r *Result) measured() []Second {
	var within []Second
	for _, s := range r.Seconds {
		if r.phase(s.Second) == phaseLoad {
			within = append(within, s)
		}
	}
	return within
}

// The phases of a run, as seconds.csv names them.
const (
	phaseWarmup = "warmup"
	phaseLoad   = "load"
	phaseEnd    = "end" // a last second that is cut short, and the wait for late answers
)

const leeway = 0.05 // in seconds: measured times never meet the plan exactly

// phase is the phase that a second belongs to.
func (r *Result) phase(second int) string {
	switch {
	case float64(second) < math.Ceil(r.Warmup-leeway):
		return phaseWarmup
	case float64(second)+1 <= min(r.Warmup+r.Duration, r.Plan.Length().Seconds())+leeway:
		return phaseLoad
	default:
		return phaseEnd
	}
}
