package drive

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/wire"
)

// fakeClock is a clock on which time passes only when somebody waits for it, or when pass
// is called.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Until(ctx context.Context, moment time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if moment.After(c.now) {
		c.now = moment
	}
	return ctx.Err()
}

func (c *fakeClock) Close() {}

// pass lets time go by without anybody waiting for it.
func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// paced is a part without connections. The test provides its actions.
func paced(stages []plan.Stage, slots, actors int, act func(c *client, due time.Time)) *part {
	w := &Worker{world: &World{}, rec: measure.NewRecorder(), slots: make(chan struct{}, slots)}
	p := &part{w: w, all: actors, schedule: plan.NewSchedule(stages, 1), free: make(chan struct{}, 1), scenario: scenario{act: act}}
	for i := range actors {
		p.actors = append(p.actors, &client{part: p, number: i, rank: i})
	}
	return p
}

// TestPacer: every action starts when the schedule says, through a ramp, a spike and a
// pause, and all clients get the same share.
func TestPacer(t *testing.T) {
	stages := []plan.Stage{
		{For: time.Second, From: 0, To: 100}, {For: 100 * time.Millisecond, From: 2000, To: 2000},
		{For: time.Second, From: 0, To: 0}, {For: time.Second, From: 10, To: 10},
	}
	var mu sync.Mutex
	var dues []time.Duration
	share := map[int]int{}
	p := paced(stages, 10_000, 4, func(c *client, due time.Time) {
		mu.Lock()
		defer mu.Unlock()
		dues = append(dues, due.Sub(epoch))
		share[c.number]++
	})
	clock := &fakeClock{now: epoch}
	p.open(context.Background(), clock, epoch)
	slices.Sort(dues)
	if int64(len(dues)) != p.schedule.Total() || len(dues) != 50+200+10 {
		t.Fatalf("%d actions, %d were due", len(dues), p.schedule.Total())
	}
	for k, due := range dues {
		if want, _ := p.schedule.At(int64(k)); due != want {
			t.Fatalf("action %d was due at %v, the schedule says %v", k, due, want)
		}
	}
	if share[0] != 65 || share[3] != 65 {
		t.Errorf("actions by client: %v", share)
	}
	if passed := clock.Now().Sub(epoch); passed != p.schedule.Length() {
		t.Errorf("it ended after %v", passed)
	}
}

// TestPacerCatchesUp: a generator that was held up starts at once everything that became
// due meanwhile. It records that these actions are late, and whose fault it is.
func TestPacerCatchesUp(t *testing.T) {
	begun := make(chan struct{})
	p := paced([]plan.Stage{{For: time.Second, From: 100, To: 100}}, 10_000, 1, func(*client, time.Time) { begun <- struct{}{} })
	clock := &stallingClock{fakeClock: &fakeClock{now: epoch}, begun: begun, at: epoch.Add(300 * time.Millisecond), stall: 200 * time.Millisecond}
	p.open(context.Background(), clock, epoch)
	taken := p.w.rec.Take()
	if taken.Started[0] != 100 || taken.Finished[0] != 100 {
		t.Fatalf("%d started, %d finished", taken.Started[0], taken.Finished[0])
	}
	late := taken.Late.Histogram()
	if late.TotalCount() != 100 || taken.HeldBack != 0 {
		t.Errorf("%d judged for lateness, %d excused", late.TotalCount(), taken.HeldBack)
	}
	// Actions due from 300 ms to 490 ms began 200 ms to 10 ms late.
	if taken.TooLate < 18 || taken.TooLate > 20 || late.Max() < 199_000 || late.Max() > 201_000 {
		t.Errorf("%d too late, at most %d µs", taken.TooLate, late.Max())
	}
}

// stallingClock lets no time pass before a started action has begun, and oversleeps once.
type stallingClock struct {
	*fakeClock
	begun   chan struct{}
	waited  bool
	at      time.Time
	stall   time.Duration
	stalled bool
}

func (c *stallingClock) Until(ctx context.Context, moment time.Time) error {
	if c.waited {
		<-c.begun
	}
	c.waited = true
	err := c.fakeClock.Until(ctx, moment)
	if !moment.Before(c.at) && !c.stalled {
		c.stalled = true
		c.pass(c.stall)
	}
	return err
}

// TestPacerHoldsBack: no more actions are under way than allowed. Actions that have to
// wait for that keep the time at which they were due, and their delay is blamed on the
// provider.
func TestPacerHoldsBack(t *testing.T) { synctest.Test(t, holdBack) }

func holdBack(t *testing.T) {
	clock := &fakeClock{now: epoch}
	release := make(chan struct{})
	var mu sync.Mutex
	under, most := 0, 0
	var dues []time.Duration
	p := paced([]plan.Stage{{For: time.Second, From: 10, To: 10}}, 3, 1, func(_ *client, due time.Time) {
		mu.Lock()
		under++
		most = max(most, under)
		dues = append(dues, due.Sub(epoch))
		mu.Unlock()
		<-release
		mu.Lock()
		under--
		mu.Unlock()
	})
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.open(context.Background(), clock, epoch)
	}()
	synctest.Wait() // three hang, which holds back the fourth, due at 300 ms
	if under != 3 || clock.Now() != epoch.Add(300*time.Millisecond) {
		t.Errorf("%d under way at %v", under, clock.Now())
	}
	clock.pass(1500 * time.Millisecond) // still within overtime
	close(release)
	<-over
	if most > 3 {
		t.Errorf("%d actions at once", most)
	}
	slices.Sort(dues)
	for k, due := range dues {
		if due != time.Duration(k)*100*time.Millisecond {
			t.Errorf("action %d was due at %v", k, due)
		}
	}
	if taken := p.w.rec.Take(); taken.HeldBack == 0 || taken.Started[0] != 10 {
		t.Errorf("%d held back, %d started", taken.HeldBack, taken.Started[0])
	}
}

// TestPacerHasAnEnd: actions that are held back until long after the end are not begun.
func TestPacerHasAnEnd(t *testing.T) { synctest.Test(t, overtimeEnds) }

func overtimeEnds(t *testing.T) {
	clock := &fakeClock{now: epoch}
	release := make(chan struct{})
	p := paced([]plan.Stage{{For: time.Second, From: 10, To: 10}}, 3, 1, func(*client, time.Time) { <-release })
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.open(context.Background(), clock, epoch)
	}()
	synctest.Wait() // three have begun; the fourth, which was due in time, is held back
	clock.pass(time.Minute)
	close(release)
	<-over
	if taken := p.w.rec.Take(); taken.Started[0] != 3 {
		t.Errorf("%d started", taken.Started[0])
	}
}

// TestRestHasAnEnd: nor are those whose client was still busy with its last action.
func TestRestHasAnEnd(t *testing.T) {
	clock := &endingClock{fakeClock: &fakeClock{now: epoch}, ended: make(chan struct{})}
	p := paced([]plan.Stage{{For: time.Second, From: 2, To: 2}}, 100, 1, func(*client, time.Time) {
		<-clock.ended
		clock.pass(time.Minute)
	})
	p.scenario.alone, p.interval = true, time.Nanosecond
	clock.end = epoch.Add(p.schedule.Length())
	p.open(context.Background(), clock, epoch)
	if taken := p.w.rec.Take(); taken.Started[0] != 1 {
		t.Errorf("%d started", taken.Started[0])
	}
}

// endingClock tells when somebody waits for its end.
type endingClock struct {
	*fakeClock
	end   time.Time
	ended chan struct{}
}

func (c *endingClock) Until(ctx context.Context, moment time.Time) error {
	if moment.Equal(c.end) {
		close(c.ended)
	}
	return c.fakeClock.Until(ctx, moment)
}

// TestOneAtATime: if clients do one thing at a time, an action goes to a client that is
// free.
func TestOneAtATime(t *testing.T) {
	var mu sync.Mutex
	busy := map[*client]bool{}
	both := make(chan struct{}, 2)
	p := paced([]plan.Stage{{For: time.Second, From: 50, To: 50}}, 100, 2, func(c *client, _ time.Time) {
		mu.Lock()
		if busy[c] {
			t.Error("a client does two things at a time")
		}
		busy[c] = true
		mu.Unlock()
		both <- struct{}{} // has room for two, so that both are under way at once
		<-both
		mu.Lock()
		busy[c] = false
		mu.Unlock()
	})
	p.scenario.alone = true
	p.open(context.Background(), &fakeClock{now: epoch}, epoch)
	if taken := p.w.rec.Take(); taken.Finished[0] != 50 {
		t.Errorf("%d finished", taken.Finished[0])
	}
}

// TestRests: a client with a least interval between actions keeps it, even if its last
// answer came late. No other client acts in its place.
func TestRests(t *testing.T) {
	const interval = 50 * time.Millisecond
	var mu sync.Mutex
	last, shortest := -time.Hour, time.Hour
	begun := time.Now()
	p := paced([]plan.Stage{{For: 400 * time.Millisecond, From: 20, To: 20}}, 100, 1, func(*client, time.Time) {
		mu.Lock()
		defer mu.Unlock()
		shortest = min(shortest, time.Since(begun)-last)
		<-time.After(interval / 2) // a slow answer
		last = time.Since(begun)
	})
	p.scenario.alone, p.interval = true, interval
	p.open(context.Background(), &fakeClock{now: epoch}, epoch) // none is left out, however long they take
	if taken := p.w.rec.Take(); taken.Finished[0] != 8 || shortest < interval*8/10 {
		t.Errorf("%d finished, one %v after the one before", taken.Finished[0], shortest)
	}
}

// TestPacerEnds: the pacer ends with the context, whatever it waits for.
func TestPacerEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	hang := make(chan struct{})
	p := paced([]plan.Stage{{For: time.Hour, From: 1000, To: 1000}}, 1, 1, func(*client, time.Time) {
		cancel()
		<-hang
	})
	time.AfterFunc(time.Millisecond, func() { close(hang) }) // the action itself may end at any time
	p.open(ctx, &fakeClock{now: epoch}, epoch)
}

// TestClosedModelCountsOutages: when a client of the closed model loses its connection,
// its next action is late by the time until it was connected again, or has failed if it
// was not.
func TestClosedModelCountsOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const away = 2 * time.Second
		p := closedPart(2, func(c *client, due time.Time) {
			c.part.w.rec.Done(0, opPost, due, time.Now(), time.Now())
		})
		back, lost := p.actors[0], p.actors[1]
		time.AfterFunc(time.Second, back.leaves)
		time.AfterFunc(time.Second+away, back.arrives)
		time.AfterFunc(time.Second, lost.leaves)
		p.closed(context.Background(), time.Now())
		isLate(t, p, away, 1)
	})
}

// TestClosedModelCountsSilence: if a request got no answer until the connection was given
// up, it is sent again, and its latency counts from the first time.
func TestClosedModelCountsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const silence, away = time.Second, 2 * time.Second
		posts := 0
		p := closedPart(1, func(c *client, due time.Time) {
			if posts++; posts != 5 {
				c.part.w.rec.Done(0, opPost, due, time.Now(), time.Now())
				return
			}
			<-time.After(silence)
			c.leaves()
			time.AfterFunc(away, c.arrives)
		})
		p.closed(context.Background(), time.Now())
		isLate(t, p, silence+away, 0)
	})
}

const closedPause = 100 * time.Millisecond

// closedPart makes clients that are connected, for five seconds of the closed model.
func closedPart(actors int, act func(c *client, due time.Time)) *part {
	level := float64(actors)
	p := paced([]plan.Stage{{For: 5 * time.Second, From: level, To: level}}, actors, actors, act)
	p.main, p.w.world.Plan.Think = opPost, closedPause
	for _, c := range p.actors {
		c.arrives()
	}
	return p
}

func (c *client) leaves() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
}

func (c *client) arrives() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = &link{c: c, conn: &wire.Conn{}}
}

// isLate wants the latest post to be late by that much, in the corrected figures only.
func isLate(t *testing.T, p *part, by time.Duration, failed int64) {
	t.Helper()
	post := p.w.rec.Take().Operations[opPost]
	const about = closedPause + 2*idle // the histogram has only three digits
	if most := time.Duration(post.Corrected.Histogram().Max()) * time.Microsecond; most < by-about || most > by+about {
		t.Errorf("the latest was late by %v, not %v", most, by)
	}
	if most := post.Uncorrected.Histogram().Max(); most > 0 || post.Failed != failed {
		t.Errorf("sent, it took %d µs; %d have failed", most, post.Failed)
	}
}

// TestHungUpOn: a client that is about to connect again when the worker hangs up has
// failed at nothing.
func TestHungUpOn(t *testing.T) {
	p := paced(nil, 1, 1, nil)
	p.w.life, p.w.leave = context.WithCancel(context.Background())
	for _, failures := range []int64{1, 0} {
		p.actors[0].judge(opLogin, epoch, &wire.Answer{Err: wire.ErrClosed})
		p.actors[0].failed(opConnect, context.Canceled)
		taken := p.w.rec.Take()
		for _, operation := range []string{opLogin, opConnect} {
			if o := taken.Operations[operation]; (o != nil) != (failures > 0) {
				t.Errorf("%s: %+v, wanted %d failures", operation, o, failures)
			}
		}
		p.w.leave()
	}
}

// TestProcessesShareTheLoad: however many processes there are, together they do just what
// is due, or have as many clients at work as the level says. A wave is made by each.
func TestProcessesShareTheLoad(t *testing.T) {
	for _, of := range []int{1, 3, 4, 32} {
		for _, scenario := range plan.Scenarios {
			var dues, want []time.Duration
			working, level := 0, 2.0
			p := plan.Plan{
				Mix: []plan.Share{{Scenario: scenario.Name, Weight: 1}}, Model: plan.Open, Clients: 20,
				Stages: []plan.Stage{{For: time.Second, From: level, To: level}, {For: time.Second, From: 9, To: 9}},
			}
			for number := range of {
				w := &Worker{world: &World{Plan: p, Accounts: make([]Account, 1), Parts: make([]Site, 1)}, number: number, of: of}
				mine := newPart(w, 0)
				for k := int64(0); len(mine.actors) > 0; k++ {
					due, more := mine.at(k)
					if !more {
						break
					}
					dues = append(dues, due)
				}
				for _, c := range mine.actors {
					if float64(c.rank) < mine.schedule.Level(0) {
						working++
					}
				}
			}
			times := 1
			if scenario.Waves {
				times = min(of, p.Clients)
			}
			for k := range int64(11) {
				due, _ := p.ScheduleOf(0).At(k)
				want = append(want, slices.Repeat([]time.Duration{due}, times)...)
			}
			if slices.Sort(dues); !slices.Equal(dues, want) {
				t.Errorf("%s, %d processes: %d actions, due at %v, not at %v", scenario.Name, of, len(dues), dues, want)
			}
			if !scenario.Waves && working != int(level) {
				t.Errorf("%s, %d processes: %d clients at work", scenario.Name, of, working)
			}
		}
	}
}

// TestProcessesShareThePorts: a source address has only so many ports for all processes.
func TestProcessesShareThePorts(t *testing.T) {
	const clients, of = 120_000, 200 // more than an address has ports; few enough files for each process
	world := &World{
		Plan:     plan.Plan{Mix: []plan.Share{{Scenario: "connect", Weight: 1}}, Clients: clients},
		Accounts: make([]Account, 1), Parts: make([]Site, 1), Reach: Reach{Address: "127.0.0.1:1"},
	}
	w, err := NewWorker(world, 0, of, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if len(w.dialer.Sources) < 2 {
		t.Errorf("%d connections from %v", clients, w.dialer.Sources)
	}
}

// TestRealClock: the real clock waits no shorter than it should, and ends with the
// context.
func TestRealClock(t *testing.T) {
	c := newClock()
	defer c.Close()
	for _, wait := range []time.Duration{0, time.Microsecond, 300 * time.Microsecond, 45 * time.Millisecond} {
		moment := time.Now().Add(wait)
		if err := c.Until(context.Background(), moment); err != nil || time.Now().Before(moment) {
			t.Errorf("%v: it is %v before its time, %v", wait, time.Until(moment), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Until(ctx, time.Now().Add(time.Hour)); err == nil {
		t.Error("it waits on after the end of the context")
	}
}

// TestEveryScenarioIsKnown: every scenario that can be planned can be run, and uses only
// known operations.
func TestEveryScenarioIsKnown(t *testing.T) {
	known := map[string]bool{}
	for _, o := range Operations {
		known[o.Name] = true
	}
	for _, s := range plan.Scenarios {
		if scenarios[s.Name].act == nil {
			t.Errorf("nobody does %s", s.Name)
		}
		if !known[s.Main] || !slices.Contains(scenarios[s.Name].does, s.Main) {
			t.Errorf("%s is about %q, which is not measured", s.Name, s.Main)
		}
	}
	if len(scenarios) != len(plan.Scenarios) {
		t.Errorf("%d scenarios can be done, %d planned", len(scenarios), len(plan.Scenarios))
	}
}

// BenchmarkClock tells by how much the clocks are late for a wait of half a millisecond,
// as a median.
func BenchmarkClock(b *testing.B) {
	for name, c := range map[string]clock{"finest": newClock(), "plain": plainClock{}} {
		b.Run(name, func(b *testing.B) {
			late := make([]time.Duration, b.N)
			for i := range late {
				moment := time.Now().Add(500 * time.Microsecond)
				if err := c.Until(context.Background(), moment); err != nil {
					b.Fatal(err)
				}
				late[i] = time.Since(moment)
			}
			slices.Sort(late)
			b.ReportMetric(float64(late[b.N/2].Microseconds()), "µs-late")
		})
		c.Close()
	}
}
