package result

import (
	"errors"
	"fmt"
)

// Check compares a run with the expectation. What cannot be told, since nothing was
// measured or the provider's process is not known, is not met, and Value says why.
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

// show is a measured value as people read it.
func (e Expectation) show(v float64) string {
	for _, f := range figures {
		if f.name != e.figure {
			continue
		}
		switch f.kind {
		case aTime:
			return latency(v)
		case aSize:
			return size(v)
		case aRate:
			return rate(v)
		case aPercent:
			return cores(v)
		}
	}
	return number(int64(v))
}

// measured is what the run says of the figure.
func (e Expectation) measured(r *Result) (float64, error) {
	if v, known, err := e.ofRun(r); known {
		return v, err
	}
	if len(r.Operations) == 0 {
		return 0, errors.New("nothing was measured")
	}
	o := e.of(r)
	switch e.figure {
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

// of is the operation that is meant: one without anything in it where the run never came
// to do it, such as to lose a connection.
func (e Expectation) of(r *Result) *Operation {
	if e.operation == "" {
		return r.main()
	}
	if o := r.operation(e.operation); o != nil {
		return o
	}
	return &Operation{Name: e.operation}
}

// latency is a latency of those that were answered; it is an error where so many had no
// answer, or were not begun, that the figure cannot be told.
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
	if answered := float64(l.Count) / float64(l.Count+without); answered < shares[e.figure] {
		return 0, fmt.Errorf("%s %s had no answer", number(without), nounOf(o.Name))
	}
	return map[string]float64{
		"p50": l.P50, "p90": l.P90, "p95": l.P95, "p99": l.P99, "p99.9": l.P999, "p99.99": l.P9999,
		"max": l.Max, "mean": l.Mean, "min": l.Min,
	}[e.figure], nil
}

// shares is of how many of all operations a figure needs the time; max of all.
var shares = map[string]float64{
	"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1, "mean": 0.99,
}

// ofRun is a figure of the whole run, if it is one.
func (e Expectation) ofRun(r *Result) (v float64, known bool, err error) {
	if e.operation != "" {
		return 0, false, nil
	}
	switch e.figure {
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
		v, err := r.Provider.figure(e.figure)
		return v, true, err
	}
	return 0, false, nil
}

// figure is what a process used; u may be nil.
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
