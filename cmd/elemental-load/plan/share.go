package plan

import "math"

// ShareOf is a part's share of the whole, from 0 to 1.
func (p *Plan) ShareOf(part int) float64 {
	all := 0.0
	for _, s := range p.Mix {
		all += s.Weight
	}
	return p.Mix[part].Weight / all
}

// ClientsOf is how many clients a part has: its share of them, one at least.
func (p *Plan) ClientsOf(part int) int {
	return max(int(math.Round(float64(p.Clients)*p.ShareOf(part))), 1)
}

// ScheduleOf is when a part's actions are due; of how much of them, from 0 to 1. Waves
// keep their own pace in a mix, where the rate is that of single actions.
func (p *Plan) ScheduleOf(part int, of float64) *Schedule {
	scenario, _ := Find(p.Mix[part].Scenario)
	if scenario.Waves && len(p.Mix) > 1 && p.Model == Open {
		return NewSchedule([]Stage{{For: p.Length(), From: scenario.Rate, To: scenario.Rate}}, of)
	}
	return NewSchedule(p.Stages, p.ShareOf(part)*of)
}
