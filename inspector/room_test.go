package inspector_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"elemental/inspector"
	"elemental/transport/housetest"
)

// hold opens n connections that send the request for a path once, and keeps them open.
func (s *site) hold(n int, request string) {
	s.t.Helper()
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = conn.Close() })
		if request == "" {
			continue
		}
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", request)
		if _, err = bufio.NewReader(conn).ReadString('\n'); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Clients that hold connections and ask nothing keep out neither probes nor the operator.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	for _, request := range []string{"/live", "/api/about", ""} {
		s := open(t, housetest.Settings{}, nil)
		s.hold(140, request)
		for _, path := range []string{"/live", "/ready", "/metrics"} {
			if answer, _ := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusOK {
				t.Errorf("%s beside 140 that asked %q: %s", path, request, answer.Status)
			}
		}
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

// Behind a proxy the guesser and the operator have the same address.
func TestTheRightTokenComesInBesideWrongOnes(t *testing.T) {
	s := withToken(t)
	for range 20 {
		s.ask(http.MethodGet, "/api/about", "", bearer("wrong"))
	}
	if answer, _ := s.ask(http.MethodGet, "/api/about", "", bearer(token)); answer.StatusCode != http.StatusOK {
		t.Errorf("the right token: %s", answer.Status)
	}
}

func TestTokenLeavesTheAddressLine(t *testing.T) {
	s, other := withToken(t), withToken(t)
	first, _ := s.ask(http.MethodGet, "/?token="+token, "", nil)
	second, _ := other.ask(http.MethodGet, "/?token="+token, "", nil)
	if first.Cookies()[0].Name == second.Cookies()[0].Name {
		t.Error("two on one machine have one cookie")
	}
	again, _ := s.ask(http.MethodGet, "/?token=x", "", func(r *http.Request) { r.AddCookie(first.Cookies()[0]) })
	if again.StatusCode != http.StatusSeeOther || again.Header.Get("Location") != "/" {
		t.Errorf("with the cookie: %s", again.Status)
	}
}

// A token is often made of random bytes in base64, and pasted into the address line.
func TestTokenInTheAddressLineIsReadAsItIs(t *testing.T) {
	s := open(t, housetest.Settings{}, func(cfg *inspector.Config) { cfg.Token = "a+b/c d%e+f/g=h==" })
	for pasted, want := range map[string]int{
		"a+b/c%20d%25e+f/g=h==": http.StatusSeeOther, "a%2Bb%2Fc%20d%25e%2Bf%2Fg%3Dh%3D%3D": http.StatusSeeOther,
		"a%2Bb/c+d%25e%2Bf/g=h==": http.StatusSeeOther, "a%20b/c%20d%25e+f/g=h==": http.StatusUnauthorized, "a+b/c%20d%e+f/g=h==": http.StatusUnauthorized,
	} {
		if answer, _ := s.ask(http.MethodGet, "/?token="+pasted, "", nil); answer.StatusCode != want {
			t.Errorf("%s: %s", pasted, answer.Status)
		}
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

func TestRefusalsAreCountedFromNone(t *testing.T) {
	families := open(t, housetest.Settings{}, nil).scrape()
	for _, code := range []string{"busy", "outcome_unknown", "storage_unavailable"} {
		if n := value(families, "elemental_calls_total", "call", "login", "code", code); n != 0 {
			t.Errorf("%s: %v", code, n)
		}
	}
}
