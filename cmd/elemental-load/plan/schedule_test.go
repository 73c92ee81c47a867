package plan_test

import (
	"math"
	"testing"
	"time"

	"elemental/cmd/elemental-load/plan"
)

const second = time.Second

// TestScheduleSpreadsEvenly: at 4 per second one action is due every 250 ms, beginning at
// the start.
func TestScheduleSpreadsEvenly(t *testing.T) {
	s := plan.NewSchedule([]plan.Stage{{For: 2 * second, From: 4, To: 4}}, 1)
	for k := range int64(8) {
		if at, more := s.At(k); at != time.Duration(k)*250*time.Millisecond || !more {
			t.Errorf("action %d is due at %v (%v)", k, at, more)
		}
	}
	if at, more := s.At(8); more {
		t.Errorf("an action after the last, at %v", at)
	}
	if s.Total() != 8 || s.Length() != 2*second {
		t.Errorf("%d actions in %v", s.Total(), s.Length())
	}
}

// TestRamp: a ramp from 0 to 100 per second in 10 s has half the actions of a constant
// 100 per second, and a quarter of these in its first half.
func TestRamp(t *testing.T) {
	s := plan.NewSchedule([]plan.Stage{{For: 10 * second, From: 0, To: 100}}, 1)
	if s.Total() != 500 || s.Due(5*second) != 125 || s.Due(10*second) != 500 {
		t.Errorf("%d in all, %d by half, %d by the end", s.Total(), s.Due(5*second), s.Due(10*second))
	}
	if level := s.Level(2500 * time.Millisecond); level != 25 {
		t.Errorf("at 2.5 s the level is %v", level)
	}
	if at, more := s.At(0); at != 0 || !more {
		t.Errorf("the first action is due at %v (%v), not at once", at, more)
	}
	if at, _ := s.At(125); (at - 5*second).Abs() > time.Millisecond {
		t.Errorf("the 126th action is due at %v, where half of the time is over", at)
	}
}

// TestSpike goes through stages of different levels. One of them falls and one has no
// load.
func TestSpike(t *testing.T) {
	s := plan.NewSchedule([]plan.Stage{
		{For: second, From: 10, To: 10}, {For: second, From: 1000, To: 1000},
		{For: second, From: 100, To: 0}, {For: second, From: 0, To: 0}, {For: second, From: 10, To: 10},
	}, 1)
	for _, want := range []struct {
		by  time.Duration
		due int64
	}{{second, 10}, {2 * second, 1010}, {3 * second, 1060}, {4 * second, 1060}, {5 * second, 1070}} {
		if got := s.Due(want.by); got != want.due {
			t.Errorf("%d are due by %v, not %d", got, want.by, want.due)
		}
	}
	if at, _ := s.At(1060); at != 4*second {
		t.Errorf("the first action after the pause is due at %v", at)
	}
	if s.Level(6*second) != 0 {
		t.Error("a level after the end")
	}
}

// TestScheduleAgrees: At and Due agree for every action, for the whole load and for
// shares of it.
func TestScheduleAgrees(t *testing.T) {
	stages := []plan.Stage{{For: second, From: 3, To: 70}, {For: 2 * second, From: 500, To: 2}, {For: second, From: 7.5, To: 7.5}}
	for _, share := range []float64{1, 0.3, 1.0 / 7} {
		s := plan.NewSchedule(stages, share)
		last := time.Duration(-1)
		for k := range s.Total() {
			at, more := s.At(k)
			if !more || at < last || math.Abs(float64(s.Due(at)-k)) > 1 {
				t.Fatalf("share %v: action %d at %v (the one before at %v), %d due before it", share, k, at, last, s.Due(at))
			}
			last = at
		}
		if s.Due(s.Length()) != s.Total() {
			t.Errorf("share %v: %d of %d by the end", share, s.Due(s.Length()), s.Total())
		}
	}
}

// TestShifted: two equal loads, one of them shifted by half a step, send by turns.
func TestShifted(t *testing.T) {
	half := plan.NewSchedule([]plan.Stage{{For: second, From: 10, To: 10}}, 0.5)
	for k := range half.Total() {
		a, _ := half.At(k)
		b, _ := half.Shifted(0.5).At(k)
		if b-a != 100*time.Millisecond {
			t.Errorf("action %d: %v and %v", k, a, b)
		}
	}
}

// TestWavesInAMix: the rate is divided among single actions, but waves of all clients
// keep their own pace.
func TestWavesInAMix(t *testing.T) {
	p := &plan.Plan{
		Mix: []plan.Share{{Scenario: "chat", Weight: 3}, {Scenario: "reconnect", Weight: 1}}, Model: plan.Open,
		Stages: []plan.Stage{{For: 10 * second, From: 1000, To: 1000}},
	}
	if chat, waves := p.ScheduleOf(0).Total(), p.ScheduleOf(1).Total(); chat != 7500 || waves != 5 {
		t.Errorf("%d posts and %d waves", chat, waves)
	}
	p.Mix = p.Mix[1:]
	p.Stages[0].From, p.Stages[0].To = 0.2, 0.2
	if waves := p.ScheduleOf(0).Total(); waves != 2 {
		t.Errorf("%d waves", waves)
	}
}
