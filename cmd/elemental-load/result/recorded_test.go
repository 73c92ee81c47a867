package result

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"elemental/cmd/elemental-load/plan"
)

func updating() bool { return os.Getenv("ELEMENTAL_UPDATE") == "1" }

// recorded makes the runs of testdata/<name>/result.json. With ELEMENTAL_UPDATE=1 the
// files are written again.
var recorded = map[string]func() *Result{
	"steady":  func() *Result { return steady(1, 1) },
	"stalled": stalled,
	"closed":  closed,
}

// load reads one of the recorded runs.
func load(t testing.TB, name string) *Result {
	t.Helper()
	dir := filepath.Join("testdata", name)
	if updating() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := encoded(recorded[name]())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, dataFile), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// golden compares a text with a file in testdata. With ELEMENTAL_UPDATE=1 it writes the
// file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if updating() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("what was written differs from %s:\n%s", file, got)
	}
}

// workload makes a run of some seconds from random numbers that are the same each time.
type workload struct {
	r       *Result
	chance  *rand.Rand
	seconds int
	warmup  int
	whole   map[string]*pair
	order   []string
}

// pair holds one operation's latencies.
type pair struct {
	about                  string
	corrected, uncorrected *hdrhistogram.Histogram
}

func newWorkload(seed uint64, warmup, seconds int) *workload {
	w := &workload{chance: rand.New(rand.NewPCG(seed, 4)), warmup: warmup, seconds: seconds, whole: map[string]*pair{}}
	w.r = &Result{
		Format: Format, Run: "7f3a", Ended: Completed, Started: time.Date(2026, 10, 9, 14, 3, 5, 0, time.UTC),
		Target:    Target{Address: "127.0.0.1:5005", Name: "elemental 1.4.0", Started: true},
		Machine:   Machine{OS: "linux", Arch: "amd64", CPU: "AMD EPYC 7B13", CPUs: 2, Go: "go1.26.0", Memory: 8 << 30},
		Processes: 1, Duration: float64(seconds), Warmup: float64(warmup), Setup: 0.8,
	}
	for s := range warmup + seconds {
		w.r.Seconds = append(w.r.Seconds, Second{Second: s, Connections: 50, Operations: map[string]Slice{}})
	}
	return w
}

func (w *workload) operation(name, about string) {
	w.order = append(w.order, name)
	w.whole[name] = &pair{about, NewHistogram(), NewHistogram()}
}

// micros is a random latency in microseconds: around a median, with a long tail.
func (w *workload) micros(median float64) int64 {
	v := median * math.Exp(w.chance.NormFloat64()*0.45)
	if w.chance.Float64() < 0.004 {
		v *= 3 + 4*w.chance.Float64()
	}
	return int64(v)
}

// second fills in one second of an operation. Late is what the provider's stall adds to
// the i-th of n requests.
func (w *workload) second(t int, name string, n int, median float64, late func(i, n int) int64) {
	of := NewHistogram()
	for i := range n {
		v := w.micros(median)
		due := v + late(i, n)
		_ = of.RecordValue(due) // far below an hour, so it cannot fail
		if t < w.warmup {
			continue
		}
		_ = w.whole[name].uncorrected.RecordValue(v)
		_ = w.whole[name].corrected.RecordValue(due)
	}
	l, _ := NewLatency(of)
	w.r.Seconds[t].Operations[name] = Slice{Done: int64(n), P50: l.P50, P99: l.P99, Max: l.Max}
}

func onTime(int, int) int64 { return 0 }

// result adds the operations to the result.
func (w *workload) result() *Result {
	for _, name := range w.order {
		p := w.whole[name]
		o := Operation{Name: name, About: p.about, Done: p.uncorrected.TotalCount()}
		o.Corrected, _ = NewLatency(p.corrected)
		o.Uncorrected, _ = NewLatency(p.uncorrected)
		w.r.Operations = append(w.r.Operations, o)
	}
	return w.r
}

// usage fills in what the processes used in each second.
func (w *workload) usage(cpu float64, memory int64) {
	for i := range w.r.Seconds {
		s := &w.r.Seconds[i]
		s.LoadCPU = math.Round(310+40*w.chance.NormFloat64()) / 10
		s.CPU = math.Round(10*cpu*(1+0.03*w.chance.NormFloat64())) / 10
		s.Memory = memory + int64(i)*(200<<10)
	}
}

const (
	aboutPost      = "from when a post was due to its acknowledgement"
	aboutDelivered = "from when a post was due to its push at a subscriber"
)

// steady is a run of the open model in which all goes well. Slower multiplies its
// latencies.
func steady(seed uint64, slower float64) *Result {
	w := newWorkload(seed, 2, 20)
	w.operation("post", aboutPost)
	w.operation("delivered", aboutDelivered)
	for t := range w.r.Seconds {
		w.second(t, "post", 200, 1150*slower, onTime)
		w.second(t, "delivered", 980+w.chance.IntN(40), 1420*slower, onTime)
		w.r.Seconds[t].Scheduled, w.r.Seconds[t].Started = 200, 200
	}
	w.usage(34*slower, 46<<20)
	r := w.result()
	r.Title = "chat, open model, 200/s for 20s"
	r.Command = []string{"elemental-load", "--selfhost", "--rate", "200", "--for", "20s", "--out", "run"}
	r.Plan = plan.Plan{Mix: []plan.Share{{Scenario: "chat", Weight: 1}}, Model: plan.Open, Clients: 50, Users: 50, Servers: 1, Channels: 10,
		Size: plan.Range{Min: 20, Max: 200}, Stages: []plan.Stage{{For: 22 * time.Second, From: 200, To: 200}}, Warmup: 2 * time.Second}
	r.Parts = []Part{{Scenario: "chat", Clients: 50, Scheduled: 4000, Started: 4000, Done: 4000, Weight: 1}}
	r.Checked = Checked{History: true, Streamed: true, Acknowledged: 4400, Found: 4400, Pushes: 21560, Streams: 50}
	late := NewHistogram()
	for range 4000 {
		_ = late.RecordValue(w.micros(60))
	}
	r.Generator = Generator{CPU: 31.2, Memory: 38 << 20}
	r.Generator.Late, _ = NewLatency(late)
	r.Provider = &Usage{Pid: 4711, CPU: 34 * slower, Memory: 50 << 20, MemoryBefore: 21 << 20, MemoryIdle: 24 << 20, PerConn: 61_440}
	for _, text := range []string{"p99<20ms", "errors=0", "delivered.p99.9 <= 50ms", "memory<200MiB"} {
		r.Verdicts = append(r.Verdicts, must(ParseExpectation(text)).Check(r))
	}
	return r
}

// stalled is a run of the open model whose provider stops for a second, refuses some
// requests and loses two messages. So its report has much to tell.
func stalled() *Result {
	w := newWorkload(2, 2, 30)
	w.operation("post", aboutPost)
	w.operation("delivered", aboutDelivered)
	w.operation("poll.messages", "from when new messages were due to be asked for to the answer")
	w.operation("login", "")
	const stall, long = 12, 1_000_000 // the second in which it stops; how long, in microseconds
	for t := range w.r.Seconds {
		late := onTime
		if t == stall {
			late = func(i, n int) int64 { return long - int64(i)*long/int64(n) }
		}
		w.second(t, "post", 300, 900, late)
		w.second(t, "delivered", 600, 1300, late)
		w.second(t, "poll.messages", 60, 400, late)
		s := &w.r.Seconds[t]
		s.Scheduled, s.Started = 360, 360
		if t == stall {
			s.Started = 250
		}
		if t > stall && t < stall+5 {
			s.Refused, s.Failed = int64(20-4*(t-stall)), 1
		}
	}
	w.usage(61, 120<<20)
	r := w.result()
	r.Title = "chat and poll, open model, 360/s for 30s"
	r.Command = []string{"elemental-load", "--target", "127.0.0.1:5005", "--mix", "chat=5,poll=1", "--rate", "360"}
	r.Plan = plan.Plan{Mix: []plan.Share{{Scenario: "chat", Weight: 5}, {Scenario: "poll", Weight: 1}}, Model: plan.Open, Clients: 120, Users: 60,
		Servers: 2, Channels: 4, Size: plan.Range{Min: 64, Max: 64}, Warmup: 2 * time.Second,
		Stages: []plan.Stage{{For: 12 * time.Second, From: 100, To: 360}, {For: 20 * time.Second, From: 360, To: 360}}}
	r.Parts = []Part{{Scenario: "chat", Clients: 100, Scheduled: 9000, Started: 9000, Done: 9000, Weight: 5},
		{Scenario: "poll", Clients: 20, Scheduled: 1800, Started: 1800, Done: 1800, Weight: 1}}
	r.Operations[0].Refused, r.Operations[0].Failed, r.Operations[2].Refused = 36, 4, 4
	r.Refusals = []Refusal{{"post", "busy", "busy, try again", 36}, {"poll.messages", "server is gone", "server is gone", 4}}
	r.Failures = []Failure{{"post", "the connection ended before the answer", 4}}
	r.Violations = []Found{{"lost", "acknowledged messages are not in the history", 2, []string{
		"load-7f3a-1/2: message 1712 of user 14, acknowledged at 14:03:17.201", "load-7f3a-1/3: message 9 of user 2, acknowledged at 14:03:17.204"}}}
	r.Checked = Checked{History: true, Streamed: true, Acknowledged: 9560, Found: 9558, Unsure: 4, Pushes: 19200, Streams: 120}
	r.Generator = Generator{CPU: 44, Memory: 61 << 20, HeldBack: 110, LateShare: 0.0123, Behind: true}
	r.Generator.Late = r.Operations[2].Uncorrected
	r.Provider = &Usage{Pid: 99, CPU: 61, Memory: 127 << 20}
	r.Notes = []string{"the generator and the provider share two cores: each slows the other"}
	r.Processes = 2
	for _, text := range []string{"post.p99<20ms", "errors=0", "violations=0", "rate>=250/s"} {
		r.Verdicts = append(r.Verdicts, must(ParseExpectation(text)).Check(r))
	}
	return r
}

// closed is a run of the closed model against a provider whose process is not known.
func closed() *Result {
	w := newWorkload(3, 0, 10)
	w.operation("poll.total", "from a question to its answer")
	for t := range w.r.Seconds {
		w.second(t, "poll.total", 400, 2400, onTime)
		w.r.Seconds[t].Connections, w.r.Seconds[t].Started = 20, 400
		w.r.Seconds[t].LoadCPU = 12
	}
	p := w.whole["poll.total"]
	for range 2 {
		_ = p.uncorrected.RecordValue(900_000)
	}
	p.corrected, _ = Correct(p.uncorrected, 3*time.Millisecond)
	r := w.result()
	r.Title = "poll, closed model, 20 clients for 10s"
	r.Command = []string{"elemental-load", "--scenario", "poll", "--model", "closed", "--clients", "20"}
	r.Plan = plan.Plan{Mix: []plan.Share{{Scenario: "poll", Weight: 1}}, Model: plan.Closed, Clients: 20, Users: 20, Servers: 1, Channels: 1,
		Size: plan.Range{Min: 96, Max: 96}, Pipeline: 1, Stages: []plan.Stage{{For: 10 * time.Second, From: 20, To: 20}}}
	r.Parts = []Part{{Scenario: "poll", Clients: 20, Started: 4002, Done: 4002, Weight: 1}}
	r.Target = Target{Address: "localhost:5006", Original: true}
	r.Generator = Generator{CPU: 12, Memory: 30 << 20}
	r.Ended = "interrupted"
	return r
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
