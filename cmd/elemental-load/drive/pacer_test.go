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
)

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
