package main

import (
	"fmt"
	"math/rand/v2"
)

const perSecond = "/s"

// rows lists everything that can be measured.
var rows = []row{
	{
		name: "post64", about: "durable `message`, 64 connections, one request at a time each, one channel",
		unit: perSecond, base: floorName, targets: []Target{{Of: ofRatio, Least: 1.5}},
		enter: together(posts(providerName, 64, 1), posts(floorName, 64, 1), posts(redisName, 64, 1)),
	}, {
		name: "post256", about: "the same, 256 connections",
		unit: perSecond, base: floorName, targets: []Target{{Of: ofRatio, Least: 1.8}},
		enter: together(posts(providerName, 256, 1), posts(floorName, 256, 1), posts(redisName, 256, 1)),
	}, {
		name: "post-channels", about: "the same, 64 connections: all in one channel, or each in its own",
		unit: perSecond, base: apart, targets: []Target{{Of: ofRatio, Least: 0.9}},
		enter: postChannels,
	}, {
		name: "pipeline", about: "the same, 40 connections, 16 requests under way on each",
		unit: perSecond, base: floorName,
		enter: together(posts(providerName, 40, 16), posts(floorName, 40, 16), posts(redisName, 40, 16)),
	}, {
		name: "recent64", about: "`getmessages` of 15 of the newest 100 messages, 64 connections",
		unit: perSecond, base: floorName, targets: []Target{{Of: ofRatio, Least: 1.3}},
		enter: together(recent(providerName), recent(floorName)),
	}, {
		name: "old64", about: "`getmessages` of 15 messages anywhere in a large channel, 64 connections, against the newest ones",
		unit: perSecond, base: "recent", targets: []Target{{Of: ofRatio, Least: 0.5}},
		enter: old,
	}, {
		name: "name64", about: "`getprovidername`, 64 connections",
		unit: perSecond, base: floorName, targets: []Target{{Of: ofRatio, Least: 0.95}},
		enter: together(name(providerName), name(floorName)),
	}, {
		name: "push1000", about: "pushes delivered to the subscribers of one channel, as many as they can take",
		unit: perSecond, base: floorName, targets: []Target{{Of: ofRatio, Least: leastPushes}},
		enter: together(pushes(providerName), pushes(floorName), pushes(ergoName)),
	}, {
		name: "pushlatency", about: "p99 of the time from send to delivery, at half of the pushes that it can do",
		unit: "ms", base: floorName, targets: []Target{{Of: ofFigure, Most: 20, Unit: "ms"}},
		enter: together(pushLatency(providerName), pushLatency(floorName)),
	}, {
		name: "pushpaced", about: "the same, at half of the pushes that `push1000` asks for, 0.6 of what the bare server can do",
		unit: "ms", base: floorName, targets: []Target{{Of: ofFigure, Most: 20, Unit: "ms"}},
		enter: pushPaced,
	}, {
		name: "idle15000", about: "resident memory of an idle connection that is logged in",
		unit: "KB", base: floorName, targets: []Target{{Of: ofFigure, Most: 9, Unit: "KB"}}, turns: 2, cold: true,
		enter: together(idle(providerName), idle(floorName)),
	}, {
		name: "start", about: "from start to the first answer, on a folder with many users, servers and channels",
		unit: "s", targets: []Target{{Of: ofFigure, Most: 2, Unit: "s"}, {Of: "resident", Most: 200, Unit: "MB"}}, turns: 3, cold: true,
		enter: start,
	}, {
		name: "recovery", about: "messages of a journal without snapshots, from start until its channels are read",
		unit: perSecond, targets: []Target{{Of: ofFigure, Least: 300_000, Unit: perSecond}}, turns: 3, cold: true,
		enter: recovery,
	}, {
		name: "growth-messages", about: "a post to channels that have so many messages, 64 connections",
		unit: perSecond, base: smallest, by: byCPU, targets: []Target{{Of: ofRatio, Most: 1.3}},
		enter: growingMessages,
	}, {
		name: "growth-members", about: "a post to a server that has so many members, 64 connections",
		unit: perSecond, base: smallest, by: byCPU, targets: []Target{{Of: ofRatio, Most: 1.3}},
		enter: growingMembers,
	}, {
		name: "inspect64", about: "durable `message`, 64 connections, where somebody may look and nobody does",
		unit: perSecond, base: notLookedAt, by: byCPU, targets: []Target{{Of: ofRatio, Most: 1.02}},
		enter: together(inspectedPosts(notLookedAt, ""), inspectedPosts("with --admin", "", lookedAt...)),
	}, {
		name: "page64", about: "the same, while a page looks at the flow, the tree, what happens and the busiest actor",
		unit: perSecond, base: notLookedAt, by: byCPU, targets: []Target{{Of: ofRatio, Most: 1.1}},
		enter: together(inspectedPosts(notLookedAt, ""),
			inspectedPosts("a page is open", "flow,tree,feed,cost,actor:provider/persistence", lookedAt...)),
	},
}

// posts makes a contestant whose connections post to one channel.
func posts(who string, connections, depth int) entrant {
	return func(l *lab) (*contestant, error) {
		s, err := l.start(who)
		if err != nil {
			return nil, err
		}
		return l.asking(who, s, connections, depth, same(s.post(channel)))
	}
}

const (
	connections = 64 // in most rows
	apart       = "64 channels"
)

// postChannels makes two contestants with the same provider.
func postChannels(l *lab) ([]contestant, error) {
	s, err := l.start(providerName)
	if err != nil {
		return nil, err
	}
	names := numbered("channel", connections)
	if err := s.makeChannels(names); err != nil {
		return nil, err
	}
	together, err := l.asking("one channel", s, connections, 1, same(s.post(channel)))
	if err != nil {
		return nil, err
	}
	var requests [][]byte
	for _, name := range names {
		requests = append(requests, []byte(s.post(name)))
	}
	each, err := l.asking(apart, s, connections, 1, func(member int) []byte { return requests[member] })
	if err != nil {
		return nil, err
	}
	return []contestant{*together, *each}, nil
}

func numbered(prefix string, count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return names
}

func name(who string) entrant {
	return func(l *lab) (*contestant, error) {
		s, err := l.start(who)
		if err != nil {
			return nil, err
		}
		return l.asking(who, s, connections, 1, same(askName))
	}
}

const (
	inAnswer = 15  // messages in an answer
	newest   = 100 // they are among this many newest messages
	fewPosts = 10_000
)

// reading makes requests for inAnswer messages anywhere between two indexes.
func reading(from, to int) func(int) []byte {
	head := []byte(`{"call":"getmessages","servername":"` + server + `","channel":"` + channel + `","begin":`)
	var b []byte
	return func(int) []byte {
		begin := from + rand.IntN(max(to-from-inAnswer, 0)+1) //nolint:gosec // no secret
		b = fmt.Appendf(append(b[:0], head...), `%d,"end":%d}`, begin, min(begin+inAnswer, to))
		return b
	}
}

// recent makes a contestant that reads the newest messages of a channel.
func recent(who string) entrant {
	return func(l *lab) (*contestant, error) {
		s, err := l.start(who)
		if err != nil {
			return nil, err
		}
		total := min(fewPosts, l.options.Messages)
		if err := l.fill(s, []string{channel}, total); err != nil {
			return nil, err
		}
		return l.asking(who, s, connections, 1, reading(max(total-newest, 0), total))
	}
}

// old makes two contestants: one reads anywhere in a large channel but its newest tenth,
// the other reads the end of it.
func old(l *lab) ([]contestant, error) {
	s, err := l.start(providerName)
	if err != nil {
		return nil, err
	}
	total := l.options.Messages
	if err := l.fill(s, []string{channel}, total); err != nil {
		return nil, err
	}
	far, err := l.asking("old", s, connections, 1, reading(0, total*9/10))
	if err != nil {
		return nil, err
	}
	near, err := l.asking("recent", s, connections, 1, reading(max(total-newest, 0), total))
	if err != nil {
		return nil, err
	}
	far.turn = withMemory(s, far.turn)
	return []contestant{*far, *near}, nil
}

// withMemory adds the server's memory before and after a turn to its figures.
func withMemory(s *subject, turn func() (Turn, error)) func() (Turn, error) {
	return func() (Turn, error) {
		before, err := s.usage()
		if err != nil {
			return Turn{}, err
		}
		t, err := turn()
		if err != nil {
			return t, err
		}
		after, err := s.usage()
		t.Also = []Also{{"resident before", megabytes(before.resident), "MB"}, {"after", megabytes(after.resident), "MB"}}
		return t, err
	}
}

func megabytes(bytes float64) float64 { return bytes / 1e6 }
