package drive

import (
	"slices"
	"testing"
	"time"

	"elemental/cmd/elemental-load/plan"
)

// TestProcessesShareTheLoad: however many processes there are, together they do just what
// is due, or have as many clients at work as the level says. A wave is made by each.
func TestProcessesShareTheLoad(t *testing.T) {
	for _, of := range []int{1, 3, 4, 32} {
		for _, scenario := range plan.Scenarios {
			var dues, want []time.Duration
			working, level := 0, 2.0
			p := plan.Plan{
				Mix: []plan.Share{{Scenario: scenario.Name, Weight: 1}}, Model: plan.Open, Clients: 20,
				Stages: []plan.Stage{{For: time.Second, From: level, To: level}, {For: time.Second, From: 9, To: 9}},
			}
			for number := range of {
				w := &Worker{world: &World{Plan: p, Accounts: make([]Account, 1), Parts: make([]Site, 1)}, number: number, of: of}
				mine := newPart(w, 0)
				for k := int64(0); len(mine.actors) > 0; k++ {
					due, more := mine.at(k)
					if !more {
						break
					}
					dues = append(dues, due)
				}
				for _, c := range mine.actors {
					if float64(c.rank) < mine.schedule.Level(0) {
						working++
					}
				}
			}
			times := 1
			if scenario.Waves {
				times = min(of, p.Clients)
			}
			for k := range int64(11) {
				due, _ := p.ScheduleOf(0).At(k)
				want = append(want, slices.Repeat([]time.Duration{due}, times)...)
			}
			if slices.Sort(dues); !slices.Equal(dues, want) {
				t.Errorf("%s, %d processes: %d actions, due at %v, not at %v", scenario.Name, of, len(dues), dues, want)
			}
			if !scenario.Waves && working != int(level) {
				t.Errorf("%s, %d processes: %d clients at work", scenario.Name, of, working)
			}
		}
	}
}

// TestProcessesShareThePorts: a source address has only so many ports for all processes.
func TestProcessesShareThePorts(t *testing.T) {
	const clients, of = 120_000, 200 // more than an address has ports; few enough files for each process
	world := &World{
		Plan:     plan.Plan{Mix: []plan.Share{{Scenario: "connect", Weight: 1}}, Clients: clients},
		Accounts: make([]Account, 1), Parts: make([]Site, 1), Reach: Reach{Address: "127.0.0.1:1"},
	}
	w, err := NewWorker(world, 0, of, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if len(w.dialer.Sources) < 2 {
		t.Errorf("%d connections from %v", clients, w.dialer.Sources)
	}
}
