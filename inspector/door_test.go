package inspector_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"elemental/inspector"
	"elemental/transport/housetest"
)

const token = "a-token-of-an-operator"

func withToken(t *testing.T) *site {
	t.Helper()
	return open(t, housetest.Settings{}, func(cfg *inspector.Config) { cfg.Token = token })
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestNobodyComesInWithoutTheToken(t *testing.T) {
	s := withToken(t)
	paths := []string{"/events", "/assets/a", "/debug/pprof/profile", "/debug/pprof/trace"}
	for path := range routes {
		if path != "/live" && path != "/ready" {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		answer, text := s.ask(http.MethodGet, path, "", nil)
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "a token is needed") {
			t.Errorf("%s without a token: %s %s", path, answer.Status, text)
		}
	}
	elsewhere := func(r *http.Request) { // as from another machine, which knows this one by some name
		bearer(token)(r)
		r.Host = "chat.example:5006"
	}
	for path := range routes {
		if answer, _ := s.ask(http.MethodGet, path, "", elsewhere); answer.StatusCode != http.StatusOK {
			t.Errorf("%s with the token: %s", path, answer.Status)
		}
	}
}

func TestBadTokensAreRefused(t *testing.T) {
	for _, header := range []string{
		"Bearer wrong", "Bearer " + token + "x", "Bearer " + token[1:], "Bearer ", "Bearer", token, "Basic " + token, "bearer" + token,
	} {
		s := withToken(t)
		answer, text := s.ask(http.MethodGet, "/api/about", "", func(r *http.Request) { r.Header.Set("Authorization", header) })
		if answer.StatusCode != http.StatusUnauthorized || strings.Contains(text, "calls") {
			t.Errorf("%q: %s", header, answer.Status)
		}
	}
	s := withToken(t)
	answer, _ := s.ask(http.MethodGet, "/api/about", "", func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "elemental-inspector", Value: token})
	})
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token as a cookie: %s", answer.Status)
	}
}

// A guesser may try a few times and then has to wait. A page that is open goes on.
func TestWrongTokensAreBounded(t *testing.T) {
	s := withToken(t)
	jar := s.enter(t)
	refused, waits := 0, 0
	for i := range 100 {
		answer, _ := s.ask(http.MethodGet, "/api/about", "", bearer(fmt.Sprint("guess", i)))
		switch answer.StatusCode {
		case http.StatusUnauthorized:
			refused++
		case http.StatusTooManyRequests:
			waits++
			if answer.Header.Get("Retry-After") == "" {
				t.Error("it is not told when to come again")
			}
		}
	}
	if refused < 10 || waits < 50 || refused+waits != 100 {
		t.Errorf("%d refused, %d told to wait", refused, waits)
	}
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := s.ask(http.MethodGet, "/api/about", "", func(r *http.Request) {
		for _, cookie := range jar.Cookies(at) {
			r.AddCookie(cookie)
		}
	})
	if answer.StatusCode != http.StatusOK {
		t.Errorf("an open page meanwhile: %s", answer.Status)
	}
	for path := range map[string]bool{"/live": true, "/ready": true} {
		if answer, _ := s.ask(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusOK {
			t.Errorf("%s meanwhile: %s", path, answer.Status)
		}
	}
}

// enter comes in as a browser does, by the address with the token.
func (s *site) enter(t *testing.T) http.CookieJar {
	t.Helper()
	answer, _ := s.ask(http.MethodGet, "/?token="+url.QueryEscape(token), "", nil)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" {
		t.Fatalf("the address with the token: %s to %q", answer.Status, answer.Header.Get("Location"))
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(at, answer.Cookies())
	return jar
}

func TestCookieOfTheToken(t *testing.T) {
	s := withToken(t)
	answer, _ := s.ask(http.MethodGet, "/?token="+token, "", nil)
	cookies := answer.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies: %v", cookies)
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure || strings.Contains(c.Value, token) {
		t.Errorf("cookie: %v", c)
	}
	if answer, _ := s.ask(http.MethodGet, "/", "", func(r *http.Request) { r.AddCookie(c) }); answer.StatusCode != http.StatusOK {
		t.Errorf("the page with the cookie: %s", answer.Status)
	}
	proxied, _ := s.ask(http.MethodGet, "/?token="+token, "", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") })
	if all := proxied.Cookies(); len(all) != 1 || !all[0].Secure {
		t.Errorf("cookies through a proxy with TLS: %v", all)
	}
	if answer, _ := s.ask(http.MethodGet, "/?token=wrong", "", nil); answer.StatusCode != http.StatusUnauthorized || len(answer.Cookies()) != 0 {
		t.Errorf("a wrong token: %s %v", answer.Status, answer.Cookies())
	}
	other := withToken(t)
	if answer, _ := other.ask(http.MethodGet, "/", "", func(r *http.Request) { r.AddCookie(c) }); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the cookie after a restart: %s", answer.Status)
	}
}

func TestOtherSitesAreKeptOut(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	own := s.url
	set := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				if headers[i] == "Host" {
					r.Host = headers[i+1]
				} else {
					r.Header.Set(headers[i], headers[i+1])
				}
			}
		}
	}
	for _, row := range []struct {
		method, path string
		with         func(*http.Request)
		want         int
	}{
		{"GET", "/api/about", set("Host", "evil.example"), 403}, // another site's name that points to this address
		{"GET", "/live", set("Host", "evil.example:5006"), 403},
		{"GET", "/api/about", set("Host", "192.168.1.2:5006"), 403},
		{"GET", "/api/about", set("Host", "127.0.0.1.evil.example"), 403},
		{"GET", "/api/about", set("Host", "localhost:1"), 200},
		{"GET", "/api/about", set("Host", "[::1]:5006"), 200},
		{"POST", "/api/follow", set("Origin", "http://evil.example"), 403},
		{"POST", "/api/follow", set("Origin", "null"), 403},
		{"DELETE", "/api/follow?id=x", set("Origin", "http://127.0.0.1:1"), 403},
		{"POST", "/api/follow", set("Sec-Fetch-Site", "cross-site"), 403},
		{"POST", "/api/follow", set("Sec-Fetch-Site", "same-site"), 403},
		{"POST", "/api/follow", set("Origin", own, "Sec-Fetch-Site", "same-origin"), 400},                    // let in, but it has no body
		{"POST", "/api/follow", set("Origin", "https://chat.example", "Sec-Fetch-Site", "same-origin"), 400}, // behind a proxy that sends its own Host
		{"DELETE", "/api/follow?id=x", set("Origin", "https://chat.example"), 403},
		{"GET", "/api/about", set("Origin", "http://evil.example", "Sec-Fetch-Site", "same-site"), 403},
		{"POST", "/api/follow", set("Host", "127.0.0.1:1", "Origin", "https://127.0.0.1:1"), 400}, // an old browser, behind a proxy with TLS
		{"POST", "/api/follow", set(), 400},                                                       // not a browser
		{"GET", "/events?topics=flow", set("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		{"GET", "/debug/pprof/profile", set("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		{"GET", "/debug/pprof/profile", set("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 403},
		{"GET", "/api/about", set("Origin", "http://evil.example"), 403},
		{"GET", "/", set("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 200}, // a link was followed
	} {
		if answer, _ := s.ask(row.method, row.path, "", row.with); answer.StatusCode != row.want {
			r, _ := http.NewRequest(row.method, row.path, nil)
			row.with(r)
			t.Errorf("%s %s with %v, host %q: %s", row.method, row.path, r.Header, r.Host, answer.Status)
		}
	}
}

func TestWhereItMayListen(t *testing.T) {
	for _, row := range []struct {
		addr, token string
		ok          bool
	}{
		{"127.0.0.1:5006", "", true},
		{"localhost:5006", "", true},
		{"[::1]:5006", "", true},
		{":5006", "", false},
		{"0.0.0.0:5006", "", false},
		{"192.168.1.2:5006", "", false},
		{"somewhere.example:5006", "", false},
		{"[::]:5006", "", false},
		{"5006", "", false},
		{"127.0.0.1:99999", "", false},
		{":5006", token, true},
		{":5006", "sixteen letters.", true},
		{"127.0.0.1:5006", "short", false},
	} {
		err := inspector.Check(inspector.Config{Addr: row.addr, Token: row.token})
		if (err == nil) != row.ok {
			t.Errorf("%q with token %q: %v", row.addr, row.token, err)
		}
		if err != nil && row.token != "" && strings.Contains(err.Error(), row.token+" ") {
			t.Errorf("the token is told: %v", err)
		}
	}
}

// RFC 9110 11.1: the names of schemes may be in any case.
func TestTheSchemeMayBeInSmallLetters(t *testing.T) {
	s := withToken(t)
	for _, scheme := range []string{"bearer ", "BEARER ", "Bearer  "} {
		answer, _ := s.ask(http.MethodGet, "/api/about", "", func(r *http.Request) { r.Header.Set("Authorization", scheme+token) })
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", scheme, answer.Status)
		}
	}
}

// HEAD is answered like GET, except where the answer would have no end.
func TestHead(t *testing.T) {
	s := withToken(t)
	if answer, _ := s.ask(http.MethodHead, "/?token="+token, "", nil); answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) != 1 {
		t.Errorf("the address with the token: %s, cookies %v", answer.Status, answer.Cookies())
	}
	if answer, _ := s.ask(http.MethodHead, "/api/about", "", bearer(token)); answer.StatusCode != http.StatusOK {
		t.Errorf("about: %s", answer.Status)
	}
	answer, _ := s.ask(http.MethodHead, "/events?topics=flow", "", bearer(token))
	if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != http.MethodGet {
		t.Errorf("events: %s, Allow %q", answer.Status, answer.Header.Get("Allow"))
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
