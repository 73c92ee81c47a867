package plan

import "math"

// shareOf is the share of a scenario of the mix, from 0 to 1. Part is its index.
func (p *Plan) shareOf(part int) float64 {
	all := 0.0
	for _, s := range p.Mix {
		all += s.Weight
	}
	return p.Mix[part].Weight / all
}

// ClientsOf is how many clients a scenario of the mix has: its share of them, but at
// least one.
func (p *Plan) ClientsOf(part int) int {
	return max(int(math.Round(float64(p.Clients)*p.shareOf(part))), 1)
}

// ScheduleOf is the schedule of a scenario of the mix, for all processes together; waves
// are made by each process. In a mix a scenario with waves keeps its own rate, since the
// mix's rate counts single actions.
func (p *Plan) ScheduleOf(part int) *Schedule {
	scenario, _ := Find(p.Mix[part].Scenario)
	if scenario.Waves && len(p.Mix) > 1 && p.Model == Open {
		return NewSchedule([]Stage{{For: p.Length(), From: scenario.Rate, To: scenario.Rate}}, 1)
	}
	return NewSchedule(p.Stages, p.shareOf(part))
}
