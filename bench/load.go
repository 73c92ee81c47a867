package main

import (
	"slices"
	"time"

	"elemental/bench/crowd"
)

// connectAtOnce is how many connections are made before they log in: a listener
// holds some thousands that wait for it.
const connectAtOnce = 250

// connect makes a crowd of so many connections that are logged in. It ends with
// the row.
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

// once has each member send one request; nil means none.
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

// scripts has the members work through scripts, each of them in order on one
// connection.
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

// Those who fill a channel quickly.
const (
	fillers   = 16
	fillDepth = 32
)

// fill posts messages, to the channels one after the other.
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

// observed makes a load and tells what the server used for each operation.
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

// asking is a contestant whose connections ask as fast as answers come. The
// request is the next one of a member.
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

// untilAlone is how long those who send ahead go before they are measured: the provider
// makes room for them when nobody else has asked for a second.
const untilAlone = 1200 * time.Millisecond

// same is one request for all.
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
