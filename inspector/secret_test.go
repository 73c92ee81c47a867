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

// spy is an operator who keeps everything that the inspector answers.
type spy struct {
	*site
	token  string
	cookie *http.Cookie
	told   bytes.Buffer
}

func newSpy(t *testing.T) *spy {
	t.Helper()
	token := housetest.Secret("operator")
	s := open(t, housetest.Settings{}, func(cfg *inspector.Config) { cfg.Token, cfg.Disk = token, &faultlab.Disk{} })
	door, _ := s.ask(http.MethodGet, "/?token="+url.QueryEscape(token), "", nil)
	return &spy{site: s, token: token, cookie: door.Cookies()[0]}
}

// known adds the token to a request.
func (s *spy) known(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.token) }

// note sends a request and keeps the answer.
func (s *spy) note(method, path, body string, with func(*http.Request)) {
	s.t.Helper()
	answer, text := s.ask(method, path, body, with)
	fmt.Fprintf(&s.told, "%s %v\n%s\n", answer.Status, answer.Header, text)
}

// Secrets are in no answer of any route, whoever asks and how, and in no line of the log:
// passwords of users and servers, keys, the token, and what people write.
func TestNoAnswerTellsASecret(t *testing.T) {
	s := newSpy(t)
	alice, secrets := s.confide()
	page := s.lookAs(s.known, "flow,tree,feed,cost,actor:provider/router,actor:provider/users/alice,actor:conn/1,actor:provider/persistence")
	s.askAll()
	s.harmAndFollow(page, alice)
	for _, name := range []string{"feed", "flow", "tree", "cost", "actor"} {
		page.next(name)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.told.Write(page.all())
	if n := bytes.Count(s.told.Bytes(), []byte("200 OK")); n < 2*len(routes) {
		t.Errorf("only %d answers", n)
	}
	for what, text := range map[string][]byte{"an answer": s.told.Bytes(), "the log": []byte(s.log.String())} {
		for _, leak := range housetest.Leaks(text, secrets...) {
			t.Errorf("%s tells %s", what, leak)
		}
	}
	if told := s.told.String(); !strings.Contains(told, "event: actor") || !strings.Contains(told, `"alice"`) {
		t.Error("the page has seen nothing")
	}
}

// confide lets alice tell the provider all kinds of secrets.
func (s *spy) confide() (alice *housetest.Line, secrets []string) {
	s.t.Helper()
	user, renewed, server := housetest.Secret("user"), housetest.Secret("renewed"), housetest.Secret("server")
	alice = s.Dial()
	alice.Yes(`{"call":"register","usernm":"alice","passwd":%s}`, quoted(user))
	key := alice.Yes(`{"call":"login","usernm":"alice","passwd":%s}`, quoted(user))["key"].(string)
	alice.Yes(`{"call":"createserver","servername":"s","serverpasswd":%s}`, quoted(server))
	alice.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":%s}`, quoted(secretText))
	alice.Ask(`{"call":"joinserver","servername":"s","serverpasswd":%s}`, quoted(server))
	alice.Ask(`{"call":%s}`, quoted(housetest.Secret("call")))
	key2 := alice.Yes(`{"call":"changepasswd","passwd":%s,"newpasswd":%s}`, quoted(user), quoted(renewed))["key"].(string)
	return alice, []string{s.token, user, renewed, server, secretText, housetest.Secret("call"), key, key2, s.cookie.Value}
}

var secretText = housetest.Secret("text")

// askAll asks for everything, with and without the token.
func (s *spy) askAll() {
	s.t.Helper()
	paths := []string{"/api/fault", "/debug/pprof/cmdline", "/debug/pprof/allocs?debug=1", "/api/tree?parent=conn", "/nothing"}
	for path := range routes {
		paths = append(paths, path)
	}
	for _, a := range s.actorsAs(s.known) {
		paths = append(paths, "/api/actor?id="+url.QueryEscape(a))
	}
	for _, path := range paths {
		s.note(http.MethodGet, path, "", s.known)
		s.note(http.MethodGet, path, "", nil)
		s.note(http.MethodGet, path, "", func(r *http.Request) { r.AddCookie(s.cookie) })
		s.note(http.MethodPut, path, s.token, s.known)
	}
}

// harmAndFollow crashes actors that know secrets, and follows a post that is one.
func (s *spy) harmAndFollow(page *stream, alice *housetest.Line) {
	s.t.Helper()
	s.note(http.MethodPost, "/api/fault", `{"what":"crash","id":"provider/users/alice"}`, s.known)
	s.note(http.MethodPost, "/api/fault", `{"what":`+quoted(s.token)+`}`, s.known)
	s.note(http.MethodPost, "/api/follow", fmt.Sprintf(`{"stream":%q,"count":2}`, page.id), s.known)
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":%s}`, quoted(secretText))
	s.note(http.MethodPost, "/api/fault", `{"what":"crash","id":"conn/1"}`, s.known)
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
