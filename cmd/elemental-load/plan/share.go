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
