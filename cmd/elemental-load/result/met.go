package result

import (
	"errors"
	"fmt"
)

// Check compares a run with the expectation. If nothing was measured or the provider's
// process is not known, the expectation is not met, and Value says why.
func (e Expectation) Check(r *Result) Met {
	met := Met{Expectation: e.text}
	v, err := e.measured(r)
	if err != nil {
		met.Value = err.Error()
		return met
	}
	met.Value = e.show(v)
	met.Met = e.holds(v)
	return met
}

func (e Expectation) holds(v float64) bool {
	switch e.operator {
	case "<":
		return v < e.value
	case "<=":
		return v <= e.value
	case ">":
		return v > e.value
	case ">=":
		return v >= e.value
	case "!=":
		return v != e.value
	default:
		return v == e.value
	}
}

// show writes a measured value for people.
func (e Expectation) show(v float64) string {
	switch e.figure.kind {
	case aTime:
		return latency(v)
	case aSize:
		return size(v)
	case aRate:
		return rate(v)
	case aPercent:
		return cores(v)
	}
	return number(int64(v))
}

// measured is the run's value of the figure.
func (e Expectation) measured(r *Result) (float64, error) {
	if v, known, err := e.ofRun(r); known {
		return v, err
	}
	if len(r.Operations) == 0 {
		return 0, errors.New("nothing was measured")
	}
	o := e.of(r)
	switch e.figure.name {
	case "rate":
		return r.pace(o), nil
	case "done":
		return float64(o.Done), nil
	case "errors":
		return float64(o.Refused + o.Failed), nil
	case "refused":
		return float64(o.Refused), nil
	case "failed":
		return float64(o.Failed), nil
	}
	return e.latency(r, o)
}

// of is the operation that the expectation is about. If the run never had it (it never
// lost a connection, for example), it is an empty one.
func (e Expectation) of(r *Result) *Operation {
	if e.operation == "" {
		return r.main()
	}
	if o := r.operation(e.operation); o != nil {
		return o
	}
	return &Operation{Name: e.operation}
}

// latency is a latency of the operations that were answered. If so many got no answer or
// were not begun that the figure cannot be known, it is an error.
func (e Expectation) latency(r *Result, o *Operation) (float64, error) {
	l := &o.Corrected
	if e.uncorrected {
		l = &o.Uncorrected
	}
	if l.Count == 0 {
		return 0, fmt.Errorf("no %s was measured", o.Name)
	}
	without := o.Failed
	if o == r.main() {
		without += r.notBegun()
	}
	// Not l.Count: the closed model has put requests into it that were never sent.
	if answered := float64(o.Done) / float64(o.Done+without); answered < shares[e.figure.name] {
		return 0, fmt.Errorf("%s %s had no answer", number(without), nounOf(o.Name))
	}
	return map[string]float64{
		"p50": l.P50, "p90": l.P90, "p95": l.P95, "p99": l.P99, "p99.9": l.P999, "p99.99": l.P9999,
		"max": l.Max, "mean": l.Mean, "min": l.Min,
	}[e.figure.name], nil
}

// shares says for how many of all operations the time must be known to know a figure; for
// max all.
var shares = map[string]float64{
	"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1, "mean": 0.99,
}

// ofRun is a figure of the whole run. Known is false if the figure is of an operation.
func (e Expectation) ofRun(r *Result) (v float64, known bool, err error) {
	if e.operation != "" {
		return 0, false, nil
	}
	switch e.figure.name {
	case "errors":
		return float64(r.refused() + r.failed()), true, nil
	case "refused":
		return float64(r.refused()), true, nil
	case "failed":
		return float64(r.failed()), true, nil
	case "violations":
		return float64(r.violations()), true, nil
	case "heldback":
		return float64(r.Generator.HeldBack), true, nil
	case "behind":
		if r.Generator.Behind {
			return 1, true, nil
		}
		return 0, true, nil
	case "cpu", "memory", "memoryperconn":
		v, err := r.Provider.figure(e.figure.name)
		return v, true, err
	}
	return 0, false, nil
}

// figure is what the provider's process used. u may be nil.
func (u *Usage) figure(name string) (float64, error) {
	switch {
	case u == nil:
		return 0, errors.New("the provider's process is not known")
	case name == "cpu":
		return u.CPU, nil
	case name == "memory":
		return float64(u.Memory), nil
	case u.PerConn == 0:
		return 0, errors.New("there were too few connections to tell")
	default:
		return u.PerConn, nil
	}
}
