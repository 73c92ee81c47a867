package plan

import (
	"math"
	"time"
)

// Schedule says when each action is due, and how high the load is at each time.
type Schedule struct {
	stages []Stage
	before []float64 // how many actions are due before each stage
	total  float64
	length time.Duration
	phase  float64
}

// Shifted is the same schedule with each action later, by a part (from 0 to 1) of the
// time to the next action. So several scenarios do not send at the same moments.
func (s *Schedule) Shifted(phase float64) *Schedule {
	shifted := *s
	shifted.phase = phase
	return &shifted
}

// NewSchedule makes the schedule for a share of the stages' load, from 0 to 1.
func NewSchedule(stages []Stage, share float64) *Schedule {
	s := &Schedule{}
	for _, stage := range stages {
		stage.From, stage.To = stage.From*share, stage.To*share
		s.stages = append(s.stages, stage)
		s.before = append(s.before, s.total)
		s.total += (stage.From + stage.To) / 2 * stage.For.Seconds()
		s.length += stage.For
	}
	return s
}

// Length is how long the schedule lasts.
func (s *Schedule) Length() time.Duration { return s.length }

// Total is how many actions are due in all.
func (s *Schedule) Total() int64 { return int64(math.Round(s.total)) }

// At is the time after the start at which action k is due, counted from 0. It returns
// false if there are not that many. The first action is due at once, unless the schedule
// is shifted.
func (s *Schedule) At(k int64) (time.Duration, bool) {
	if k >= s.Total() {
		return 0, false
	}
	var begun time.Duration
	for i, stage := range s.stages {
		size := (stage.From + stage.To) / 2 * stage.For.Seconds()
		left := float64(k) + s.phase - s.before[i]
		if left < size || i == len(s.stages)-1 {
			return begun + stage.reach(min(left, size)), true
		}
		begun += stage.For
	}
	return 0, false
}

// reach is how far into the stage n of its actions are due: the t for which From·t +
// slope·t²/2 = n, in the form that stays exact for a small slope.
func (s Stage) reach(n float64) time.Duration {
	slope := (s.To - s.From) / s.For.Seconds()
	root := math.Sqrt(max(s.From*s.From+2*slope*n, 0))
	if s.From+root == 0 {
		return 0
	}
	return time.Duration(2 * n / (s.From + root) * float64(time.Second))
}

// Due is how many actions are due before a time after the start.
func (s *Schedule) Due(t time.Duration) int64 {
	due := 0.0
	for _, stage := range s.stages {
		part := min(t, stage.For)
		if part <= 0 {
			break
		}
		due += (stage.From + stage.level(part)) / 2 * part.Seconds()
		t -= stage.For
	}
	return min(int64(math.Ceil(due-1e-6)), s.Total())
}

// Level is the load at a time after the start; 0 after the end.
func (s *Schedule) Level(t time.Duration) float64 {
	for _, stage := range s.stages {
		if t < stage.For {
			return stage.level(t)
		}
		t -= stage.For
	}
	return 0
}

func (s Stage) level(t time.Duration) float64 {
	return s.From + (s.To-s.From)*t.Seconds()/s.For.Seconds()
}
