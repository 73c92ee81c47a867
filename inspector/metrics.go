package inspector

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/meter"
	"elemental/transport"
)

// This file has what Prometheus reads: the current counters of the provider's other
// parts, and what the runtime and the system tell about the process.

// metrics is the handler for GET /metrics.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{s},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	const atOnce = 4
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: atOnce, Timeout: requestTime / 2})
}

// collector makes metrics from the counters.
type collector struct{ server *Server }

// described are all metrics of the collector.
var described []*prometheus.Desc

func describe(name, help string, labels ...string) *prometheus.Desc {
	desc := prometheus.NewDesc("elemental_"+name, help, labels, nil)
	described = append(described, desc)
	return desc
}

var (
	callsTotal  = describe("calls_total", "Answers to requests, by call and outcome: ok, or the code of the refusal.", "call", "code")
	callTime    = describe("call_duration_seconds", "Time from a request's turn in its session to its answer. Answers busy and storage_unavailable are not timed.", "call")
	postsTotal  = describe("posts_total", "Messages that were posted: on disk and published.")
	pushesTotal = describe("pushes_total", "Messages that were pushed to subscribers.")
	inFlight    = describe("requests_in_flight", "Requests that are admitted and not answered.")
	inFlightB   = describe("requests_in_flight_bytes", "Bytes of the requests that are admitted and not answered.")
	receivedB   = describe("received_bytes_total", "Bytes of the requests that were answered.")
	sentB       = describe("sent_bytes_total", "Bytes that were written to clients.")
	open        = describe("connections", "Connections now.")
	accepted    = describe("connections_accepted_total", "Connections that were accepted.")
	turnedAway  = describe("connections_refused_total", "Connections beyond a limit, turned away.")
	slowReaders = describe("slow_readers_total", "Connections that were ended because their client did not read.")
	unread      = describe("unread_bytes", "Bytes that wait for clients to read them.")

	syncsTotal    = describe("journal_syncs_total", "Batches that the journal made durable: one write and one sync each.")
	syncTime      = describe("journal_sync_duration_seconds", "Time of a batch's write and sync.")
	batchRecords  = describe("journal_batch_records", "Records of a batch.")
	recordsTotal  = describe("journal_records_total", "Records that became durable.")
	writtenB      = describe("journal_written_bytes_total", "Bytes that were written to the journal.")
	failuresTotal = describe("journal_failures_total", "Times that the journal could not be written.")
	journalB      = describe("journal_size_bytes", "Size of the journal on disk.")
	segments      = describe("journal_segments", "Segments of the journal on disk.")
	waitingRecs   = describe("journal_waiting_records", "Records that wait for the disk.")
	waitingB      = describe("journal_waiting_bytes", "Bytes of the records that wait for the disk.")
	snapshots     = describe("snapshots_total", "Snapshots that were written.")
	snapshotB     = describe("snapshot_written_bytes_total", "Bytes of the snapshots that were written.")
	pages         = describe("page_files_total", "Page files of channels that were written.")
	pageB         = describe("page_written_bytes_total", "Bytes of the page files that were written.")
	writable      = describe("storage_writable", "1 while the storage can be written, 0 while what would have to be kept is refused.")

	alive      = describe("actors", "Living actors, by kind.", "kind")
	started    = describe("actors_started_total", "Actors that were started.", "kind")
	ended      = describe("actors_ended_total", "Actors that have ended.", "kind")
	passivated = describe("actors_passivated_total", "Actors that have left memory because they were idle.", "kind")
	restarts   = describe("actor_restarts_total", "Restarts of actors that have crashed.", "kind")
	messages   = describe("actor_messages_total", "Messages that actors have handled.", "kind")
	state      = describe("state_bytes", "About what users, servers and channels take in memory.")
	happened   = describe("happenings_total", "What an operator may want to know: panics, restarts, dead letters and the like; busy is every answer of busy, storage_unavailable or outcome_unknown.", "what")

	streamsNow = describe("inspector_streams", "Pages that look.")
	ownTime    = describe("inspector_busy_seconds_total", "Time that the inspector takes: measured, of its own goroutines; counted, what the actors did for it, times what one of it takes.", "part")
	ownBytes   = describe("inspector_sent_bytes_total", "Bytes that the inspector has sent.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range described {
		to <- desc
	}
}

// gathering is an answer that is being made.
type gathering chan<- prometheus.Metric

func (g gathering) counter(desc *prometheus.Desc, value float64, labels ...string) {
	g <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
}

func (g gathering) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	g <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// times makes a histogram with a bound at every power of two. These bounds are the same
// for all times, so histograms can be added up.
func (g gathering) times(desc *prometheus.Desc, t *meter.Times, labels ...string) {
	const parts = 4
	buckets := map[float64]uint64{}
	sum := uint64(0)
	for i, n := range t.Buckets[:meter.Buckets-1] {
		if sum += n; i%parts == 0 {
			buckets[meter.Bound(i).Seconds()] = sum
		}
	}
	g <- prometheus.MustNewConstHistogram(desc, t.Count, t.Sum.Seconds(), buckets, labels...)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	defer c.server.cost.working(time.Now())
	g := gathering(to)
	g.domain(c.server.provider.Counters())
	g.actors(c.server.provider.KindCounts())
	g.happenings(&c.server.happ)
	g.wire(c.server.listener.Counters())
	g.disk(c.server.store.Counters())
	g.own(c.server)
}

func (g gathering) domain(now telemetry.Counters) {
	for name, call := range now.Calls {
		for _, code := range []actors.Code{actors.Busy, actors.OutcomeUnknown, actors.StorageDown} {
			if _, is := call.Answers[string(code)]; !is {
				g.counter(callsTotal, 0, name, outcome(string(code))) // so that already the first one shows as a rise
			}
		}
		for code, n := range call.Answers {
			g.counter(callsTotal, float64(n), name, outcome(code))
		}
		g.times(callTime, &call.Took, name)
	}
	g.counter(postsTotal, float64(now.Posts))
	g.counter(pushesTotal, float64(now.Pushes))
	g.counter(receivedB, float64(now.RequestBytes))
	g.gauge(inFlight, float64(now.InFlight))
	g.gauge(inFlightB, float64(now.InFlightBytes))
	g.gauge(state, float64(now.StateBytes))
}

func (g gathering) actors(kinds map[actors.Kind]telemetry.KindCount) {
	for kind, n := range kinds {
		g.gauge(alive, float64(n.Alive), string(kind))
		g.counter(started, float64(n.Started), string(kind))
		g.counter(ended, float64(n.Ended), string(kind))
		g.counter(passivated, float64(n.Passivated), string(kind))
		g.counter(restarts, float64(n.Restarts), string(kind))
		g.counter(messages, float64(n.Messages), string(kind))
	}
}

func (g gathering) happenings(all *happenings) {
	for i, word := range happens {
		g.counter(happened, float64(all.counts[i].Load()), word)
	}
}

func outcome(code string) string {
	if code == "" {
		return "ok"
	}
	return code
}

func (g gathering) wire(now transport.Counters) {
	g.gauge(open, float64(now.Open))
	g.counter(accepted, float64(now.Accepted))
	g.counter(turnedAway, float64(now.Refused))
	g.counter(slowReaders, float64(now.SlowReaders))
	g.gauge(unread, float64(now.Unread))
	g.counter(sentB, float64(now.SentBytes))
}

func (g gathering) disk(now persistence.Counters) {
	g.counter(syncsTotal, float64(now.Syncs))
	g.times(syncTime, &now.Sync)
	buckets, below := map[float64]uint64{}, uint64(0)
	for i, n := range now.BatchRecords[:meter.SizeBuckets-1] {
		below += n
		buckets[float64(meter.SizeBound(i))] = below
	}
	below += now.BatchRecords[meter.SizeBuckets-1]
	g <- prometheus.MustNewConstHistogram(batchRecords, below, float64(now.Records), buckets)
	g.counter(recordsTotal, float64(now.Records))
	g.counter(writtenB, float64(now.Bytes))
	g.counter(failuresTotal, float64(now.Failures))
	g.gauge(journalB, float64(now.JournalBytes))
	g.gauge(segments, float64(now.Segments))
	g.gauge(waitingRecs, float64(now.WaitingRecords))
	g.gauge(waitingB, float64(now.WaitingBytes))
	g.counter(snapshots, float64(now.Snapshots))
	g.counter(snapshotB, float64(now.SnapshotBytes))
	g.counter(pages, float64(now.PageFiles))
	g.counter(pageB, float64(now.PageBytes))
	yes := 0.0
	if now.Writable {
		yes = 1
	}
	g.gauge(writable, yes)
}

func (g gathering) own(s *Server) {
	now := s.hub.cost()
	g.gauge(streamsNow, float64(now.Streams))
	g.counter(ownTime, time.Duration(s.cost.busy.Load()).Seconds(), "measured")
	g.counter(ownTime, s.counted().Seconds(), "counted")
	g.counter(ownBytes, float64(now.Bytes))
}

// profiles are the handlers of pprof, by the name in their path.
var profiles = map[string]http.Handler{
	"":        timed(0, pprof.Index),
	"cmdline": http.HandlerFunc(notTold),
	"profile": timed(30, pprof.Profile),
	"symbol":  http.HandlerFunc(pprof.Symbol),
	"trace":   timed(30, pprof.Trace),
}

// notTold replaces the page of the command line, which may contain the token.
func notTold(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotFound, "the command line is not told")
}

// timed gives a profile the time that the query asks for, which is bounded.
func timed(usual float64, profile http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seconds := 0.0
		if text := r.FormValue("seconds"); text != "" {
			var err error
			if seconds, err = strconv.ParseFloat(text, 64); err != nil || !(seconds >= 0 && seconds <= profileSeconds) {
				fail(w, http.StatusBadRequest, "a profile takes at most "+strconv.Itoa(profileSeconds)+" seconds")
				return
			}
		}
		unhurried(w)
		extend(w, time.Duration(max(seconds, usual)*float64(time.Second))+requestTime)
		profile(w, r)
	})
}
