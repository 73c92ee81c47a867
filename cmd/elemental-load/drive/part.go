package drive

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
)

// part is this process's share of one scenario of the mix.
type part struct {
	w        *Worker
	number   int // index in the plan's mix
	name     string
	main     string // the operation that the scenario is about
	scenario scenario
	interval time.Duration // least time between two actions of a client; 0 for none
	clients  []*client
	actors   []*client      // the clients that act; the others only listen
	all      int            // how many act, counted over all processes
	schedule *plan.Schedule // of all processes together
	free     chan struct{}  // has a token when an action has ended, so that acquire looks for a free client again

	told, untold atomic.Int64 // slow readers that the provider has disconnected, with and without a reason
}

func (p *part) noteCut(cause error) {
	if isLastWord(cause) {
		p.told.Add(1)
	} else {
		p.untold.Add(1)
	}
}

// newPart makes this process's clients of the scenario with that index in the mix: client
// i belongs to process i modulo the number of processes.
func newPart(w *Worker, number int) *part {
	share := w.world.Plan.Mix[number]
	known, _ := plan.Find(share.Scenario)
	p := &part{
		w: w, number: number, name: share.Scenario, main: known.Main, scenario: scenarios[share.Scenario],
		interval: time.Duration(known.Interval * float64(time.Second)),
		free:     make(chan struct{}, 1),
	}
	channels := p.channels()
	for i := range w.world.Plan.ClientsOf(number) {
		acts, rank := p.scenario.acts == nil || p.scenario.acts(i), p.all
		if acts {
			p.all++
		}
		if i%w.of != w.number {
			continue
		}
		c := p.newClient(i, channels)
		c.rank = rank
		p.clients = append(p.clients, c)
		if acts {
			p.actors = append(p.actors, c)
		}
	}
	if known.Waves && len(p.actors) > 0 { // one action drops and reconnects all clients of the process
		p.actors, p.all, p.actors[0].rank = p.actors[:1], 1, 0
	}
	const golden = 0.618 // golden ratio: sets the scenarios of a mix apart, so that they do not all send at the same moments
	phase := golden * float64(number)
	p.schedule = w.world.Plan.ScheduleOf(number).Shifted(phase - math.Floor(phase))
	return p
}

// at is when this process's action k is due, as Schedule.At. The actions of all processes
// go round the actors of all processes: so together they do just what the plan says.
func (p *part) at(k int64) (time.Duration, bool) {
	n := int64(len(p.actors))
	return p.schedule.At(k/n*int64(p.all) + int64(p.actors[k%n].rank))
}

// channels are the book's channels of the part's servers, by server.
func (p *part) channels() [][]*check.Channel {
	var all [][]*check.Channel
	for _, s := range p.w.world.Parts[p.number].Servers {
		var in []*check.Channel
		for _, name := range s.Channels {
			in = append(in, p.w.book.Channel(s.Name, name))
		}
		all = append(all, in)
	}
	return all
}

// newClient makes a client. Its user, server and channel follow from its number alone.
func (p *part) newClient(number int, channels [][]*check.Channel) *client {
	at, account := p.w.world.home(p.number, number)
	c := &client{part: p, number: number, me: p.w.world.Accounts[account]}
	c.slow = p.name == "slow" && !p.scenario.acts(number)
	if servers := p.w.world.Parts[p.number].Servers; len(servers) > 0 {
		c.server = &servers[at]
		c.home = channels[at][number/len(servers)%len(channels[at])]
	}
	return c
}

// load makes the part's share of the load. It returns when the schedule or the context
// has ended and every action that was begun is over.
func (p *part) load(ctx context.Context, start time.Time) {
	if len(p.actors) == 0 {
		return
	}
	if p.w.world.Plan.Model == plan.Closed {
		p.closed(ctx, start)
		return
	}
	c := newClock()
	defer c.Close()
	p.open(ctx, c, start)
}

// open is the open model: it starts each action when it is due, whether the earlier ones
// have been answered or not.
func (p *part) open(ctx context.Context, c clock, start time.Time) {
	var actions sync.WaitGroup
	defer actions.Wait()
	var excused time.Time // actions due before this were late because others waited for the provider
	end := start.Add(p.schedule.Length() + overtime)
	for k := int64(0); ; k++ {
		after, more := p.at(k)
		if !more {
			_ = c.Until(ctx, start.Add(p.schedule.Length())) // so that the load lasts as long as it was announced
			return
		}
		due := start.Add(after)
		if c.Until(ctx, due) != nil || c.Now().After(end) {
			return // actions that are still held back by then are dropped, here and below, so that the load ends
		}
		actor, waited := p.acquire(ctx, k)
		if actor == nil {
			return
		}
		if waited {
			excused = c.Now()
		}
		blame := measure.Generator
		if due.Before(excused) {
			blame = measure.Provider
		}
		actions.Go(func() {
			defer p.release(actor)
			if p.rest(ctx, actor) {
				blame = measure.Nobody
			}
			if ctx.Err() == nil && !c.Now().After(end) {
				p.perform(actor, due, c.Now().Sub(due), blame)
			}
		})
	}
}

// overtime is how long after its end the load may still begin actions that were held
// back.
const overtime = time.Second

// perform does one action and records that it started and finished. Late is how long
// after it was due it starts.
func (p *part) perform(c *client, due time.Time, late time.Duration, blame measure.Blame) {
	p.w.rec.Started(c.number, p.number, late, blame)
	p.scenario.act(c, due)
	p.w.rec.Finished(c.number, p.number)
}

// acquire takes a slot and finds a client for action k. Waited tells whether it had to
// wait for a slot or a client. The client is nil if the context ends first.
func (p *part) acquire(ctx context.Context, k int64) (c *client, waited bool) {
	select {
	case p.w.slots <- struct{}{}:
	default:
		waited = true
		select {
		case p.w.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, waited
		}
	}
	n := int64(len(p.actors))
	if p.interval > 0 || !p.scenario.alone && !p.w.world.Original {
		return p.actors[k%n], waited
	}
	for {
		for i := range n {
			if c := p.actors[(k+i)%n]; c.busy.CompareAndSwap(false, true) {
				return c, waited
			}
		}
		waited = true
		select {
		case <-p.free:
		case <-ctx.Done():
			<-p.w.slots
			return nil, waited
		}
	}
}

// rest waits until a client with a least interval between actions may act again, and
// tells whether it waited. Each client has its own timer, which runs from the end of its
// last action: after a slow answer the client is late.
func (p *part) rest(ctx context.Context, c *client) (waited bool) {
	if p.interval == 0 {
		return false
	}
	const enough = 0.8 // part of the interval that is enough; waiting for all of it would make the client later than the schedule
	waited = !c.turns.TryLock()
	if waited {
		c.turns.Lock()
	}
	until := c.over.Add(time.Duration(enough * float64(p.interval)))
	waited = waited || time.Now().Before(until)
	_ = (plainClock{}).Until(ctx, until) // an ended context is seen by the caller
	return waited
}

func (p *part) release(c *client) {
	if p.interval > 0 {
		c.over = time.Now()
		c.turns.Unlock()
	}
	c.busy.Store(false)
	<-p.w.slots
	select {
	case p.free <- struct{}{}:
	default:
	}
}

// closed is the closed model: each client begins its next action when its last one is
// over.
func (p *part) closed(ctx context.Context, start time.Time) {
	if (plainClock{}).Until(ctx, start) != nil {
		return
	}
	lanes := max(p.w.world.Plan.Pipeline, 1)
	if p.scenario.alone || p.w.world.Original {
		lanes = 1
	}
	pause := max(p.w.world.Plan.Think, p.interval)
	var loops sync.WaitGroup
	for _, c := range p.actors {
		for range lanes {
			loops.Go(func() { p.loop(ctx, start, c, pause) })
		}
	}
	loops.Wait()
}

// idle is how often a client of the closed model looks whether it may act.
const idle = 20 * time.Millisecond

// loop is one client of the closed model, or one of its lanes with --pipeline. It rests
// while the load is for fewer clients, and while the client is not connected. The action
// that it was about to do then, or that had no answer when the connection was lost, stays
// due. If the load ends before it is done, it has failed.
func (p *part) loop(ctx context.Context, start time.Time, c *client, pause time.Duration) {
	var due time.Time // when the action that waits for the connection was due; zero if none waits
	for ctx.Err() == nil {
		now := time.Now()
		if now.Sub(start) >= p.schedule.Length() {
			break
		}
		works := float64(c.rank) < p.schedule.Level(now.Sub(start))
		switch {
		case !works:
			due = time.Time{}
		case due.IsZero():
			due = now
		}
		if !works || p.away(c) {
			_ = sleep(ctx, idle) // an ended context is seen by the loop
			continue
		}
		p.perform(c, due, 0, measure.Nobody)
		if !p.away(c) {
			due = time.Time{}
		}
		if pause > 0 {
			_ = sleep(ctx, pause) // likewise
		}
	}
	if !due.IsZero() {
		p.w.rec.Failed(c.number, p.main, errAway)
	}
}

// away tells whether a client has lost its connection. Clients that never hold one are
// not away.
func (p *part) away(c *client) bool {
	l := c.online()
	return !p.scenario.absent && (l == nil || l.conn.Err() != nil)
}

// SlowReaders counts the clients that stopped reading, and how the provider treated them.
type SlowReaders struct {
	All    int `json:"all"`
	Told   int `json:"told"`   // disconnected, and told why
	Untold int `json:"untold"` // disconnected without a reason
}

// Add adds the counts of another process or scenario.
func (s *SlowReaders) Add(other SlowReaders) {
	s.All, s.Told, s.Untold = s.All+other.All, s.Told+other.Told, s.Untold+other.Untold
}

func (p *part) slowReaders() (slow SlowReaders) {
	for _, c := range p.clients {
		if c.slow {
			slow.All++
		}
	}
	slow.Told, slow.Untold = int(p.told.Load()), int(p.untold.Load())
	return slow
}
