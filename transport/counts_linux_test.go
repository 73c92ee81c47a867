package transport_test

import (
	"fmt"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"elemental/transport/housetest"
)

// What requests cost the provider, in counts that are the same on a slow machine, a
// busy one and a large one. Each line has today's figure and the bound. The race
// detector makes pools forget a part of what they are given, so it has its own. Who
// makes the provider cheaper writes the new figures here, and bounds close above.
var table = map[string]cost{
	// A message that is on disk before it is answered: one after the other.
	"lone post, allocations": {plain: limit{9.03, 9.5}, race: limit{10.5, 11.2}, look: inMemory},
	"lone post, bytes":       {plain: limit{1080, 1150}, race: limit{1140, 1210}, look: inMemory},
	"lone post, syncs":       {plain: limit{1, 1.01}, race: limit{1, 1.01}, look: inCalls},

	// 64 connections have one under way each; 63 wait for the disk at the same time. How
	// long queues get in between is up to the scheduler.
	"post of 64, allocations": {plain: limit{4.7, 5.2}, race: limit{5.8, 6.5}, look: inMemory},
	"post of 64, bytes":       {plain: limit{935, 1010}, race: limit{995, 1070}, look: inMemory},
	"post of 64, writes":      {plain: limit{1.05, 1.25}, race: limit{1.06, 1.25}, look: inCalls},
	"post of 64, syncs":       {plain: limit{0.03125, 0.034}, race: limit{0.03125, 0.034}, look: inCalls},

	"getprovidername, allocations":   {plain: limit{1, 1.2}, race: limit{2.75, 3.1}, look: inMemory},
	"getprovidername, bytes":         {plain: limit{81, 90}, race: limit{172, 190}, look: inMemory},
	"getprovidername, writes":        {plain: limit{1.02, 1.25}, race: limit{1.03, 1.25}, look: inCalls},
	"getmessages of 15, allocations": {plain: limit{5.01, 5.4}, race: limit{7.9, 8.6}, look: inMemory},
	"getmessages of 15, bytes":       {plain: limit{350, 385}, race: limit{1660, 1900}, look: inMemory},
	"answer to 64 at once, writes":   {plain: limit{0.02, 0.1}, race: limit{0.02, 0.1}, look: inCalls},

	// What one more subscriber adds to a post. When many messages are due at once, the
	// scheduler says how many of them a write takes.
	"push, allocations":          {plain: limit{0.061, 0.2}, race: limit{0.59, 0.8}, look: inMemory},
	"push, bytes":                {plain: limit{6.3, 9}, race: limit{117, 135}, look: inMemory},
	"push, writes":               {plain: limit{1, 1.05}, race: limit{1, 1.05}, look: inCalls},
	"push of 64 at once, writes": {plain: limit{0.1, 0.5}, race: limit{0.12, 0.5}, look: inCalls},

	// Logged in, with nothing to do; without the system's part. No goroutine, no stack.
	"idle connection, heap":       {plain: limit{3230, 3400}, race: limit{3230, 3400}, look: inMemory},
	"idle connection, goroutines": {plain: limit{0, 0.02}, race: limit{0, 0.02}, look: inMemory},
}

// cost is a line of the table, and how to see where it comes from.
type cost struct {
	plain, race limit
	look        string
}

type limit struct{ today, most float64 }

const (
	inMemory = `go test ./transport -run '%s$' -memprofilerate 1 -memprofile /tmp/counts -o /tmp/counts.test &&
		go tool pprof -sample_index=alloc_objects -ignore 'concurrent-map|argon2' -top /tmp/counts.test /tmp/counts`
	inCalls = `go test ./transport -c -o /tmp/counts.test && cd transport &&
		strace -f -e trace=write,pwrite64,fdatasync -o /tmp/counts.calls /tmp/counts.test -test.run '%s$'`
)

// raced tells whether the race detector is in.
var raced = func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}()

// figures are lines of the table, as counted.
type figures map[string]float64

// compare looks into the table.
func (f figures) compare(t *testing.T) {
	for _, what := range slices.Sorted(maps.Keys(f)) {
		c, known := table[what]
		if !known {
			t.Fatalf("%q is not in the table", what)
		}
		bound := c.plain
		if raced {
			bound = c.race
		}
		t.Logf("%-32s %9.3f of %g", what, f[what], bound.most)
		if f[what] > bound.most {
			t.Errorf("%s: %.3f, at most %g (%g when the table was written). Where it comes from:\n\t\t%s\n"+
				"\tIf it has to be: a new line for the table in counts_linux_test.go, and why in the commit message.",
				what, f[what], bound.most, bound.today, fmt.Sprintf(c.look, t.Name()))
		}
		if 2*bound.today-f[what] > bound.most {
			t.Logf("%s: the table says %g, and can be tightened", what, bound.today)
		}
	}
}

// inRounds counts three times, in houses of their own, and compares the figures that
// are picked: in between, a timer or the runtime may have costs that are not the provider's.
func inRounds(t *testing.T, pick func(a, b float64) float64, count func(t *testing.T) figures) {
	picked := figures{}
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			for what, figure := range count(t) {
				if before, again := picked[what]; again {
					figure = pick(before, figure)
				}
				picked[what] = figure
			}
		})
	}
	if !t.Failed() {
		picked.compare(t)
	}
}

// TestCostOfRequests has one client, who waits for each answer.
func TestCostOfRequests(t *testing.T) {
	const n, ahead = 1000, 64
	inRounds(t, math.Min, func(t *testing.T) figures {
		h := housetest.New(t, housetest.Settings{})
		h.Founder()
		c := callers(h, 1)[0]
		c.often(100, aPost)
		post := counted(t, func() { c.often(n, aPost) })
		name := counted(t, func() { c.often(n, aName) })
		read := counted(t, func() { c.often(n, aRead) })
		names := []byte(strings.Repeat(aName, ahead))
		many := counted(t, func() {
			for range 10 {
				c.send(names)
				c.hear(ahead)
			}
		})
		return figures{
			"lone post, allocations": post.objects / n, "lone post, bytes": post.bytes / n,
			"getprovidername, allocations": name.objects / n, "getprovidername, bytes": name.bytes / n,
			"getprovidername, writes":        name.writes/n - 1, // the client's
			"getmessages of 15, allocations": read.objects / n, "getmessages of 15, bytes": read.bytes / n,
			"answer to 64 at once, writes": (many.writes - 10) / (10 * ahead),
		}
	})
}

// TestCostUnderLoad has many connections post into one channel; the disk takes its time
// until all but one of them wait for it.
func TestCostUnderLoad(t *testing.T) {
	const conns, cycles, lone, ears = 64, 30, 200, 20
	inRounds(t, math.Min, func(t *testing.T) figures {
		g := newGate(t)
		h := housetest.New(t, g.settings())
		h.Founder()
		all := callers(h, conns)
		g.together(all, 4)
		before := g.syncs.Load()
		post := counted(t, func() { g.together(all, cycles) })
		synced := g.syncs.Load()
		all[0].often(lone, aPost)
		alone := g.syncs.Load()
		listeners := listening(h, ears)
		pushes := counted(t, func() {
			g.together(all, 1)
			hearAll(listeners, conns)
		})
		const n = conns * cycles
		return figures{
			"post of 64, allocations": post.objects / n, "post of 64, bytes": post.bytes / n,
			"post of 64, writes":         post.writes/n - 1, // the client's
			"post of 64, syncs":          float64(synced-before) / n,
			"lone post, syncs":           float64(alone-synced) / lone,
			"push of 64 at once, writes": (pushes.writes - conns) / (conns * ears),
		}
	})
}

// TestCostOfPushes has each message read by all subscribers before the next.
func TestCostOfPushes(t *testing.T) {
	const n, ears = 150, 100
	inRounds(t, math.Min, func(t *testing.T) figures {
		h := housetest.New(t, housetest.Settings{})
		h.Founder()
		c := callers(h, 1)[0]
		c.often(100, aPost)
		alone := counted(t, func() { c.often(n, aPost) })
		listeners := listening(h, ears)
		c.tell(10, listeners)
		with := counted(t, func() { c.tell(n, listeners) })
		return figures{
			"push, allocations": (with.objects - alone.objects) / (n * ears),
			"push, bytes":       (with.bytes - alone.bytes) / (n * ears),
			"push, writes":      (with.writes - alone.writes) / (n * ears),
		}
	})
}

// TestCostOfAnIdleConnection weighs what is there for each of many, when as many are
// there already. What somebody else lets go of meanwhile makes it less, so the most holds.
func TestCostOfAnIdleConnection(t *testing.T) {
	n := 250
	if long() {
		n = 2500
	}
	inRounds(t, math.Max, func(t *testing.T) figures {
		h := housetest.New(t, housetest.Settings{})
		h.Founder()
		strangers(h, n)
		before := weigh()
		strangers(h, n)
		atRest(before.goroutines)
		after := weigh()
		return figures{
			"idle connection, heap":       (after.heap - before.heap) / float64(n),
			"idle connection, goroutines": (after.goroutines - before.goroutines) / float64(n),
		}
	})
}

// TestLookingCostsNoMemory compares what a post allocates where nobody may look, and
// where somebody may and does not: the counters and the roll are there already.
func TestLookingCostsNoMemory(t *testing.T) {
	const n = 1000
	cost := func(inspect bool) (objects float64) {
		h := housetest.New(t, housetest.Settings{Inspect: inspect})
		h.Founder()
		c := callers(h, 1)[0]
		c.often(100, aPost)
		for range 3 { // in between, a timer or the runtime may have costs that are not the provider's
			if each := counted(t, func() { c.often(n, aPost) }).objects / n; objects == 0 || each < objects {
				objects = each
			}
		}
		return objects
	}
	without, with := cost(false), cost(true)
	t.Logf("allocations of a post: %.3f, and %.3f where somebody may look", without, with)
	most := 0.3
	if raced {
		most = 1 // pools forget some
	}
	if with > without+most {
		t.Errorf("it allocates %.3f times more", with-without)
	}
}
