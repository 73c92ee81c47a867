package inspector

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/meter"
	"elemental/transport"
)

// gatherer is a collector of what a function gathers.
type gatherer func(gathering)

func (gatherer) Describe(chan<- *prometheus.Desc) {}

func (f gatherer) Collect(to chan<- prometheus.Metric) { f(gathering(to)) }

// scraped is what Prometheus reads of that, without the explanations.
func scraped(t *testing.T, f gatherer) (lines []string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(f)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(text.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), "elemental_"))
		}
	}
	return lines
}

// Each metric has its own count.
func TestEachMetricHasItsCount(t *testing.T) {
	var sync meter.Times
	sync.Buckets[0], sync.Buckets[1], sync.Buckets[4], sync.Buckets[meter.Buckets-1] = 1, 2, 4, 8
	sync.Count, sync.Sum = 15, 3*time.Second
	disk := persistence.Counters{
		Syncs: 1, Failures: 2, Records: 3, Bytes: 4, Sync: sync, Snapshots: 5, SnapshotBytes: 6, PageFiles: 7, PageBytes: 8,
		WaitingRecords: 9, WaitingBytes: 10, Segments: 11, JournalBytes: 12,
	}
	disk.BatchRecords[0], disk.BatchRecords[meter.SizeBuckets-1] = 1, 2
	got := scraped(t, func(g gathering) {
		g.disk(disk)
		g.wire(transport.Counters{Open: 1, Accepted: 2, Refused: 3, SlowReaders: 4, Unread: 5, SentBytes: 6})
		g.domain(telemetry.Counters{Posts: 1, Pushes: 2, RequestBytes: 3, InFlight: 4, InFlightBytes: 5, StateBytes: 6})
		g.actors(map[actors.Kind]telemetry.KindCount{actors.KindUser: {Alive: 1, Started: 2, Ended: 3, Passivated: 4, Restarts: 5, Messages: 6}})
	})
	for line := range strings.Lines(eachMetric) {
		if !slices.Contains(got, strings.TrimSpace(line)) {
			t.Errorf("there is no %s in\n%s", line, strings.Join(got, "\n"))
		}
	}
}

const eachMetric = `journal_syncs_total 1
journal_failures_total 2
journal_records_total 3
journal_written_bytes_total 4
snapshots_total 5
snapshot_written_bytes_total 6
page_files_total 7
page_written_bytes_total 8
journal_waiting_records 9
journal_waiting_bytes 10
journal_segments 11
journal_size_bytes 12
storage_writable 0
journal_sync_duration_seconds_bucket{le="8.192e-06"} 1
journal_sync_duration_seconds_bucket{le="1.6384e-05"} 7
journal_sync_duration_seconds_bucket{le="+Inf"} 15
journal_sync_duration_seconds_sum 3
journal_sync_duration_seconds_count 15
journal_batch_records_bucket{le="1"} 1
journal_batch_records_bucket{le="+Inf"} 3
journal_batch_records_sum 3
journal_batch_records_count 3
connections 1
connections_accepted_total 2
connections_refused_total 3
slow_readers_total 4
unread_bytes 5
sent_bytes_total 6
posts_total 1
pushes_total 2
received_bytes_total 3
requests_in_flight 4
requests_in_flight_bytes 5
state_bytes 6
actors{kind="user"} 1
actors_started_total{kind="user"} 2
actors_ended_total{kind="user"} 3
actors_passivated_total{kind="user"} 4
actor_restarts_total{kind="user"} 5
actor_messages_total{kind="user"} 6`
