package inspector_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport/housetest"
)

// scrape reads the metrics as Prometheus does.
func (s *site) scrape() map[string]*dto.MetricFamily {
	s.t.Helper()
	answer, text := s.ask(http.MethodGet, "/metrics", "", nil)
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("metrics: %s", answer.Status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return families
}

// value is the value of one metric, or -1 if there is none. Labels are pairs of name and
// value.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	family := families[name]
	for _, m := range family.GetMetric() {
		fits := len(m.GetLabel()) == len(labels)/2
		for _, label := range m.GetLabel() {
			i := slices.Index(labels, label.GetName())
			fits = fits && i >= 0 && labels[i+1] == label.GetValue()
		}
		switch {
		case !fits:
		case m.Histogram != nil:
			return float64(m.GetHistogram().GetSampleCount())
		case m.Counter != nil:
			return m.GetCounter().GetValue()
		default:
			return m.GetGauge().GetValue()
		}
	}
	return -1
}

func TestMetricsAreWellMade(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, _ := s.channel()
	alice.Yes(post, "hello")
	s.scrape() // so that the inspector's own metrics are there too
	_, text := s.ask(http.MethodGet, "/metrics", "", nil)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, name := range []string{"go_goroutines", "go_build_info", "process_cpu_seconds_total"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// Pushes are counted that are sent: not those for a client that is being disconnected because it
// reads nothing.
func TestPushesThatAreNotSent(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, _ := s.channel() // bob reads nothing from here on
	var then map[string]*dto.MetricFamily
	eventually(t, "bob is too slow", func() bool {
		for range 10 {
			alice.Yes(post, strings.Repeat("x", 16_000))
		}
		then = s.scrape()
		return value(then, "elemental_slow_readers_total") == 1
	})
	const more = 10
	for range more {
		alice.Yes(post, "x")
	}
	now := s.scrape()
	if posted := value(now, "elemental_posts_total") - value(then, "elemental_posts_total"); posted != more {
		t.Errorf("%v posts are counted, %d were made", posted, more)
	}
	if pushed := value(now, "elemental_pushes_total") - value(then, "elemental_pushes_total"); pushed != 0 {
		t.Errorf("%v pushes are counted, none was sent", pushed)
	}
}

// After traffic in which each request is known, the metrics tell exactly that.
func TestMetricsOfKnownTraffic(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, bob := s.channel()
	before := s.scrape()
	for i := range 7 {
		alice.Yes(post, fmt.Sprint("message ", i))
		bob.Next()
	}
	for range 3 {
		if answer := alice.Ask(`{"call":"message","servername":"nowhere","channel":"general","msg":"x"}`); answer["code"] != "no_such_server" {
			t.Fatal(answer)
		}
	}
	alice.Yes(`{"call":"ping"}`)
	bob.Ask(`{"call":"nonsense"}`)
	s.Dial().Close()
	ended := []string{"kind", "session"}
	var after map[string]*dto.MetricFamily
	eventually(t, "the connection has ended, and all is counted that comes after what a client sees", func() bool {
		after = s.scrape()
		return value(after, "elemental_actors_ended_total", ended...) > value(before, "elemental_actors_ended_total", ended...) &&
			value(after, "elemental_connections") == value(before, "elemental_connections") &&
			value(after, "elemental_pushes_total") >= value(before, "elemental_pushes_total")+7 &&
			value(after, "elemental_journal_sync_duration_seconds") == value(after, "elemental_journal_syncs_total") &&
			value(after, "elemental_journal_batch_records") == value(after, "elemental_journal_syncs_total")
	})
	for _, row := range []struct {
		name   string
		grew   float64
		labels []string
	}{
		{"elemental_calls_total", 7, []string{"call", "message", "code", "ok"}},
		{"elemental_calls_total", 4, []string{"call", "message", "code", "no_such_server"}}, // from -1, since it was not there before
		{"elemental_calls_total", 1, []string{"call", "ping", "code", "ok"}},
		{"elemental_calls_total", 2, []string{"call", "other", "code", "unknown_call"}}, // from -1 too
		{"elemental_calls_total", 0, []string{"call", "register", "code", "ok"}},
		{"elemental_call_duration_seconds", 10, []string{"call", "message"}},
		{"elemental_call_duration_seconds", 0, []string{"call", "login"}},
		{"elemental_posts_total", 7, nil},
		{"elemental_pushes_total", 7, nil},
		{"elemental_connections_accepted_total", 1, nil},
		{"elemental_connections", 0, nil},
		{"elemental_connections_refused_total", 0, nil},
		{"elemental_requests_in_flight", 0, nil},
		{"elemental_slow_readers_total", 0, nil},
		{"elemental_actors", 0, []string{"kind", "channel"}},
		{"elemental_actors_started_total", 1, []string{"kind", "session"}},
		{"elemental_actors_ended_total", 1, []string{"kind", "session"}},
		{"elemental_actor_restarts_total", 0, []string{"kind", "channel"}},
		{"elemental_journal_failures_total", 0, nil},
		{"elemental_storage_writable", 0, nil},
	} {
		if grew := value(after, row.name, row.labels...) - value(before, row.name, row.labels...); grew != row.grew {
			t.Errorf("%s%v grew by %v, want %v", row.name, row.labels, grew, row.grew)
		}
	}
	checkDisk(t, before, after)
}

// checkDisk checks what the seven posts of TestMetricsOfKnownTraffic have left on the
// disk.
func checkDisk(t *testing.T, before, after map[string]*dto.MetricFamily) {
	t.Helper()
	// Each second of silence may have put two marks into the journal, perhaps together
	// with a post. Pings are in no batch.
	syncs := value(after, "elemental_journal_syncs_total") - value(before, "elemental_journal_syncs_total")
	records := value(after, "elemental_journal_records_total") - value(before, "elemental_journal_records_total")
	if marks := (records - 7) / 2; marks < 0 || marks != math.Trunc(marks) || syncs < 7 || syncs > 7+marks {
		t.Errorf("%v syncs of %v records", syncs, records)
	}
	for name, least := range map[string]float64{
		"elemental_storage_writable": 1, "elemental_journal_segments": 1, "elemental_journal_size_bytes": 500,
		"elemental_sent_bytes_total": 500, "elemental_received_bytes_total": 500, "elemental_state_bytes": 1,
	} {
		if got := value(after, name); got < least {
			t.Errorf("%s is %v", name, got)
		}
	}
}

// Requests that are turned away have waited for nothing, so they must not count in the
// time of a post.
func TestWhatIsTurnedAwayIsNotTimed(t *testing.T) {
	s := openLab(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.InFlightBytes = 400 }})
	alice, _ := s.channel()
	alice.Yes(post, "hello")
	if answer := alice.Ask(post, strings.Repeat("x", 400)); answer["code"] != "busy" {
		t.Fatalf("more than there is room for: %v", answer)
	}
	s.fault(`{"what":"budget","bytes":0,"seconds":60}`)
	if answer := alice.Ask(post, "no room"); answer["code"] != "storage_unavailable" {
		t.Fatalf("on a full disk: %v", answer)
	}
	message := []string{"call", "message"}
	var now map[string]*dto.MetricFamily
	eventually(t, "all three are counted", func() bool {
		now = s.scrape()
		count := func(code string) float64 {
			return value(now, "elemental_calls_total", append(message, "code", code)...)
		}
		return count("ok") == 1 && count("busy") == 1 && count("storage_unavailable") == 1
	})
	if n := value(now, "elemental_call_duration_seconds", message...); n != 1 {
		t.Errorf("%v times of one post", n)
	}
}

func TestMetricsOfRestarts(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	s.fault(`{"what":"crash","id":%q}`, named(s.object("/api/tree?kind=channel"))[0])
	alice.Yes(post, "after")
	now := s.scrape()
	if got := value(now, "elemental_actor_restarts_total", "kind", "channel"); got != 1 {
		t.Errorf("%v restarts of channels", got)
	}
	if got := value(now, "elemental_happenings_total", "what", "panic"); got != 1 {
		t.Errorf("%v panics", got)
	}
}

// Every metric that the Grafana dashboard uses exists, with these labels.
func TestDashboardNamesRealMetrics(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, _ := s.channel()
	alice.Yes(post, "hello")
	families := s.scrape()
	board, text := readDashboard(t)
	used := map[string]bool{}
	for _, panel := range board.Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			for _, name := range regexp.MustCompile(`\b(elemental|go|process)_[a-z0-9_]+`).FindAllString(target.Expr, -1) {
				used[suffix.ReplaceAllString(name, "")] = true
				if families[name] == nil && families[suffix.ReplaceAllString(name, "")] == nil {
					t.Errorf("panel %q: there is no metric %s", panel.Title, name)
				}
			}
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "elemental_") && !used[name] && !notDrawn[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
	if list := board.Templating.List; len(list) == 0 || list[0].Type != "datasource" {
		t.Errorf("the data source is no variable: %v", list)
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, `"uid"`) && strings.Contains(line, "datasource") && !strings.Contains(line, "${datasource}") {
			t.Errorf("a data source is fixed: %s", line)
		}
	}
}

// suffix is what Prometheus adds to the name of a histogram.
var suffix = regexp.MustCompile(`_(bucket|sum|count)$`)

// dashboard has the parts of a dashboard that the test needs.
type dashboard struct {
	Panels []struct {
		Title   string
		Type    string
		Targets []struct{ Expr string }
	}
	Templating struct{ List []struct{ Name, Type string } }
}

func readDashboard(t *testing.T) (board dashboard, text string) {
	t.Helper()
	data, err := os.ReadFile("../docs/grafana.json")
	if err == nil {
		err = json.Unmarshal(data, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	return board, string(data)
}

// The manual names every metric that exists, and no others.
func TestManualNamesRealMetrics(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice, _ := s.channel()
	alice.Yes(post, "hello")
	families := s.scrape()
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`\belemental_[a-z_]+[a-z]`).FindAllString(string(manual), -1) {
		if families[suffix.ReplaceAllString(name, "")] == nil {
			t.Errorf("the manual names %s, which is not there", name)
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "elemental_") && !strings.Contains(string(manual), "`"+name) {
			t.Errorf("the manual does not name %s", name)
		}
	}
}

// notDrawn are the metrics that need no panel.
var notDrawn = map[string]bool{
	"elemental_journal_batch_records": true, "elemental_snapshots_total": true, "elemental_page_files_total": true,
	"elemental_actors_ended_total": true,
}

func TestMetricsOfSnapshots(t *testing.T) {
	s := open(t, housetest.Settings{Store: func(cfg *persistence.Config) { cfg.SnapshotInterval = 20 * time.Millisecond }}, nil)
	alice, bob := s.channel()
	eventually(t, "snapshots are counted", func() bool {
		alice.Yes(post, "hello")
		bob.Next()
		now := s.scrape()
		return value(now, "elemental_snapshots_total") > 3 && value(now, "elemental_snapshot_written_bytes_total") > 100
	})
}

func TestRefusalsAreCountedFromNone(t *testing.T) {
	families := open(t, housetest.Settings{}, nil).scrape()
	for _, code := range []string{"busy", "outcome_unknown", "storage_unavailable"} {
		if n := value(families, "elemental_calls_total", "call", "login", "code", code); n != 0 {
			t.Errorf("%s: %v", code, n)
		}
	}
}
