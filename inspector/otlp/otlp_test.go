package otlp

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/transport/housetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// receiver is a collector that keeps what it is sent.
type receiver struct {
	*httptest.Server
	refuse  atomic.Int32  // status with which it refuses; 0: it does not
	refused atomic.Int32  // number of refusals
	hold    chan struct{} // if not nil, answers wait for this

	mu    sync.Mutex
	paths map[string]int
	names map[string]bool // of services
	spans []*wire.Span
	raw   []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{paths: map[string]int{}, names: map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var export collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &export)
		}
		if err != nil {
			t.Error(err)
		}
		if r.hold != nil {
			select {
			case <-r.hold:
			case <-req.Context().Done():
			}
		}
		if status := r.refuse.Load(); status != 0 {
			r.refused.Add(1)
			w.WriteHeader(int(status))
			return
		}
		r.keep(req.URL.Path, body, &export)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) keep(path string, body []byte, export *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths[path]++
	r.raw = append(r.raw, body...)
	for _, of := range export.ResourceSpans {
		r.names[text(of.Resource.Attributes, "service.name")] = true
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

func text(all []*common.KeyValue, key string) string {
	for _, each := range all {
		if each.Key == key {
			switch v := each.Value.Value.(type) {
			case *common.AnyValue_StringValue:
				return v.StringValue
			case *common.AnyValue_IntValue:
				return fmt.Sprint(v.IntValue)
			case *common.AnyValue_DoubleValue:
				return fmt.Sprint(v.DoubleValue)
			}
		}
	}
	return ""
}

// start exports all requests of a house to an endpoint. The stop must succeed.
func start(t *testing.T, h *housetest.House, endpoint string, log io.Writer) (stop func()) {
	t.Helper()
	end, err := Start(context.Background(), endpoint, 1, h.Provider, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := end(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

type hopID struct {
	trace telemetry.TraceID
	span  telemetry.SpanID
}

// TestEachHopIsASpan compares what a collector gets with what a follower is told.
func TestEachHopIsASpan(t *testing.T) {
	r := newReceiver(t)
	h := housetest.New(t, housetest.Settings{})
	secret := housetest.Secret("alice")
	h.Dial().Yes(`{"call":"register","usernm":"alice","passwd":%q}`, secret)
	stop := start(t, h, r.URL, io.Discard) // gets each hop before the test does
	var mu sync.Mutex
	var told []telemetry.Hop
	ends := 0
	stopTelling := h.Provider.Follow(telemetry.Filter{Share: 1}, func(hop telemetry.Hop) {
		mu.Lock()
		defer mu.Unlock()
		if told = append(told, hop); hop.Where == "writer" {
			ends++
		}
	})
	defer stopTelling()
	alice := h.Dial()
	key := alice.Yes(`{"call":"login","usernm":"alice","passwd":%q}`, secret)["key"].(string)
	alice.Yes(`{"call":"createserver","servername":"s","serverpasswd":%q}`, secret)
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":%q}`, secret)
	alice.Ask(`{"call":"message","servername":"nowhere","channel":"general","msg":"x"}`)
	until(t, "the end of all", func() bool { mu.Lock(); defer mu.Unlock(); return ends == 4 })
	stop()
	stopTelling()
	mu.Lock() // one hop may be under way
	defer mu.Unlock()
	compare(t, r, told)
	if !r.names["elemental"] || len(r.names) != 1 || r.paths["/v1/traces"] == 0 || len(r.paths) != 1 {
		t.Errorf("services %v, paths %v", r.names, r.paths)
	}
	if found := housetest.Leaks(r.raw, secret, key); len(found) > 0 {
		t.Errorf("secrets: %v", found)
	}
}

// TestALongTraceSaysWhatIsMissing has a request pass more actors than a trace has spans for.
func TestALongTraceSaysWhatIsMissing(t *testing.T) {
	r := newReceiver(t)
	h := housetest.New(t, housetest.Settings{})
	alice := h.Founder()
	const members = 100 // each is told that the server has ended, with some hops
	for i := range members {
		one := h.Dial()
		name := fmt.Sprintf("member%d", i)
		one.Yes(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
		one.Yes(`{"call":"login","usernm":%q,"passwd":"pw"}`, name)
		one.Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
		one.Close()
	}
	stop := start(t, h, r.URL, io.Discard)
	var ends atomic.Int32
	stopTelling := h.Provider.Follow(telemetry.Filter{Share: 1}, func(hop telemetry.Hop) {
		if hop.Where == "writer" {
			ends.Add(1)
		}
	})
	defer stopTelling()
	alice.Yes(`{"call":"deleteserver","servername":"s","serverpasswd":"spw"}`)
	alice.Yes(`{"call":"ping"}`)
	until(t, "the end of both", func() bool { return ends.Load() == 2 })
	stop()
	lost := map[string]string{}
	for _, s := range r.spans {
		if text(s.Attributes, "elemental.where") == "writer" {
			lost[text(s.Attributes, "rpc.method")] = text(s.Attributes, "elemental.lost")
		}
	}
	if n, err := strconv.Atoi(lost["deleteserver"]); err != nil || n < 1 || lost["ping"] != "" || len(lost) != 2 {
		t.Errorf("the ends of %d spans say %v", len(r.spans), lost)
	}
}

// compare compares spans with hops.
func compare(t *testing.T, r *receiver, told []telemetry.Hop) {
	t.Helper()
	spans := map[hopID]*wire.Span{}
	for _, s := range r.spans {
		id := hopID{telemetry.TraceID(s.TraceId), telemetry.SpanID(s.SpanId)}
		if spans[id] != nil {
			t.Errorf("two spans of one name: %s", s.Name)
		}
		spans[id] = s
	}
	seen := map[string]*wire.Span{}
	for _, hop := range told {
		s := spans[hopID{hop.Trace, hop.Span}]
		if s == nil {
			t.Errorf("no span of %s %s", hop.Where, hop.Message)
			continue
		}
		seen[s.Name] = s
		parent := hex.EncodeToString(s.ParentSpanId)
		if len(s.ParentSpanId) == 0 {
			parent = strings.Repeat("0", 16)
		}
		if parent != hex.EncodeToString(hop.Parent[:]) {
			t.Errorf("%s: parent %s, of the hop %x", s.Name, parent, hop.Parent)
		}
		if s.StartTimeUnixNano != uint64(hop.Begun.UnixNano()) || s.EndTimeUnixNano != uint64(hop.Ended.UnixNano()) {
			t.Errorf("%s: from %d to %d, the hop from %v to %v", s.Name, s.StartTimeUnixNano, s.EndTimeUnixNano, hop.Begun, hop.Ended)
		}
		if got := text(s.Attributes, "messaging.destination.name"); got != hop.Actor {
			t.Errorf("%s: at %q, the hop at %q", s.Name, got, hop.Actor)
		}
		if got := text(s.Attributes, "code.line.number"); got != fmt.Sprint(hop.Place.Line) {
			t.Errorf("%s: in line %s, the hop in line %d", s.Name, got, hop.Place.Line)
		}
	}
	if len(spans) != len(told) {
		t.Errorf("%d spans of %d hops", len(spans), len(told))
	}
	known(t, seen)
}

// known checks spans whose contents are known beforehand.
func known(t *testing.T, seen map[string]*wire.Span) {
	t.Helper()
	for name, want := range map[string]struct {
		kind wire.Span_SpanKind
		text map[string]string
	}{
		"message": {wire.Span_SPAN_KIND_SERVER, map[string]string{"rpc.method": "message", "rpc.system.name": "elemental", "code.function.name": "elemental/transport.(*conn).accept"}},
		"channel post": {wire.Span_SPAN_KIND_CONSUMER, map[string]string{
			"code.file.path": "actors/channel.go", "code.function.name": "elemental/actors.(*channel).onPost", "messaging.operation.type": "process"}},
		"persistence Append": {wire.Span_SPAN_KIND_CONSUMER, map[string]string{"elemental.batch.records": "1"}},
		"router publish":     {wire.Span_SPAN_KIND_CONSUMER, map[string]string{"elemental.pushes": "0"}},
		"hash hashWork":      {wire.Span_SPAN_KIND_INTERNAL, nil},
		"writer Posted":      {wire.Span_SPAN_KIND_INTERNAL, map[string]string{"rpc.method": "message"}},
		"writer Refused":     {wire.Span_SPAN_KIND_INTERNAL, map[string]string{"error.type": "no_such_server", "rpc.response.status_code": "no_such_server"}},
	} {
		s := seen[name]
		if s == nil {
			t.Errorf("no span %q", name)
			continue
		}
		if s.Kind != want.kind {
			t.Errorf("%s is a %v", name, s.Kind)
		}
		for key, value := range want.text {
			if got := text(s.Attributes, key); got != value {
				t.Errorf("%s: %s is %q", name, key, got)
			}
		}
		if name == "persistence Append" && len(s.Events) != 3 {
			t.Errorf("%s: events %v", name, s.Events)
		}
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal("in vain: ", what)
		}
	}
}

// TestTheEnvironmentHasItsSay sets variables that users of OpenTelemetry usually set.
func TestTheEnvironmentHasItsSay(t *testing.T) {
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL+"/below")
	t.Setenv("OTEL_SERVICE_NAME", "chat")
	h := housetest.New(t, housetest.Settings{})
	stop := start(t, h, "", io.Discard)
	h.Founder()
	stop()
	if !r.names["chat"] || r.paths["/below/v1/traces"] == 0 {
		t.Errorf("services %v, paths %v", r.names, r.paths)
	}
}

// TestNobodyIsFollowedForNothing: of a share of nothing, and after the stop, no request is traced.
func TestNobodyIsFollowedForNothing(t *testing.T) {
	r := newReceiver(t)
	h := housetest.New(t, housetest.Settings{})
	end, err := Start(context.Background(), r.URL, 0, h.Provider, slog.New(slog.DiscardHandler))
	if err != nil || h.Provider.Followed() {
		t.Fatalf("followed: %v, %v", h.Provider.Followed(), err)
	}
	if err := end(context.Background()); err != nil {
		t.Error(err)
	}
	stop := start(t, h, r.URL+"/", io.Discard) // a slash is no path
	if !h.Provider.Followed() {
		t.Error("nothing is followed")
	}
	h.Founder()
	stop()
	if h.Provider.Followed() || r.paths["/v1/traces"] == 0 || len(r.paths) != 1 {
		t.Errorf("followed after the stop: %v, paths %v", h.Provider.Followed(), r.paths)
	}
}

// TestASpanTellsOfItsHop: whether it failed for a reason that lies with the provider, how long it
// had waited, and when its batch was written.
func TestASpanTellsOfItsHop(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	tracer := sdk.NewTracerProvider(sdk.WithSyncer(spans), sdk.WithIDGenerator(given{})).Tracer("")
	at := time.Now()
	hop := telemetry.Hop{Trace: telemetry.TraceID{1}, Span: telemetry.SpanID{1}, Where: "persistence", Sent: at, Begun: at.Add(time.Second), Ended: at.Add(time.Minute)}
	hop.Batch = &telemetry.Batch{Begun: at.Add(2 * time.Second), Written: at.Add(3 * time.Second), Synced: at.Add(4 * time.Second)}
	for code, want := range map[actors.Code]codes.Code{
		actors.Busy: codes.Error, actors.StorageDown: codes.Error, actors.OutcomeUnknown: codes.Error, actors.NoSuchServer: codes.Unset, "": codes.Unset,
	} {
		hop.Code = string(code)
		spans.Reset()
		record(tracer, hop)
		span := spans.GetSpans()[0]
		var told []string
		for _, event := range span.Events {
			told = append(told, fmt.Sprint(event.Name, " after ", event.Time.Sub(at)))
		}
		if span.Status.Code != want || !slices.Equal(told, []string{"batch begun after 2s", "batch written after 3s", "batch synced after 4s"}) ||
			!slices.Contains(span.Attributes, attribute.Float64("elemental.waited", 1)) {
			t.Errorf("%q: %v, events %v, %v", code, span.Status, told, span.Attributes)
		}
	}
}

func TestAnEndpointIsAURL(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	for _, bad := range []string{"localhost:4318", "://", "ftp://localhost", "http://", "http://name:secret@localhost"} {
		_, err := Start(context.Background(), bad, 1, h.Provider, slog.New(slog.DiscardHandler))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if h.Provider.Followed() {
		t.Error("requests are followed for nobody")
	}
}

// lines is a log to which several goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), what)
}

// TestTroubleIsToldOnce: a collector first refuses, and then takes what comes.
func TestTroubleIsToldOnce(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
	r := newReceiver(t)
	r.refuse.Store(http.StatusBadRequest)
	h := housetest.New(t, housetest.Settings{})
	var log lines
	stop := start(t, h, r.URL, &log)
	line := h.Dial()
	ask := func() { line.Yes(`{"call":"getprovidername"}`) }
	until(t, "trouble", func() bool { ask(); return log.count("cannot be exported") > 0 && r.refused.Load() > 3 })
	r.refuse.Store(0)
	until(t, "its end", func() bool { ask(); return log.count("exported again") > 0 })
	stop()
	if n := log.count("\n"); n != 2 {
		t.Errorf("%d lines: %s", n, log.b.String())
	}
}

// TestTroubleOfTheLibraryIsLogged: what OpenTelemetry finds wrong is in the log and not on
// standard error, without the value in question, which may be the collector's token.
func TestTroubleOfTheLibraryIsLogged(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer token%zz,bare-token")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "a=%zz")
	r := newReceiver(t)
	var log lines
	start(t, housetest.New(t, housetest.Settings{}), r.URL, &log)()
	for _, want := range []string{`msg="traces: escape header value" err="invalid URL escape`, `msg="traces: parse headers" err="missing '="`, `msg="traces: trouble" err=`} {
		if log.count(want) == 0 {
			t.Errorf("not logged: %s", want)
		}
	}
	if log.count("level=WARN") != log.count("\n") || log.count("token") > 0 {
		t.Errorf("logged: %s", log.b.String())
	}
}

// TestNobodyWaitsForACollector: if a collector does not answer, requests go on, hops are
// lost and counted, and the stop gives up in time.
func TestNobodyWaitsForACollector(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
	r := newReceiver(t)
	r.hold = make(chan struct{})
	defer close(r.hold)
	h := housetest.New(t, housetest.Settings{})
	var log lines
	end, err := Start(context.Background(), r.URL, 1, h.Provider, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	line := h.Dial()
	until(t, "a loss", func() bool {
		for range 100 {
			line.Yes(`{"call":"getprovidername"}`)
		}
		return log.count("traces are incomplete") > 0
	})
	for range 500 {
		line.Yes(`{"call":"getprovidername"}`)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := end(ctx); err == nil {
		t.Error("the stop tells nothing")
	}
	if n := log.count("traces are incomplete"); n != 1 || log.count("hops lost") != 1 {
		t.Errorf("%d warnings: %s", n, log.b.String())
	}
	line.Yes(`{"call":"getprovidername"}`)
}
