package measure

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
)

// Kind describes a kind of operation. Paced is true if clients of the closed model do it
// at their own pace, so that a stall keeps some of them from being sent.
type Kind struct {
	Name, About string
	Paced       bool
}

// Collector puts together the intervals of all processes of a run. Its methods may be
// called from any goroutine.
type Collector struct {
	plan     *plan.Plan
	kinds    []Kind // the main operation first
	workers  int
	provider *Process // nil if it is not known
	show     func(result.Second)

	mu      sync.Mutex
	pending map[int]*pending
	total   Interval // all that is measured, without the warm-up's seconds
	early   Interval // the seconds of the warm-up
	seconds []result.Second
	usage   result.Usage
	open    int              // connections that were open before the load
	before  map[string]int64 // how much of each operation was done before the load
	load    usage
	due     []dues // for each scenario of the mix
}

// dues says when a scenario's actions are due, and how many processes follow that
// schedule: waves are made by each process that has clients, other actions are divided.
type dues struct {
	schedule  *plan.Schedule
	processes int64
}

// by is how many actions are due before a time after the start.
func (d dues) by(t time.Duration) int64 { return d.processes * d.schedule.Due(t) }

// pending is a second that not all processes have reported yet.
type pending struct {
	told int
	sum  Interval
}

// usage adds up what a process used in each second.
type usage struct {
	cpu     float64
	seconds int
	memory  int64
}

func (u *usage) add(cpu float64, memory int64) {
	u.cpu += cpu
	u.seconds++
	u.memory = max(u.memory, memory)
}

func (u *usage) mean() float64 { return u.cpu / float64(max(u.seconds, 1)) }

// NewCollector makes the collector of a run with that many processes. It calls show with
// each second of the load that all of them have reported.
func NewCollector(p *plan.Plan, kinds []Kind, workers int, provider *Process, show func(result.Second)) *Collector {
	c := &Collector{
		plan: p, kinds: slices.Clone(kinds), workers: workers, provider: provider, show: show,
		pending: map[int]*pending{}, total: newInterval(), early: newInterval(), before: map[string]int64{},
	}
	first, _ := plan.Find(p.Mix[0].Scenario)
	slices.SortStableFunc(c.kinds, func(a, b Kind) int {
		return cmp.Compare(rank(a.Name, first.Main), rank(b.Name, first.Main))
	})
	for i, share := range p.Mix {
		d := dues{schedule: p.ScheduleOf(i), processes: 1}
		if scenario, _ := plan.Find(share.Scenario); scenario.Waves {
			d.processes = int64(min(workers, p.ClientsOf(i)))
		}
		c.due = append(c.due, d)
	}
	return c
}

// rank sorts the main operation before all others.
func rank(name, main string) int {
	if name == main {
		return 0
	}
	return 1
}

// Before notes the provider's memory. It is called before anything is asked of the
// provider.
func (c *Collector) Before() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, c.usage.MemoryBefore = c.provider.Sample()
}

// Connected takes what a process has measured while it connected its clients.
func (c *Collector) Connected(i *Interval) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += i.Connections
	for name, o := range i.Operations {
		c.before[name] += o.Done
	}
	c.total.Add(i)
	_, c.usage.MemoryIdle = c.provider.Sample()
}

// Open is how many connections were open before the load.
func (c *Collector) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Second takes what a process has measured in a second of the load.
func (c *Collector) Second(second int, i *Interval) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[second]
	if p == nil {
		p = &pending{sum: newInterval()}
		c.pending[second] = p
	}
	p.sum.Add(i)
	if p.told++; p.told == c.workers {
		c.complete(second, &p.sum)
	}
}

// complete adds a second to the result and shows it. Called with the lock held.
func (c *Collector) complete(second int, sum *Interval) {
	delete(c.pending, second)
	s := result.Second{
		Second: second, Scheduled: c.scheduled(second), Connections: sum.Connections,
		LoadCPU: sum.CPU, Operations: map[string]result.Slice{},
	}
	for _, n := range sum.Started {
		s.Started += n
	}
	for name, o := range sum.Operations {
		s.Refused += o.Refused
		s.Failed += o.Failed
		if o.Done > 0 {
			h := o.Corrected.Histogram()
			s.Operations[name] = result.Slice{
				Done: o.Done, P50: millis(h.ValueAtPercentile(50)), P99: millis(h.ValueAtPercentile(99)), Max: millis(h.Max()),
			}
		}
	}
	s.CPU, s.Memory = c.provider.Sample()
	c.seconds = append(c.seconds, s)
	if time.Duration(second)*time.Second < c.plan.Warmup {
		c.early.Add(sum)
	} else {
		c.total.Add(sum)
		c.load.add(sum.CPU, sum.Memory)
	}
	c.show(s)
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

// scheduled is how many actions of all processes are due in a second. In the closed model
// it is 0.
func (c *Collector) scheduled(second int) (n int64) {
	if c.plan.Model == plan.Closed {
		return 0
	}
	from := time.Duration(second) * time.Second
	for _, d := range c.due {
		n += d.by(from+time.Second) - d.by(from)
	}
	return n
}

// Late takes what a process has measured after the load, such as pushes.
func (c *Collector) Late(i *Interval) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Add(i)
}

// Fill writes all that was measured into a result. Elapsed is how long the load took,
// until every action that was begun was over.
func (c *Collector) Fill(r *result.Result, elapsed time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, second := range slices.Sorted(maps.Keys(c.pending)) { // a process has ended its load before it reported them
		sum := &c.pending[second].sum
		if n := len(c.seconds); n > 0 { // and still has its connections
			sum.Connections = max(sum.Connections, c.seconds[n-1].Connections)
		}
		c.complete(second, sum)
	}
	r.Duration, r.Warmup = max(elapsed-c.plan.Warmup, 0).Seconds(), c.plan.Warmup.Seconds()
	r.Seconds = c.seconds
	c.fillParts(r, elapsed)
	c.fillReasons(r)
	return errors.Join(c.fillOperations(r), c.fillUsage(r))
}

// fillParts says how many actions were due, begun and done in each scenario. Actions that
// were begun in the warm-up are not counted as due after it, whatever the schedule says:
// one that was due just at the end of the warm-up may have begun before or after it.
func (c *Collector) fillParts(r *result.Result, elapsed time.Duration) {
	for i, share := range c.plan.Mix {
		part := result.Part{
			Scenario: share.Scenario, Weight: share.Weight, Clients: c.plan.ClientsOf(i),
			Started: c.total.Started[i], Done: c.total.Finished[i],
		}
		if c.plan.Model == plan.Open {
			part.Scheduled = max(c.due[i].by(elapsed)-c.early.Started[i], 0)
		}
		r.Parts = append(r.Parts, part)
	}
}

// steady tells whether each client repeats one kind of request. Only then is it known
// what a stall has kept it from sending.
func (c *Collector) steady() bool {
	for _, share := range c.plan.Mix {
		if scenario, _ := plan.Find(share.Scenario); !scenario.Steady {
			return false
		}
	}
	return true
}

// fillOperations writes the operations, the main one first, then the others in their
// order.
func (c *Collector) fillOperations(r *result.Result) error {
	if c.plan.Model == plan.Closed && !c.steady() {
		r.Notes = append(r.Notes, "The clients of these scenarios do different things in turn, so nobody knows what a stall kept them from sending: nothing is put in for it in the closed model's latencies here.")
	}
	for i, kind := range c.kinds {
		o := c.total.Operations[kind.Name]
		switch {
		case o != nil:
		case i == 0: // that none of the main operation was done is a result as well
			o = &Operation{}
		default:
			continue
		}
		out := result.Operation{Name: kind.Name, About: kind.About, Done: o.Done, Refused: o.Refused, Failed: o.Failed}
		out.Before = c.before[kind.Name]
		out.Setup = i > 0 && out.Before*2 > o.Done
		plain, corrected := o.Uncorrected.Histogram(), o.Corrected.Histogram()
		var err, errA, errB error
		if kind.Paced && c.plan.Model == plan.Closed && c.steady() {
			usual := time.Duration(plain.ValueAtPercentile(50))*time.Microsecond + c.plan.Think
			corrected, err = result.Correct(corrected, usual)
		}
		if err == nil {
			out.Corrected, errA = result.NewLatency(corrected)
			out.Uncorrected, errB = result.NewLatency(plain)
			err = errors.Join(errA, errB)
		}
		if err != nil {
			return err
		}
		r.Operations = append(r.Operations, out)
	}
	return nil
}

func (c *Collector) fillReasons(r *result.Result) {
	for reason, n := range c.total.Reasons {
		if reason.Code != "" {
			r.Refusals = append(r.Refusals, result.Refusal{Operation: reason.Operation, Code: reason.Code, Reason: reason.Text, Count: n})
		} else {
			r.Failures = append(r.Failures, result.Failure{Operation: reason.Operation, Cause: reason.Text, Count: n})
		}
	}
	slices.SortFunc(r.Refusals, func(a, b result.Refusal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Operation+a.Reason, b.Operation+b.Reason))
	})
	slices.SortFunc(r.Failures, func(a, b result.Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Operation+a.Cause, b.Operation+b.Cause))
	})
}

// A run is marked as behind if more than muchLate of its actions and beats were late, and
// more than fewLate of them.
const (
	muchLate = 0.01
	fewLate  = 5
)

func (c *Collector) fillUsage(r *result.Result) (err error) {
	g := &r.Generator
	h := c.total.Late.Histogram()
	if g.Late, err = result.NewLatency(h); err != nil {
		return err
	}
	g.LateShare = float64(c.total.TooLate) / float64(max(h.TotalCount(), 1))
	g.Behind = g.LateShare > muchLate && c.total.TooLate > fewLate
	g.HeldBack, g.CPU, g.Memory = c.total.HeldBack, c.load.mean(), c.load.memory
	if c.provider == nil {
		return nil
	}
	var provider usage
	least := c.usage.MemoryIdle
	for _, s := range c.seconds {
		if s.Memory == 0 {
			continue // the provider had ended
		}
		if time.Duration(s.Second)*time.Second >= c.plan.Warmup {
			provider.add(s.CPU, s.Memory)
		}
		least = min(least, s.Memory)
	}
	u := c.usage
	u.Pid, u.CPU, u.Memory = c.provider.proc.PID, provider.mean(), max(provider.memory, u.MemoryIdle)
	u.PerConn = c.perConnection(least)
	r.Provider = &u
	return nil
}

// enoughConnections is how many connections it takes to tell what one costs.
const enoughConnections = 5000

// perConnection is how many bytes the provider's memory has grown by per connection, at
// most: it includes what the users' logins have left behind, which matters less the more
// connections there are. For idle connections (the scenario connect) least is used, the
// smallest memory that was seen: there garbage had been collected. With fewer than
// enoughConnections it is 0.
func (c *Collector) perConnection(least int64) float64 {
	after := least
	for _, share := range c.plan.Mix {
		if share.Scenario != "connect" {
			after = c.usage.MemoryIdle
		}
	}
	if c.open < enoughConnections {
		return 0
	}
	return max(float64(after-c.usage.MemoryBefore)/float64(c.open), 0)
}
