package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"elemental/bench/crowd"
)

const (
	posters      = 4
	postsAhead   = 8                    // of each poster
	undelivered  = posters * postsAhead // posts that are not delivered to all, at most
	stampDigits  = 10
	beforeStamp  = `"message":"`
	longest      = int64(time.Minute)
	pacePatience = 2   // the load is the largest possible one divided by this
	leastPushes  = 1.2 // times what the bare server can do, as the target of push1000
)

// audience makes a crowd: its first members post, all others are subscribed.
func (l *lab) audience(who string) (*subject, *crowd.Crowd, error) {
	s, err := l.start(who)
	if err != nil {
		return nil, nil, err
	}
	c, err := l.connect(s, posters+l.options.Subscribers)
	if err != nil {
		return nil, nil, err
	}
	return s, c, l.once(c, func(i int) []byte { return onlyFrom(posters, i, s.subscribe) })
}

// flood is a load that posts as fast as the posts are delivered.
func (l *lab) flood(s *subject, within time.Duration) crowd.Load {
	line := []byte(s.post(channel))
	return crowd.Load{
		Next: func(int, time.Time) []byte { return line }, Senders: posters, Depth: postsAhead, For: within,
		Fan: l.options.Subscribers, Window: undelivered,
	}
}

func pushes(who string) entrant {
	return func(l *lab) (*contestant, error) {
		s, c, err := l.audience(who)
		if err != nil {
			return nil, err
		}
		return &contestant{name: who, peer: who != providerName, of: s, turn: func() (Turn, error) {
			return l.observed(s, c, l.flood(s, l.options.Duration))
		}}, nil
	}
}

// pushLatency makes a contestant that finds out in each turn how much can be delivered,
// and then measures the latency at half of that.
func pushLatency(who string) entrant {
	return func(l *lab) (*contestant, error) {
		s, c, err := l.audience(who)
		if err != nil {
			return nil, err
		}
		return &contestant{name: who, peer: who != providerName, turn: func() (Turn, error) {
			most, err := c.Run(l.ctx, l.flood(s, l.options.Duration))
			if err != nil {
				return Turn{}, err
			}
			return l.delivery(s, c, postsASecond(most)/pacePatience)
		}}, nil
	}
}

func postsASecond(t crowd.Result) float64 { return float64(t.Answers) / t.Took.Seconds() }

// pushPaced makes two contestants with the same load: half of what push1000 asks of the
// provider. So the faster one does not get more to do. Each pair of turns begins with
// finding out what the bare server can deliver.
func pushPaced(l *lab) ([]contestant, error) {
	s, c, err := l.audience(providerName)
	if err != nil {
		return nil, err
	}
	bare, crowded, err := l.audience(floorName)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pace float64
	return []contestant{
		{name: providerName, turn: func() (Turn, error) {
			most, err := crowded.Run(l.ctx, l.flood(bare, l.options.Duration))
			if err != nil {
				return Turn{}, err
			}
			pace = leastPushes * postsASecond(most) / pacePatience
			return l.delivery(s, c, pace)
		}},
		{name: floorName, peer: true, turn: func() (Turn, error) { return l.delivery(bare, crowded, pace) }},
	}, nil
}

// delivery posts at a fixed rate (posts per second), and measures the time from when a
// post was due until each of its pushes has come.
func (l *lab) delivery(s *subject, c *crowd.Crowd, posts float64) (Turn, error) {
	var due []time.Time
	took := hdrhistogram.New(1, longest, 3)
	load := l.flood(s, l.options.Duration)
	load.Window, load.Every = 0, time.Duration(float64(time.Second)/posts)
	load.Next = func(_ int, at time.Time) []byte {
		due = append(due, at)
		return []byte(request("message", "servername", server, "channel", channel,
			"msg", fmt.Sprintf("%0*d", stampDigits, len(due)-1)+text[stampDigits:]))
	}
	var fault error
	var seen stamps
	load.OnPush = func(line []byte, at time.Time) {
		post, err := seen.of(line)
		if err != nil || post >= len(due) {
			fault = fmt.Errorf("a push is of no post: %.200q", line)
			return
		}
		_ = took.RecordValue(min(max(int64(at.Sub(due[post])), 1), longest)) // cannot fail, since the value is in range
	}
	t, err := l.observed(s, c, load)
	if err == nil {
		err = fault
	}
	rate := t.Figure
	t.Figure = milliseconds(took.ValueAtPercentile(99))
	t.Also = []Also{
		{"p50", milliseconds(took.ValueAtPercentile(50)), "ms"},
		{"most", milliseconds(took.Max()), "ms"},
		{"pushes", rate, perSecond},
	}
	return t, err
}

// stamps finds out which post a push is of. It looks first where it found the last stamp,
// since it sees up to a million pushes per second on the machine of the measured server.
type stamps struct{ at int }

func (s *stamps) of(line []byte) (int, error) {
	digits, found := bytes.CutPrefix(line[min(s.at, len(line)):], []byte(beforeStamp))
	if !found {
		s.at = max(bytes.Index(line, []byte(beforeStamp)), 0)
		_, digits, _ = bytes.Cut(line, []byte(beforeStamp))
	}
	return strconv.Atoi(string(digits[:min(len(digits), stampDigits)]))
}

func milliseconds(nanoseconds int64) float64 { return float64(nanoseconds) / 1e6 }
