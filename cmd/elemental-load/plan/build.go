package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults for what neither the user nor the scenario says.
const (
	defaultScenario = "chat"
	defaultDuration = Duration(10 * time.Second)
)

// Build makes a plan of a spec. It fills in the defaults of the scenarios, and refuses
// what cannot be done with an error for the person who wrote the spec.
func (s *Spec) Build() (*Plan, error) {
	mix, err := s.mix()
	if err != nil {
		return nil, err
	}
	base := together
	if len(mix) == 1 {
		base, _ = Find(mix[0].Scenario)
	}
	p := &Plan{
		Mix: mix, Model: cmp.Or(s.Model, Open),
		Clients: count(s.Clients, base.Clients), Users: count(s.Users, base.Users), Servers: count(s.Servers, base.Servers),
		Channels: count(s.Channels, base.Channels), History: count(s.History, base.History),
		Size: cmp.Or(s.Size, base.Size), Warmup: time.Duration(or(s.Warmup, 0)),
		Pipeline: count(s.Pipeline, 1), Think: time.Duration(or(s.Think, 0)),
	}
	if p.Stages, err = s.stages(p, base); err != nil {
		return nil, err
	}
	if s.Clients == nil && p.Model == Open {
		p.Clients = max(p.Clients, p.fewest())
	}
	if s.Users == nil {
		p.Users = max(p.Users, p.ownUsers())
	}
	if s.Servers == nil && s.Channels == nil {
		p.crowd()
	}
	return p, p.check(s)
}

// or is the value that was given, or else the usual one.
func or[T any](given *T, usual T) T {
	if given != nil {
		return *given
	}
	return usual
}

func count(given *Count, usual int) int { return int(or(given, Count(usual))) }

// crowd reduces servers and channels until there are about five clients for each channel:
// with one client in each, nobody would get pushes of others.
func (p *Plan) crowd() {
	const circle = 5
	for p.Servers*p.Channels > max(p.Clients/circle, 1) {
		if p.Servers > p.Channels {
			p.Servers--
		} else {
			p.Channels--
		}
	}
}

// fewest is how many clients are needed for the peak rate, since clients of some
// scenarios may act only at intervals.
func (p *Plan) fewest() int {
	longest := 0.0
	for _, share := range p.Mix {
		scenario, _ := Find(share.Scenario)
		longest = max(longest, scenario.Interval)
	}
	return int(math.Ceil(p.peak() * longest))
}

// mix lists the scenarios, each once. "mixed" is replaced by its parts.
func (s *Spec) mix() ([]Share, error) {
	asked := s.Scenarios
	if len(asked) == 0 {
		asked = Mix{{defaultScenario, 1}}
	}
	var mix []Share
	add := func(name string, weight float64) {
		for i := range mix {
			if mix[i].Scenario == name {
				mix[i].Weight += weight
				return
			}
		}
		mix = append(mix, Share{name, weight})
	}
	for _, a := range asked {
		if a.Scenario == Mixed {
			for _, m := range mixed {
				add(m.Scenario, a.Weight*m.Weight/100)
			}
			continue
		}
		if _, known := Find(a.Scenario); !known {
			return nil, fmt.Errorf("no scenario %q: there are %s", a.Scenario, names())
		}
		add(a.Scenario, a.Weight)
	}
	return mix, nil
}

// ownUsers is how many users are needed by scenarios in which every client needs its own.
func (p *Plan) ownUsers() int {
	most := 0
	for i, share := range p.Mix {
		if scenario, _ := Find(share.Scenario); scenario.OwnUsers {
			most = max(most, p.ClientsOf(i))
		}
	}
	return most
}

// stages are those that were given, or one stage at the rate, after a ramp if there is
// one.
func (s *Spec) stages(p *Plan, base Scenario) ([]Stage, error) {
	if len(s.Stages) > 0 {
		if s.Rate != nil || s.Duration != nil || s.Ramp != nil {
			return nil, fmt.Errorf("stages say rates and times: leave out rate, duration and ramp")
		}
		return s.Stages, nil
	}
	level := float64(or(s.Rate, Number(base.Rate)))
	if p.Model == Closed {
		if s.Rate != nil {
			return nil, fmt.Errorf("the closed model has no rate: its clients send when they are answered; use clients, think, or the open model")
		}
		level = float64(p.Clients)
	}
	length, ramp := time.Duration(or(s.Duration, defaultDuration)), time.Duration(or(s.Ramp, 0))
	if length == 0 {
		return nil, fmt.Errorf("duration: it must be above 0")
	}
	if ramp >= length {
		return nil, fmt.Errorf("a ramp of %v leaves nothing of a duration of %v", ramp, length)
	}
	if ramp == 0 {
		return []Stage{{length, level, level}}, nil
	}
	return []Stage{{ramp, 0, level}, {length - ramp, level, level}}, nil
}

// LeastSize is the least size of a message in bytes. Each message says who sent it and
// when, which takes that much room.
const LeastSize = 96

// The most that one run may be told to do.
const (
	mostClients  = 1_000_000
	mostUsers    = 100_000
	mostServers  = 100_000
	mostChannels = 100_000
	mostHistory  = 10_000_000
	mostSize     = 1 << 20
	mostPipeline = 1024
	mostRate     = 10_000_000
)

// check finds mistakes that no single value shows.
func (p *Plan) check(s *Spec) error {
	if err := p.checkNumbers(s); err != nil {
		return err
	}
	if p.Size.Min < LeastSize {
		return fmt.Errorf("size: %d is too little, a message has %d bytes at least: it says who sent it, and when", p.Size.Min, LeastSize)
	}
	if p.Model != Open && p.Model != Closed {
		return fmt.Errorf("model: %q is neither open nor closed", p.Model)
	}
	if !(or(s.Rate, 1) > 0 && p.peak() <= mostRate) { // written so that it also refuses NaN
		return fmt.Errorf("rate: it must be above 0 and at most %d a second", mostRate)
	}
	if p.Warmup%time.Second != 0 {
		return fmt.Errorf("a warm-up of %v: it has to be whole seconds, since the figures leave out whole ones", p.Warmup)
	}
	if p.Model == Open && NewSchedule(p.Stages, 1).Total() == 0 {
		return fmt.Errorf("nothing is due in %v at that rate", p.Length())
	}
	if p.Warmup >= p.Length() {
		return fmt.Errorf("a warm-up of %v leaves nothing of a run of %v", p.Warmup, p.Length())
	}
	if p.Model == Open && (p.Pipeline > 1 || p.Think > 0) {
		return fmt.Errorf("pipeline and think are for the closed model: the open one sends on schedule")
	}
	if p.Pipeline > 1 && !p.any(func(one Scenario) bool { return one.Steady }) {
		return fmt.Errorf("pipeline: each client of %s does one thing after the other", p.Mix[0].Scenario)
	}
	if p.Model == Closed && p.peak() > float64(p.Clients) {
		return fmt.Errorf("stages: %v clients are more than the %d that there are", p.peak(), p.Clients)
	}
	return p.checkScenarios()
}

// checkNumbers finds counts that are too large, and counts below one that the user has
// given. A scenario's own defaults may be 0.
func (p *Plan) checkNumbers(s *Spec) error {
	for _, n := range []struct {
		name        string
		given       *Count
		all, atMost int
	}{
		{"clients", s.Clients, p.Clients, mostClients}, {"users", s.Users, p.Users, mostUsers},
		{"servers", s.Servers, p.Servers, mostServers}, {"channels", s.Channels, p.Channels, mostChannels},
		{"history", s.History, p.History, mostHistory}, {"pipeline", s.Pipeline, p.Pipeline, mostPipeline},
		{"size", nil, p.Size.Max, mostSize},
	} {
		if n.all > n.atMost || count(n.given, 1) < 1 {
			return fmt.Errorf("%s: %d is out of range, 1 to %d", n.name, n.all, n.atMost)
		}
	}
	return nil
}

func (p *Plan) checkScenarios() error {
	for i, share := range p.Mix {
		scenario, _ := Find(share.Scenario)
		clients := p.ClientsOf(i)
		if clients < scenario.Least {
			return fmt.Errorf("%s needs %d clients or more, it has %d", scenario.Name, scenario.Least, clients)
		}
		if scenario.OwnUsers && p.Users < clients {
			return fmt.Errorf("%s needs a user for each client: %d users for %d clients are too few", scenario.Name, p.Users, clients)
		}
		most := float64(clients) / max(scenario.Interval, 1e-9)
		if peak := p.peak() * p.shareOf(i); p.Model == Open && peak > most*1.0001 {
			return fmt.Errorf("%s: %.0f a second need %.0f clients, it has %d: each may ask every %v s",
				scenario.Name, peak, math.Ceil(peak*scenario.Interval), clients, scenario.Interval)
		}
	}
	return nil
}

// any tells whether a scenario of the mix is like that.
func (p *Plan) any(like func(Scenario) bool) bool {
	return slices.ContainsFunc(p.Mix, func(share Share) bool {
		scenario, _ := Find(share.Scenario)
		return like(scenario)
	})
}

// ReadsHistory tells whether a scenario of the mix reads messages that were made beforehand. If
// none does, none are made, whatever History says.
func (p *Plan) ReadsHistory() bool {
	return p.any(func(one Scenario) bool { return one.History > 0 })
}

// peak is the highest level of all stages.
func (p *Plan) peak() float64 {
	highest := 0.0
	for _, s := range p.Stages {
		highest = max(highest, s.From, s.To)
	}
	return highest
}

// Length is how long the load lasts.
func (p *Plan) Length() (all time.Duration) {
	for _, s := range p.Stages {
		all += s.For
	}
	return all
}

// Title describes the plan in one line.
func (p *Plan) Title() string {
	var names []string
	for i, s := range p.Mix {
		name := s.Scenario
		if len(p.Mix) > 1 {
			name = fmt.Sprintf("%s %.0f%%", name, p.shareOf(i)*100)
		}
		names = append(names, name)
	}
	return fmt.Sprintf("%s, %s model, %s", strings.Join(names, " + "), p.Model, p.pace())
}

// pace describes the stages in words.
func (p *Plan) pace() string {
	unit := "/s"
	if p.Model == Closed {
		unit = " clients"
	}
	if len(p.Stages) > 3 {
		return fmt.Sprintf("%d stages up to %s%s in %v", len(p.Stages), plainly(p.peak()), unit, p.Length())
	}
	var words []string
	for _, s := range p.Stages {
		level := plainly(s.From)
		if s.From != s.To {
			level += " to " + plainly(s.To)
		}
		words = append(words, fmt.Sprintf("%s%s for %v", level, unit, s.For))
	}
	return strings.Join(words, ", then ")
}

// plainly writes a number without an exponent.
func plainly(level float64) string { return strconv.FormatFloat(level, 'f', -1, 64) }
