package inspector

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/prometheus/procfs"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/transport"
)

// snapshot holds all counters at one moment. The flow is the difference between two
// snapshots.
type snapshot struct {
	at       time.Time
	calls    telemetry.Counters
	kinds    map[actors.Kind]telemetry.KindCount
	wire     transport.Counters
	disk     persistence.Counters
	process  process
	letters  uint64
	gcPauses *metrics.Float64Histogram
	gcCount  uint64
	heap     uint64
	stacks   uint64
	routines int
}

func (s *snapshot) take(server *Server) {
	s.at = time.Now()
	s.calls, s.kinds = server.provider.Counters(), server.provider.KindCounts()
	s.wire, s.disk = server.listener.Counters(), server.store.Counters()
	s.process = readProcess()
	s.letters = server.happ.of("deadletter")
	s.takeRuntime()
	s.heap -= min(s.heap, server.cfg.Ballast)
}

func (s *snapshot) takeRuntime() {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"},
	}
	metrics.Read(samples)
	s.heap, s.stacks, s.gcCount = samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()
	s.gcPauses = samples[3].Value.Float64Histogram()
	s.routines = runtime.NumGoroutine()
}

// process is what the system tells about this process. It is zero if it tells nothing.
type process struct {
	cpu      float64 // in seconds
	resident int
}

func readProcess() process {
	self, err := procfs.Self()
	if err != nil {
		return process{}
	}
	stat, err := self.Stat()
	if err != nil {
		return process{}
	}
	return process{stat.CPUTime(), stat.ResidentMemory()}
}

type (
	callFlow struct {
		OK      float64 `json:"ok"`
		Refused float64 `json:"refused"`
		P50     float64 `json:"p50"`
		P99     float64 `json:"p99"`
	}
	kindFlow struct {
		Alive      uint64  `json:"alive"`
		Started    float64 `json:"started"`
		Passivated float64 `json:"passivated"`
		Restarts   float64 `json:"restarts"`
		Messages   float64 `json:"messages"`
	}
	memoryFlow struct {
		Resident int    `json:"resident"`
		Heap     uint64 `json:"heap"`
		Stacks   uint64 `json:"stacks"`
	}
	gcFlow struct {
		PauseP99 float64 `json:"pauseP99"`
		Count    float64 `json:"count"`
	}
	flow struct {
		At             int64               `json:"at"`
		Calls          map[string]callFlow `json:"calls"` // only calls that were made in this time
		Posts          float64             `json:"posts"`
		Pushes         float64             `json:"pushes"`
		Syncs          float64             `json:"syncs"`
		RecordsPerSync float64             `json:"recordsPerSync"`
		SyncP50        float64             `json:"syncP50"`
		SyncP99        float64             `json:"syncP99"`
		JournalBytes   int64               `json:"journalBytes"`
		SnapshotBytes  float64             `json:"snapshotBytes"` // bytes of snapshots and page files written
		Segments       int                 `json:"segments"`
		Connections    int                 `json:"connections"`
		Accepted       float64             `json:"accepted"`
		Unread         int64               `json:"unread"`
		InFlight       int64               `json:"inflight"`
		Actors         map[string]kindFlow `json:"actors"`
		Refused        map[string]float64  `json:"refused"` // by the code of the refusal
		Memory         memoryFlow          `json:"memory"`
		Goroutines     int                 `json:"goroutines"`
		GC             gcFlow              `json:"gc"`
		CPU            float64             `json:"cpu"` // in processors: 1 is one processor fully used
		SlowReaders    float64             `json:"slowReaders"`
		DeadLetters    float64             `json:"deadLetters"`
	}
)

// flowSince computes rates per second of what has grown since before, and tells the
// present values of the rest.
func (s *snapshot) flowSince(before *snapshot) flow {
	span := max(s.at.Sub(before.at).Seconds(), 1e-3)
	rate := func(now, then uint64) float64 { return max(float64(now)-float64(then), 0) / span }
	f := flow{
		At:          millis(s.at),
		Posts:       rate(s.calls.Posts, before.calls.Posts),
		Pushes:      rate(s.calls.Pushes, before.calls.Pushes),
		InFlight:    s.calls.InFlight,
		Connections: s.wire.Open,
		Accepted:    float64(s.wire.Accepted-before.wire.Accepted) / span,
		Unread:      s.wire.Unread,
		SlowReaders: float64(s.wire.SlowReaders-before.wire.SlowReaders) / span,
		DeadLetters: rate(s.letters, before.letters),
		Memory:      memoryFlow{s.process.resident, s.heap, s.stacks},
		Goroutines:  s.routines,
		GC:          gcFlow{pauseQuantile(before.gcPauses, s.gcPauses, 0.99), rate(s.gcCount, before.gcCount)},
		CPU:         max(s.process.cpu-before.process.cpu, 0) / span,
		Actors:      map[string]kindFlow{},
	}
	f.callsSince(s, before, rate)
	f.diskSince(s, before, rate)
	for kind, now := range s.kinds {
		then := before.kinds[kind]
		f.Actors[string(kind)] = kindFlow{
			now.Alive, rate(now.Started, then.Started),
			rate(now.Passivated, then.Passivated), rate(now.Restarts, then.Restarts), rate(now.Messages, then.Messages),
		}
	}
	return f
}

type rater = func(now, then uint64) float64

func (f *flow) callsSince(s, before *snapshot, rate rater) {
	f.Calls, f.Refused = map[string]callFlow{}, map[string]float64{}
	for name, now := range s.calls.Calls {
		then := before.calls.Calls[name]
		took := now.Took.Since(&then.Took)
		there := took.Count > 0
		c := callFlow{P50: micros(took.Quantile(0.5)), P99: micros(took.Quantile(0.99))}
		for code, n := range now.Answers {
			r := rate(n, then.Answers[code])
			there = there || r > 0 // an answer is counted a moment before its time is
			switch {
			case code == "":
				c.OK = r
			case r > 0:
				c.Refused += r
				f.Refused[code] += r
			}
		}
		if there {
			f.Calls[name] = c
		}
	}
}

func (f *flow) diskSince(s, before *snapshot, rate rater) {
	now, then := &s.disk, &before.disk
	f.Syncs = rate(now.Syncs, then.Syncs)
	if now.Syncs > then.Syncs {
		f.RecordsPerSync = float64(now.Records-then.Records) / float64(now.Syncs-then.Syncs)
	}
	sync := now.Sync.Since(&then.Sync)
	f.SyncP50, f.SyncP99 = micros(sync.Quantile(0.5)), micros(sync.Quantile(0.99))
	f.JournalBytes, f.Segments = now.JournalBytes, now.Segments
	f.SnapshotBytes = rate(now.SnapshotBytes+now.PageBytes, then.SnapshotBytes+then.PageBytes)
}

// pauseQuantile is a quantile of the pauses between the two, in microseconds; 0 if there
// was none.
func pauseQuantile(before, now *metrics.Float64Histogram, q float64) float64 {
	if before == nil || now == nil || len(before.Counts) != len(now.Counts) {
		return 0
	}
	var count uint64
	for i := range now.Counts {
		count += now.Counts[i] - before.Counts[i]
	}
	rank := uint64(math.Ceil(q * float64(count)))
	for i := range now.Counts {
		n := now.Counts[i] - before.Counts[i]
		if rank > n || n == 0 {
			rank -= n
			continue
		}
		if bound := now.Buckets[i+1]; !math.IsInf(bound, 1) {
			return bound * 1e6
		}
		return now.Buckets[i] * 1e6
	}
	return 0
}
