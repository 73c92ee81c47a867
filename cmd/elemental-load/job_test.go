package main

import (
	"testing"
	"time"

	"elemental/cmd/elemental-load/drive"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
)

// TestInterruptedLater: a signal that comes after the load does not make the load a shorter
// one.
func TestInterruptedLater(t *testing.T) {
	p, err := (&plan.Spec{}).Build()
	if err != nil {
		t.Fatal(err)
	}
	for cut, want := range map[bool]string{true: "interrupted after 10s", false: result.Completed} {
		j := &job{
			options: &runOptions{}, plan: p, elapsed: 10 * time.Second, loaded: true, cut: cut,
			collect: measure.NewCollector(p, drive.Operations, 1, nil, func(result.Second) {}),
		}
		r, err := j.result(nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ended != want {
			t.Errorf("cut %v: %q", cut, r.Ended)
		}
	}
}
