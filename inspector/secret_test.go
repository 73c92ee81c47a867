package inspector_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"elemental/inspector"
	"elemental/inspector/faultlab"
	"elemental/transport/housetest"
)

// quoted is a text as JSON.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// What nobody may know is in no answer of any route, whoever asks and how, and in no line
// of the log: passwords of users and servers, keys, the token, and what people write.
func TestNoAnswerTellsASecret(t *testing.T) {
	operator := housetest.Secret("operator")
	user, renewed, server, text := housetest.Secret("user"), housetest.Secret("renewed"), housetest.Secret("server"), housetest.Secret("text")
	s := open(t, housetest.Settings{}, func(cfg *inspector.Config) {
		cfg.Token, cfg.Disk = operator, &faultlab.Disk{}
	})
	with := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+operator) }
	door, _ := s.ask(http.MethodGet, "/?token="+url.QueryEscape(operator), "", nil)
	cookie := door.Cookies()[0]

	alice := s.Dial()
	alice.Yes(`{"call":"register","usernm":"alice","passwd":%s}`, quoted(user))
	key := alice.Yes(`{"call":"login","usernm":"alice","passwd":%s}`, quoted(user))["key"].(string)
	alice.Yes(`{"call":"createserver","servername":"s","serverpasswd":%s}`, quoted(server))
	alice.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":%s}`, quoted(text))
	alice.Ask(`{"call":"joinserver","servername":"s","serverpasswd":%s}`, quoted(server))
	alice.Ask(`{"call":%s}`, quoted(housetest.Secret("call")))
	key2 := alice.Yes(`{"call":"changepasswd","passwd":%s,"newpasswd":%s}`, quoted(user), quoted(renewed))["key"].(string)
	secrets := []string{operator, user, renewed, server, text, housetest.Secret("call"), key, key2, cookie.Value}

	var told bytes.Buffer
	note := func(answer answer, body string) {
		fmt.Fprintf(&told, "%s %v\n%s\n", answer.Status, answer.Header, body)
	}
	page := s.lookAs(with, "flow,tree,feed,cost,actor:provider/router,actor:provider/users/alice,actor:conn/1,actor:provider/persistence")
	paths := []string{"/api/fault", "/debug/pprof/cmdline", "/debug/pprof/allocs?debug=1", "/api/tree?parent=conn", "/nothing"}
	for path := range routes {
		paths = append(paths, path)
	}
	for _, a := range s.actorsAs(with) {
		paths = append(paths, "/api/actor?id="+url.QueryEscape(a))
	}
	for _, path := range paths {
		note(s.ask(http.MethodGet, path, "", with))
		note(s.ask(http.MethodGet, path, "", nil))
		note(s.ask(http.MethodGet, path, "", func(r *http.Request) { r.AddCookie(cookie) }))
		note(s.ask(http.MethodPut, path, operator, with))
	}
	note(s.ask(http.MethodPost, "/api/fault", `{"what":"crash","id":"provider/users/alice"}`, with))
	note(s.ask(http.MethodPost, "/api/fault", `{"what":`+quoted(operator)+`}`, with))
	note(s.ask(http.MethodPost, "/api/follow", fmt.Sprintf(`{"stream":%q,"count":2}`, page.id), with))
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":%s}`, quoted(text))
	note(s.ask(http.MethodPost, "/api/fault", `{"what":"crash","id":"conn/1"}`, with))
	for _, name := range []string{"feed", "flow", "tree", "cost", "actor"} {
		page.next(name)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	told.Write(page.all())
	if n := bytes.Count(told.Bytes(), []byte("200 OK")); n < 2*len(routes) {
		t.Errorf("only %d answers", n)
	}
	for what, text := range map[string][]byte{"an answer": told.Bytes(), "the log": []byte(s.log.String())} {
		for _, leak := range housetest.Leaks(text, secrets...) {
			t.Errorf("%s tells %s", what, leak)
		}
	}
	if !strings.Contains(told.String(), "event: actor") || !strings.Contains(told.String(), `"alice"`) {
		t.Error("the page has seen nothing")
	}
}

// actorsAs are the IDs of all actors.
func (s *site) actorsAs(with func(*http.Request)) []string {
	s.t.Helper()
	_, text := s.ask(http.MethodGet, "/api/search?q=&limit=1000", "", with)
	var list object
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		s.t.Fatal(err)
	}
	return named(list)
}
