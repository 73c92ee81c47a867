package inspector

import (
	"reflect"
	"runtime/metrics"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/transport"
)

// An answer is counted a moment before its time is. If a page looks in between, the
// answer must be in that flow, since the next one would take it for an old one.
func TestNoAnswerIsLostBetweenTwoLooks(t *testing.T) {
	now := time.Now()
	before, after := &snapshot{at: now.Add(-time.Second)}, &snapshot{at: now}
	after.calls.Calls = map[string]telemetry.CallCount{
		"message":   {Answers: map[string]uint64{"": 2, string(actors.NoSuchServer): 1, string(actors.Busy): 3}},
		"subscribe": {Answers: map[string]uint64{string(actors.NoSuchServer): 1}},
		"ping":      {Answers: map[string]uint64{"": 0}},
	}
	f := after.flowSince(before)
	if c := f.Calls["message"]; c.OK != 2 || c.Refused != 4 || f.Refused["no_such_server"] != 2 || f.Refused["busy"] != 3 {
		t.Errorf("%+v, refused %v", f.Calls, f.Refused)
	}
	if _, there := f.Calls["ping"]; there {
		t.Error("a call that nobody made is told")
	}
}

// Pauses are told of since the look before, not since the start.
func TestPausesAreThoseBetweenTwoLooks(t *testing.T) {
	pauses := func(counts ...uint64) *snapshot {
		return &snapshot{gcPauses: &metrics.Float64Histogram{Counts: counts, Buckets: []float64{0, 1e-6, 2e-6, 3e-6}}}
	}
	if us := pauses(500, 98, 2).flowSince(pauses(500, 0, 0)).GC.PauseP99; us != 3 {
		t.Errorf("%v microseconds", us)
	}
}

// What is counted is told as a rate since the look before, what there is as it is.
func TestTheFlowTellsWhatHasGrown(t *testing.T) {
	now := time.Now()
	kind := func(n uint64) map[actors.Kind]telemetry.KindCount {
		return map[actors.Kind]telemetry.KindCount{actors.KindUser: {Alive: n, Started: 2 * n, Passivated: 3 * n, Restarts: 4 * n, Messages: 5 * n}}
	}
	before := &snapshot{
		at: now.Add(-2 * time.Second), kinds: kind(10), calls: telemetry.Counters{Posts: 1, Pushes: 2},
		wire: transport.Counters{Accepted: 1, SlowReaders: 2}, disk: persistence.Counters{SnapshotBytes: 10, PageBytes: 20, Syncs: 1, Records: 5},
		process: process{cpu: 1}, letters: 1, gcCount: 1,
	}
	after := &snapshot{
		at: now, kinds: kind(12), calls: telemetry.Counters{Posts: 11, Pushes: 32, InFlight: 4},
		wire:    transport.Counters{Open: 5, Accepted: 9, SlowReaders: 12, Unread: 6},
		disk:    persistence.Counters{SnapshotBytes: 14, PageBytes: 36, JournalBytes: 7, Segments: 8, Syncs: 3, Records: 11},
		process: process{cpu: 1.5, resident: 9}, letters: 5, gcCount: 7, heap: 10, stacks: 11, routines: 12,
	}
	want := flow{
		At: now.UnixMilli(), Calls: map[string]callFlow{}, Refused: map[string]float64{}, Posts: 5, Pushes: 15, InFlight: 4,
		Connections: 5, Accepted: 4, Unread: 6, SlowReaders: 5, DeadLetters: 2, Memory: memoryFlow{9, 10, 11}, Goroutines: 12,
		GC: gcFlow{Count: 3}, CPU: 0.25, Syncs: 1, RecordsPerSync: 3, JournalBytes: 7, Segments: 8, SnapshotBytes: 10,
		Actors: map[string]kindFlow{"user": {12, 2, 3, 4, 5}},
	}
	if got := after.flowSince(before); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
