package inspector

import (
	"runtime/metrics"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
)

// An answer is counted a moment before its time is. If a page looks in between, the
// answer must be in that flow, since the next one would take it for an old one.
func TestNoAnswerIsLostBetweenTwoLooks(t *testing.T) {
	now := time.Now()
	before, after := &snapshot{at: now.Add(-time.Second)}, &snapshot{at: now}
	after.calls.Calls = map[string]telemetry.CallCount{
		"message": {Answers: map[string]uint64{"": 2, string(actors.NoSuchServer): 1}},
		"ping":    {Answers: map[string]uint64{"": 0}},
	}
	f := after.flowSince(before)
	if c := f.Calls["message"]; c.OK != 2 || c.Refused != 1 || f.Refused["no_such_server"] != 1 {
		t.Errorf("%+v, refused %v", f.Calls, f.Refused)
	}
	if _, there := f.Calls["ping"]; there {
		t.Error("a call that nobody made is told")
	}
}

// Pauses are told of since the look before, not since the start.
func TestPausesAreThoseBetweenTwoLooks(t *testing.T) {
	pauses := func(counts ...uint64) *snapshot {
		return &snapshot{gcPauses: &metrics.Float64Histogram{Counts: counts, Buckets: []float64{0, 1e-6, 2e-6, 3e-6}}}
	}
	if us := pauses(500, 98, 2).flowSince(pauses(500, 0, 0)).GC.PauseP99; us != 3 {
		t.Errorf("%v microseconds", us)
	}
}
