package main

import (
	"slices"
	"time"

	"elemental/bench/crowd"
)

// connectAtOnce is how many connections are made before they log in. A listener's queue
// has room for some thousands.
const connectAtOnce = 250

// connect makes a crowd of that many connections, which are logged in. It is closed at
// the end of the row.
func (l *lab) connect(s *subject, members int) (*crowd.Crowd, error) {
	c, err := crowd.New(s.addr, s.scan)
	if err != nil {
		return nil, err
	}
	l.later(c.Close)
	for c.Size() < members {
		known := c.Size()
		if err := c.Join(l.ctx, min(connectAtOnce, members-known)); err != nil {
			return nil, err
		}
		if err := l.once(c, func(i int) []byte { return onlyFrom(known, i, s.hello(i)) }); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func onlyFrom(first, i int, request string) []byte {
	if i < first || request == "" {
		return nil
	}
	return []byte(request)
}

// once lets each member send one request, or none if request returns nil.
func (l *lab) once(c *crowd.Crowd, request func(member int) []byte) error {
	asked := make([]bool, c.Size())
	_, err := c.Run(l.ctx, crowd.Load{Next: func(member int, _ time.Time) []byte {
		if asked[member] {
			return nil
		}
		asked[member] = true
		return request(member)
	}})
	return err
}

// scripts lets the members work through count scripts. Each script is done by one
// connection, in order.
func (l *lab) scripts(c *crowd.Crowd, depth, count int, script func(i int) []string) error {
	next := 0
	left := make([][]string, c.Size())
	_, err := c.Run(l.ctx, crowd.Load{Depth: depth, Next: func(member int, _ time.Time) []byte {
		for len(left[member]) == 0 {
			if next == count {
				return nil
			}
			left[member] = script(next)
			next++
		}
		line := left[member][0]
		left[member] = left[member][1:]
		return []byte(line)
	}})
	return err
}

// The connections that fill a channel quickly, and the requests that each has under way.
const (
	fillers   = 16
	fillDepth = 32
)

// fill posts each messages to every channel, one channel after another.
func (l *lab) fill(s *subject, channels []string, each int) error {
	c, err := l.connect(s, fillers)
	if err != nil {
		return err
	}
	defer c.Close()
	l.tell("posting %d messages", len(channels)*each)
	sent := 0
	line := map[string][]byte{}
	for _, name := range channels {
		line[name] = []byte(s.post(name))
	}
	_, err = c.Run(l.ctx, crowd.Load{Depth: fillDepth, Next: func(int, time.Time) []byte {
		if sent == len(channels)*each {
			return nil
		}
		sent++
		return line[channels[(sent-1)/each]]
	}})
	return err
}

// observed makes a load, and returns its rate and what the server has used meanwhile.
func (l *lab) observed(s *subject, c *crowd.Crowd, load crowd.Load) (Turn, error) {
	before, err := s.usage()
	if err != nil {
		return Turn{}, err
	}
	got, err := c.Run(l.ctx, load)
	if err != nil {
		return Turn{}, err
	}
	after, err := s.usage()
	if err != nil {
		return Turn{}, err
	}
	operations := got.Answers
	if load.Fan > 0 {
		operations = got.Pushes
	}
	return Turn{
		Figure: float64(operations) / got.Took.Seconds(), Operations: operations, Seconds: got.Took.Seconds(),
		CPU: after.cpu - before.cpu, Switches: after.switches - before.switches,
	}, nil
}

// asking makes a contestant whose connections send the next request as soon as answers
// come. Request returns a member's next request.
func (l *lab) asking(name string, s *subject, connections, depth int, request func(member int) []byte) (*contestant, error) {
	c, err := l.connect(s, connections)
	if err != nil {
		return nil, err
	}
	load := crowd.Load{Depth: depth, Next: func(member int, _ time.Time) []byte { return request(member) }}
	return &contestant{name: name, peer: s.name != providerName, of: s, turn: func() (Turn, error) {
		if depth > 1 {
			load.For = untilAlone
			if _, err := c.Run(l.ctx, load); err != nil {
				return Turn{}, err
			}
		}
		load.For = l.options.Duration
		return l.observed(s, c, load)
	}}, nil
}

// untilAlone is how long connections with several requests under way send before they are
// measured. The provider gives them more room only when nobody else has sent anything for
// a second.
const untilAlone = 1200 * time.Millisecond

// same returns the same request for every member.
func same(request string) func(int) []byte {
	b := []byte(request)
	return func(int) []byte { return b }
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
