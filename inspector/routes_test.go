package inspector_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"elemental/inspector"
	"elemental/transport"
	"elemental/transport/housetest"
)

func TestAbout(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	about := s.object("/api/about")
	if about["name"] != "test" || about["version"] != "v" || about["node"] != "local" || about["faultLab"] != false ||
		about["address"] != s.Addr || about["started"].(float64) < 1e12 {
		t.Errorf("about: %v", about)
	}
	var calls []string
	for _, call := range about["calls"].([]any) {
		calls = append(calls, call.(string))
	}
	if !slices.Equal(calls, transport.Calls()) || !slices.Contains(calls, "message") {
		t.Errorf("calls: %v", calls)
	}
	for _, kind := range about["kinds"].([]any) {
		if k := kind.(object); k["kind"] == "" || k["about"] == "" || !strings.HasSuffix(k["file"].(string), ".go") {
			t.Errorf("kind: %v", k)
		}
	}
}

// named are the IDs of a list.
func named(list object) (ids []string) {
	for _, a := range list["actors"].([]any) {
		ids = append(ids, a.(object)["id"].(string))
	}
	return ids
}

func TestTreeShowsTheLivingActors(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	s.channel()
	if got := named(s.object("/api/tree")); !slices.Equal(got, []string{"provider", "conn"}) {
		t.Errorf("roots: %v", got)
	}
	want := []string{"provider/passwords", "provider/persistence", "provider/router", "provider/servers", "provider/users"}
	if got := named(s.object("/api/tree?parent=provider")); !slices.Equal(got, want) {
		t.Errorf("below the provider: %v", got)
	}
	if got := named(s.object("/api/tree?parent=provider/users")); !slices.Equal(got, []string{"provider/users/alice", "provider/users/bob"}) {
		t.Errorf("users: %v", got)
	}
	if got := named(s.object("/api/tree?kind=channel")); len(got) != 1 || !strings.HasPrefix(got[0], "provider/servers/s/") {
		t.Errorf("channels: %v", got)
	}
	if got := s.object("/api/tree?kind=user&limit=1&offset=1"); got["total"] != 2.0 || !slices.Equal(named(got), []string{"provider/users/bob"}) {
		t.Errorf("a part of the users: %v", got)
	}
	group := s.object("/api/tree")["actors"].([]any)[1].(object)
	if got := s.object("/api/tree?parent=conn"); got["total"].(float64) < 2 || got["total"] != group["children"] {
		t.Errorf("sessions: %v of %v", got, group)
	}
	for _, part := range []string{"offset=9", "limit=0", "limit=-1"} {
		if got := s.object("/api/tree?kind=user&" + part); got["total"] != 2.0 || len(named(got)) != 0 {
			t.Errorf("none of the users, with %s: %v", part, got)
		}
	}
	if got := named(s.object("/api/tree?kind=user&offset=-1")); len(got) != 2 {
		t.Errorf("users from before the first: %v", got)
	}
	if got := named(s.object("/api/search?q=ALI")); !slices.Contains(got, "provider/users/alice") {
		t.Errorf("search: %v", got)
	}
	if got := s.object("/api/search?q=provider/&kind=user&offset=1&limit=1"); got["total"] != 2.0 || !slices.Equal(named(got), []string{"provider/users/bob"}) {
		t.Errorf("a part of a search: %v", got)
	}
	for _, path := range []string{"/api/tree?sort=colour", "/api/search?q=a&sort=colour"} {
		if answer, _ := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("an unknown sort: %s", answer.Status)
		}
	}
}

func TestActor(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	s.channel()
	channel := named(s.object("/api/tree?kind=channel"))[0]
	got := s.object("/api/actor?id=" + channel)
	path := named(object{"actors": got["path"]})
	if got["actor"].(object)["kind"] != "channel" || !slices.Equal(path, []string{"provider", "provider/servers", "provider/servers/s"}) {
		t.Errorf("actor %v, path %v", got["actor"], path)
	}
	if view := got["view"].(object); len(view) < 2 || view["error"] != nil {
		t.Errorf("view: %v", view)
	}
	answer, text := s.ask(http.MethodGet, "/api/actor?id=provider/users/nobody", "", nil)
	if answer.StatusCode != http.StatusNotFound || !json.Valid([]byte(text)) {
		t.Errorf("an actor that is not: %s %s", answer.Status, text)
	}
}

// The picture has each actor once and in the right number, and parents before their
// children.
func TestOverview(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	s.channel()
	got := s.object("/api/overview")
	nodes, kinds := got["nodes"].([]any), got["kinds"].([]any)
	if got["more"] != 0.0 || float64(len(nodes)) != got["count"].(float64)+1 {
		t.Errorf("%d nodes of %v actors, more %v", len(nodes), got["count"], got["more"])
	}
	for i, n := range nodes {
		n := n.([]any)
		if parent := int(n[0].(float64)); parent >= i || parent < -1 {
			t.Errorf("node %d is below %d", i, parent)
		}
		if kind := int(n[1].(float64)); kind >= len(kinds) || n[4].(string) == "" {
			t.Errorf("node %v", n)
		}
	}
}

func TestConnections(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	alice := s.Founder() // and the connection that has registered her
	alice.Yes(`{"call":"ping"}`)
	if got := s.object("/api/connections"); got["total"] != 2.0 {
		t.Fatalf("connections: %v", got)
	}
	var all []any
	var c object
	eventually(t, "alice has read her answers", func() bool { // she has them a moment before they are counted as sent
		all = s.object("/api/connections")["connections"].([]any)
		c = all[1].(object)
		return c["unread"] == 0.0
	})
	if c["user"] != "alice" || c["session"] != "conn/2" || c["id"] != 2.0 || c["from"] != alice.Conn.LocalAddr().String() ||
		c["requests"].(float64) != 3 || c["since"].(float64) < 1e12 {
		t.Errorf("alice's: %v", c)
	}
	if all[0].(object)["user"] != "" {
		t.Errorf("the other: %v", all[0])
	}
	alice.Yes(`{"call":"logout"}`)
	if got := s.object("/api/connections?offset=1&limit=1")["connections"].([]any); len(got) != 1 || got[0].(object)["user"] != "" {
		t.Errorf("after the logout: %v", got)
	}
	alice.Close()
	eventually(t, "the connection is gone", func() bool { return s.object("/api/connections")["total"] == 1.0 })
}

// A connection is found by its number, its user and its address, however many there are.
// The answer is bounded and tells how many fit.
func TestConnectionsAreSearched(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	s.Dial().Yes(`{"call":"register","usernm":"Robin","passwd":"pw"}`) // connection number 1
	for range 20 {
		s.Dial().Ask(`{"call":"getprovidername"}`)
	}
	robin := s.Login("Robin") // connection number 22
	for _, row := range []struct {
		search string
		first  float64
		total  float64
	}{
		{"rOBin", 22, 1}, {"robi", 22, 1}, {"22", 22, 0}, {robin.Conn.LocalAddr().String(), 22, 1}, {"2", 2, 0}, {"127.0.0.1", 1, 22}, {"nobody", 0, 0},
	} {
		got := s.object("/api/connections?limit=5&search=" + url.QueryEscape(row.search))
		some, first := got["connections"].([]any), 0.0
		if len(some) > 0 {
			first = some[0].(object)["id"].(float64)
		}
		if first != row.first || len(some) > 5 || row.total > 0 && got["total"] != row.total {
			t.Errorf("%s: %v in all, the first is %v of %d", row.search, got["total"], first, len(some))
		}
	}
	if got := s.object("/api/connections?search=127&offset=20&limit=5"); len(got["connections"].([]any)) != 2 || got["total"] != 22.0 {
		t.Errorf("the last of all: %v", got)
	}
	if got := s.object("/api/connections?search=127&offset=99"); len(got["connections"].([]any)) != 0 || got["total"] != 22.0 {
		t.Errorf("beyond the last: %v", got)
	}
}

func TestLiveAndReady(t *testing.T) {
	s := open(t, housetest.Settings{}, func(cfg *inspector.Config) { cfg.Token = housetest.Secret("operator") })
	for _, path := range []string{"/live", "/ready"} {
		if answer, text := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusOK || text != "ok\n" {
			t.Errorf("%s without the token: %s %s", path, answer.Status, text)
		}
	}
	if err := s.Listener.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answer, text := s.ask(http.MethodGet, "/ready", "", nil); answer.StatusCode != http.StatusServiceUnavailable || text != "not serving\n" {
		t.Errorf("ready after the listener's end: %s %s", answer.Status, text)
	}
	if answer, _ := s.ask(http.MethodGet, "/live", "", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("live: %s", answer.Status)
	}
}

// routes are all paths that are served without a fault lab, with a method that each has.
var routes = map[string]string{
	"/": "GET", "/live": "GET", "/ready": "GET", "/metrics": "GET", "/debug/pprof/": "GET", "/debug/pprof/symbol": "GET",
	"/debug/pprof/heap": "GET", "/debug/pprof/goroutine?debug=2": "GET",
	"/api/about": "GET", "/api/tree": "GET", "/api/overview": "GET", "/api/search?q=a": "GET", "/api/actor?id=provider": "GET",
	"/api/connections": "GET",
}

func TestOtherMethodsAreRefused(t *testing.T) {
	s := withLab(t)
	allowed := map[string]string{"/events": "GET", "/api/follow": "POST DELETE", "/api/fault": "GET POST DELETE"}
	for path, method := range routes {
		allowed[path] = method
	}
	for path, methods := range allowed {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
			if strings.Contains(methods, method) {
				continue
			}
			answer, _ := s.ask(method, path, "", nil)
			if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") == "" {
				t.Errorf("%s %s: %s, Allow %q", method, path, answer.Status, answer.Header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/nothing", "/api/", "/assets", "/assets/", "/assets/nothing", "/assets/nothing/", "/assets/x%2F..%2F", "/assets/..%2F", "/debug/pprof/nothing", "/assets/../../go.mod", "/debug/pprof/cmdline"} {
		if answer, _ := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusNotFound && answer.StatusCode/100 != 3 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

func TestHeadersOfAllAnswers(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	for path := range routes {
		answer, _ := s.ask(http.MethodGet, path, "", nil)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
		h := answer.Header
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self';") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, h)
		}
		if (path == "/" || strings.HasPrefix(path, "/api/")) && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %v", path, h)
		}
	}
	page, answer := s.tryLook("")
	defer page.end()
	if h := answer.Header; h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" { // nginx would hold events back
		t.Errorf("events: %v", h)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	s := withLab(t)
	for _, row := range []struct {
		body string
		want int
	}{
		{`{"what":"crash","id":"` + strings.Repeat("x", 20<<10) + `"}`, http.StatusRequestEntityTooLarge},
		{`{"what":"delay","ms":10,"seconds":61}`, http.StatusBadRequest},
		{`{"what":"delay","ms":10,"seconds":0}`, http.StatusBadRequest},
		{`{"what":"delay","ms":10001,"seconds":1}`, http.StatusBadRequest},
		{`{"what":"delay","ms":0,"seconds":1}`, http.StatusBadRequest},
		{`{"what":"budget","bytes":-1,"seconds":1}`, http.StatusBadRequest},
		{`{"what":"budget","bytes":1073741825,"seconds":1}`, http.StatusBadRequest},
		{`{"what":"flood","seconds":1}`, http.StatusBadRequest},
		{`{"what":"stall","conn":77,"seconds":1}`, http.StatusNotFound},
		{`{"what":"crash","id":"nobody"}`, http.StatusNotFound},
		{`{"what":"crash","other":1}`, http.StatusBadRequest},
		{`[1]`, http.StatusBadRequest},
		{`{"what":"delay","ms":10,"seconds":1} trailing`, http.StatusBadRequest},
		{`{"what":"delay","ms":10,"seconds":1}{}`, http.StatusBadRequest},
		{``, http.StatusBadRequest},
	} {
		if answer, text := s.ask(http.MethodPost, "/api/fault", row.body, nil); answer.StatusCode != row.want {
			t.Errorf("%.50s: %s %s", row.body, answer.Status, text)
		}
	}
	answer, _ := s.ask(http.MethodGet, "/api/about", "", func(r *http.Request) { r.Header.Set("X-Much", strings.Repeat("x", 40<<10)) })
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a large header: %s", answer.Status)
	}
	if answer, _ := s.ask(http.MethodGet, "/debug/pprof/profile?seconds=61", "", nil); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a long profile: %s", answer.Status)
	}
	if _, text := s.ask(http.MethodPost, "/api/fault", `{"what":"flood"}`, nil); !strings.Contains(text, "what is crash, delay, budget or stall") {
		t.Errorf("an unknown fault without its seconds: %s", text)
	}
	if got := s.object("/api/fault"); len(got["faults"].([]any)) != 0 {
		t.Errorf("what was refused is on: %v", got)
	}
}

func TestReadyTellsOfStartAndStop(t *testing.T) {
	server, err := inspector.Listen(inspector.Config{Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, url: "http://" + server.Addr().String()}
	tells := func(want string) {
		t.Helper()
		if answer, text := s.ask(http.MethodGet, "/live", "", nil); answer.StatusCode != http.StatusOK {
			t.Errorf("live while %s: %s %s", want, answer.Status, text)
		}
		for _, path := range []string{"/ready", "/metrics", "/api/tree"} {
			if answer, text := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusServiceUnavailable || text != want+"\n" {
				t.Errorf("%s while %s: %s %s", path, want, answer.Status, text)
			}
		}
	}
	tells("starting")
	server.Leave()
	tells("stopping")
	if err := server.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSecondsOfAllProfilesAreBounded(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	for _, path := range []string{"heap?seconds=61", "trace?seconds=NaN", "profile?seconds=-1"} {
		if answer, _ := s.ask(http.MethodGet, "/debug/pprof/"+path, "", nil); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}
