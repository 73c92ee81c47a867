package measure_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental-load/measure"
	"elemental/cmd/elemental-load/plan"
	"elemental/cmd/elemental-load/result"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var kinds = []measure.Kind{{Name: "post", About: "a post", Paced: true}, {Name: "ping", About: "a ping", Paced: true}, {Name: "delivered"}}

// second is a second of one process. Its posts were due at the epoch, were sent a
// millisecond later, and took that long from then on.
func second(n int, took time.Duration) *measure.Interval {
	r := measure.NewRecorder()
	for i := range n {
		r.Started(i, 0, time.Millisecond, measure.Generator)
		r.Done(i, "post", epoch, epoch.Add(time.Millisecond), epoch.Add(time.Millisecond+took))
		r.Finished(i, 0)
	}
	taken := r.Take()
	taken.CPU, taken.Memory = 25, 2<<20
	return taken
}

// sent is an interval as it arrives at another process.
func sent(t *testing.T, i *measure.Interval) *measure.Interval {
	t.Helper()
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var got measure.Interval
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return &got
}

func open(rate float64, length time.Duration) *plan.Plan {
	return &plan.Plan{
		Mix: []plan.Share{{Scenario: "chat", Weight: 1}}, Model: plan.Open, Clients: 10,
		Stages: []plan.Stage{{For: length, From: rate, To: rate}},
	}
}

func fill(t *testing.T, c *measure.Collector, elapsed time.Duration) *result.Result {
	t.Helper()
	var r result.Result
	if err := c.Fill(&r, elapsed); err != nil {
		t.Fatal(err)
	}
	return &r
}

// near allows for the three digits of the histograms.
func near(got, want float64) bool { return got > want*0.998 && got < want*1.002 }

// TestBeforeTheLoad: what was done before the load counts in no rate, such as the logins
// before a wave of logins.
func TestBeforeTheLoad(t *testing.T) {
	logins := func(n int) *measure.Interval {
		r := measure.NewRecorder()
		for i := range n {
			r.Done(i, "ping", epoch, epoch, epoch.Add(time.Millisecond))
		}
		return r.Take()
	}
	c := measure.NewCollector(open(1, 4*time.Second), kinds, 2, nil, func(result.Second) {})
	c.Connected(sent(t, logins(20)))
	c.Connected(sent(t, logins(20)))
	c.Second(0, sent(t, logins(80)))
	c.Second(0, sent(t, logins(80)))
	r := fill(t, c, 4*time.Second)
	if got := r.Operations[1]; got.Name != "ping" || got.Done != 200 || got.Before != 40 || got.Setup {
		t.Fatalf("%+v", got)
	}
	var text strings.Builder
	if err := result.Text(&text, r, false); err != nil || !regexp.MustCompile(`(?m)^ping +200 +40/s`).MatchString(text.String()) {
		t.Errorf("160 in 4 seconds are told as\n%s (%v)", text.String(), err)
	}
}

// TestTwoProcesses: the seconds of two processes become one when both have reported it,
// in any order. The histograms are merged, not averaged.
func TestTwoProcesses(t *testing.T) {
	var shown []result.Second
	c := measure.NewCollector(open(200, 2*time.Second), kinds, 2, nil, func(s result.Second) { shown = append(shown, s) })
	c.Second(0, sent(t, second(99, 4*time.Millisecond)))
	c.Second(1, sent(t, second(100, 4*time.Millisecond)))
	if len(shown) != 0 {
		t.Fatal("a second is shown before all have told it")
	}
	c.Second(0, sent(t, second(101, 80*time.Millisecond)))
	c.Second(1, sent(t, second(100, 4*time.Millisecond)))
	if len(shown) != 2 || shown[0].Operations["post"].Done != 200 || shown[0].Scheduled != 200 || shown[0].Started != 200 {
		t.Fatalf("%+v", shown)
	}
	r := fill(t, c, 2*time.Second)
	post := r.Operations[0]
	if post.Done != 400 || !near(post.Corrected.P50, 5) || !near(post.Corrected.P90, 81) || !near(post.Uncorrected.Max, 80) {
		t.Errorf("%+v", post)
	}
	if p := r.Parts[0]; p.Scheduled != 400 || p.Started != 400 || p.Done != 400 {
		t.Errorf("%+v", p)
	}
	if g := r.Generator; !near(g.Late.P99, 1) || g.Behind || g.CPU != 50 || g.Memory != 4<<20 {
		t.Errorf("%+v", r.Generator)
	}
}

// TestOneEndsBefore: a process whose load ended just before a second was over reports nothing of
// the next one. Its connections have not gone.
func TestOneEndsBefore(t *testing.T) {
	c := measure.NewCollector(open(200, time.Second), kinds, 2, nil, func(result.Second) {})
	for _, at := range []int{0, 0, 1} {
		i := second(1, time.Millisecond)
		i.Connections = 20
		c.Second(at, i)
	}
	for _, s := range fill(t, c, time.Second).Seconds {
		if s.Connections != 40 {
			t.Errorf("second %d: %d connections", s.Second, s.Connections)
		}
	}
}

// TestWarmup: the warm-up is shown, but not counted.
func TestWarmup(t *testing.T) {
	p := open(100, 3*time.Second)
	p.Warmup = time.Second
	c := measure.NewCollector(p, kinds, 1, nil, func(result.Second) {})
	c.Second(0, second(100, 500*time.Millisecond))
	c.Second(1, second(100, time.Millisecond))
	c.Second(2, second(100, time.Millisecond))
	r := fill(t, c, 3*time.Second)
	if o := r.Operations[0]; o.Done != 200 || o.Corrected.Max > 3 || len(r.Seconds) != 3 || r.Duration != 2 || r.Parts[0].Scheduled != 200 {
		t.Errorf("%+v, %d seconds, %v s, %+v", o, len(r.Seconds), r.Duration, r.Parts)
	}
}

// TestEdgeOfTheWarmup: an action that is due when the warm-up ends may begin just before
// or just after. In neither case it is missing. Actions that the warm-up did not begin
// are due after it.
func TestEdgeOfTheWarmup(t *testing.T) {
	for _, run := range []struct{ early, then, due int64 }{{101, 99, 99}, {99, 101, 101}, {90, 100, 110}} {
		p := open(100, 2*time.Second)
		p.Warmup = time.Second
		c := measure.NewCollector(p, kinds, 1, nil, func(result.Second) {})
		c.Second(0, second(int(run.early), time.Millisecond))
		c.Second(1, second(int(run.then), time.Millisecond))
		if part := fill(t, c, 2*time.Second).Parts[0]; part.Scheduled != run.due || part.Started != run.then {
			t.Errorf("%+v: %+v", run, part)
		}
	}
}

// TestClosedIsCorrected: a client that waited for a second has missed some two hundred
// posts of 4 ms. Operations that are not paced are not corrected.
func TestClosedIsCorrected(t *testing.T) {
	p := open(0, time.Second)
	p.Model, p.Stages = plan.Closed, []plan.Stage{{For: 2 * time.Second, From: 1, To: 1}}
	c := measure.NewCollector(p, kinds, 1, nil, func(result.Second) {})
	r := measure.NewRecorder()
	for range 250 {
		r.Done(0, "post", epoch, epoch, epoch.Add(4*time.Millisecond))
		r.Done(0, "delivered", epoch, epoch, epoch.Add(4*time.Millisecond))
	}
	r.Done(0, "post", epoch, epoch, epoch.Add(time.Second))
	r.Done(0, "delivered", epoch, epoch, epoch.Add(time.Second))
	c.Second(0, r.Take())
	got := fill(t, c, 2*time.Second)
	post, delivered := got.Operations[0], got.Operations[1]
	if post.Uncorrected.Count != 251 || post.Corrected.Count < 499 || post.Corrected.Count > 501 || post.Corrected.P90 < 700 {
		t.Errorf("%+v\n%+v", post.Uncorrected, post.Corrected)
	}
	if delivered.Corrected.Count != 251 || delivered.Corrected.P90 > 5 {
		t.Errorf("%+v", delivered.Corrected)
	}
}

// TestOutageIsCorrected: an operation that had to wait until its client was back counts
// like a stall, even if it was answered at once.
func TestOutageIsCorrected(t *testing.T) {
	p := open(0, time.Second)
	p.Model, p.Stages = plan.Closed, []plan.Stage{{For: 2 * time.Second, From: 1, To: 1}}
	c := measure.NewCollector(p, kinds, 1, nil, func(result.Second) {})
	r := measure.NewRecorder()
	for range 250 {
		r.Done(0, "post", epoch, epoch, epoch.Add(4*time.Millisecond))
	}
	r.Done(0, "post", epoch, epoch.Add(996*time.Millisecond), epoch.Add(time.Second))
	c.Second(0, r.Take())
	post := fill(t, c, 2*time.Second).Operations[0]
	if post.Uncorrected.Count != 251 || post.Uncorrected.Max > 5 || post.Corrected.Count < 499 || post.Corrected.Count > 501 || post.Corrected.P90 < 700 {
		t.Errorf("%+v\n%+v", post.Uncorrected, post.Corrected)
	}
}

// TestReasons: refusals and failures are counted separately, by their reason.
func TestReasons(t *testing.T) {
	r := measure.NewRecorder()
	for turn := range 10 {
		r.Refused(turn, "post", "busy", "busy, try again")
	}
	r.Failed(1, "post", errors.New("cut"))
	r.Failed(2, "post", errors.New("cut"))
	r.Failed(3, "ping", errors.New("cut"))
	c := measure.NewCollector(open(10, time.Second), kinds, 1, nil, func(result.Second) {})
	c.Second(0, sent(t, r.Take()))
	got := fill(t, c, time.Second)
	if len(got.Refusals) != 1 || got.Refusals[0] != (result.Refusal{Operation: "post", Code: "busy", Reason: "busy, try again", Count: 10}) {
		t.Errorf("%+v", got.Refusals)
	}
	if len(got.Failures) != 2 || got.Failures[0] != (result.Failure{Operation: "post", Cause: "cut", Count: 2}) {
		t.Errorf("%+v", got.Failures)
	}
	if s := got.Seconds[0]; s.Refused != 10 || s.Failed != 3 {
		t.Errorf("%+v", s)
	}
}

// TestBehind: a run is marked if the generator itself begins too many actions late, but
// not for actions that the provider has held back.
func TestBehind(t *testing.T) {
	for late, behind := range map[int]bool{0: false, 5: false, 20: true} {
		r := measure.NewRecorder()
		for i := range 1000 {
			took := time.Duration(0)
			if i < late {
				took = time.Second
			}
			r.Started(i, 0, took, measure.Generator)
			r.Started(i, 0, time.Minute, measure.Provider)
			r.Started(i, 0, time.Minute, measure.Nobody)
		}
		c := measure.NewCollector(open(10, time.Second), kinds, 1, nil, func(result.Second) {})
		c.Second(0, r.Take())
		if g := fill(t, c, time.Second).Generator; g.Behind != behind || g.HeldBack != 1000 || g.LateShare != float64(late)/1000 {
			t.Errorf("%d late: %+v", late, g)
		}
	}
}

// TestMainFirst: the main operation of the first scenario comes first.
func TestMainFirst(t *testing.T) {
	p := open(10, time.Second)
	p.Mix[0].Scenario = "connect"
	r := measure.NewRecorder()
	r.Done(0, "post", epoch, epoch, epoch)
	r.Done(0, "ping", epoch, epoch, epoch)
	c := measure.NewCollector(p, kinds, 1, nil, func(result.Second) {})
	c.Connected(r.Take())
	if got := fill(t, c, time.Second).Operations; len(got) != 2 || got[0].Name != "ping" {
		t.Errorf("%+v", got)
	}
}

// TestOutOfRange: a time beyond the histogram's range counts as its end. A negative time,
// from another machine's clock, counts as zero.
func TestOutOfRange(t *testing.T) {
	r := measure.NewRecorder()
	r.Done(0, "post", epoch, epoch, epoch.Add(5*time.Hour))
	r.Done(0, "post", epoch, epoch, epoch.Add(-time.Hour))
	c := measure.NewCollector(open(10, time.Second), kinds, 1, nil, func(result.Second) {})
	c.Second(0, r.Take())
	if o := fill(t, c, time.Second).Operations[0]; o.Corrected.Count != 2 || o.Corrected.Min != 0 || !near(o.Corrected.Max, 3_600_000) {
		t.Errorf("%+v", o.Corrected)
	}
}

// TestSelf measures this process, if the system tells what it uses.
func TestSelf(t *testing.T) {
	p := measure.Self()
	if p == nil {
		t.Skip("this system does not tell what a process uses")
	}
	if _, memory := p.Sample(); memory < 1<<20 {
		t.Errorf("this process has %d bytes", memory)
	}
	if measure.Watch(1<<30) != nil {
		t.Error("a process that is not there is known")
	}
}

// TestChildren: what a process has others do for it, as a provider does with passwords, counts as
// its own.
func TestChildren(t *testing.T) {
	if measure.Self() == nil {
		t.Skip("this system does not tell what a process uses")
	}
	parent := exec.CommandContext(t.Context(), "sh", "-c", "(while :; do :; done) & echo $!; wait")
	said, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	busy := 0
	if _, err := fmt.Fscan(said, &busy); err != nil {
		t.Fatal(err)
	}
	child, err := os.FindProcess(busy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = child.Kill(), parent.Wait() })
	all, its := measure.Watch(parent.Process.Pid), measure.Watch(busy)
	for used := 0.0; used == 0; time.Sleep(10 * time.Millisecond) { // the pace of the loop
		used, _ = its.Sample()
	}
	if used, _ := all.Sample(); used == 0 {
		t.Error("a process whose child is busy is told to use no CPU")
	}
}
