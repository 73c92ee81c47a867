package inspector_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"elemental/inspector"
	"elemental/inspector/faultlab"
	"elemental/persistence"
	"elemental/transport/housetest"
)

// patience ends a test that would otherwise wait for ever.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// site is a provider with an inspector.
type site struct {
	*housetest.House
	t    *testing.T
	url  string
	stop func() error // stops the inspector; the end of the test does it too
	log  *logged
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open starts a provider with an inspector. Change may be nil.
func open(t *testing.T, set housetest.Settings, change func(*inspector.Config)) *site {
	t.Helper()
	s := &site{t: t, log: &logged{}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := inspector.Config{Addr: "127.0.0.1:0", Name: "test", Version: "v", Log: log}
	if change != nil {
		change(&cfg)
	}
	set.Inspect, set.Log = true, log
	if disk := cfg.Disk; disk != nil {
		store := set.Store
		set.Store = func(c *persistence.Config) {
			c.Around = disk.On
			if store != nil {
				store(c)
			}
		}
	}
	s.House = housetest.New(t, set)
	server, err := inspector.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Serve(s.Provider, s.Listener, s.Store)
	s.url = "http://" + server.Addr().String()
	s.stop = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return server.Stop(ctx)
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// withLab is open with a fault lab.
func withLab(t *testing.T) *site {
	t.Helper()
	return openLab(t, housetest.Settings{})
}

func openLab(t *testing.T, set housetest.Settings) *site {
	t.Helper()
	return open(t, set, func(cfg *inspector.Config) { cfg.Disk = &faultlab.Disk{} })
}

// answer is an answer without its body.
type answer struct {
	StatusCode int
	Status     string
	Header     http.Header
}

func answerOf(r *http.Response) answer { return answer{r.StatusCode, r.Status, r.Header} }

// Cookies are those that the answer sets.
func (a answer) Cookies() []*http.Cookie { return (&http.Response{Header: a.Header}).Cookies() }

// ask sends a request and returns the answer and its body. Change may be nil.
func (s *site) ask(method, path, body string, change func(*http.Request)) (answer, string) {
	s.t.Helper()
	got, text, err := s.try(method, path, body, change)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got, text
}

// try is ask for a connection that may be closed by the inspector.
func (s *site) try(method, path, body string, change func(*http.Request)) (answer, string, error) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	client := &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	got, err := client.Do(r)
	if err != nil {
		return answer{}, "", err
	}
	text, err := io.ReadAll(got.Body)
	return answerOf(got), string(text), errors.Join(err, got.Body.Close())
}

// get reads JSON.
func (s *site) get(path string, into any) {
	s.t.Helper()
	answer, text := s.ask(http.MethodGet, path, "", nil)
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %s", path, answer.Status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		s.t.Fatalf("%s: %v in %s", path, err, text)
	}
}

// object is any JSON object.
type object = map[string]any

func (s *site) object(path string) object {
	s.t.Helper()
	var o object
	s.get(path, &o)
	return o
}

// stream is a page that looks.
type stream struct {
	t     *testing.T
	id    string
	lines *bufio.Reader
	raw   bytes.Buffer // everything that came
	end   func()
}

// look opens a stream, which ends with the test.
func (s *site) look(topics string) *stream {
	s.t.Helper()
	return s.lookAs(nil, topics)
}

// lookAs is look with a request that is changed first, for example to have a token.
func (s *site) lookAs(with func(*http.Request), topics string) *stream {
	s.t.Helper()
	st, answer := s.tryLookAs(with, topics)
	if st == nil {
		s.t.Fatalf("events: %s", answer.Status)
	}
	return st
}

func (s *site) tryLook(topics string) (*stream, answer) {
	s.t.Helper()
	return s.tryLookAs(nil, topics)
}

func (s *site) tryLookAs(with func(*http.Request), topics string) (*stream, answer) {
	s.t.Helper()
	ctx, end := context.WithCancel(s.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/events?topics="+topics, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if with != nil {
		with(r)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	got, err := client.Do(r) //nolint:bodyclose // the end of the stream closes it
	if err != nil {
		s.t.Fatal(err)
	}
	st := &stream{t: s.t, end: func() {
		end()
		_ = got.Body.Close()
	}}
	if got.StatusCode != http.StatusOK {
		st.end()
		return nil, answerOf(got)
	}
	st.lines = bufio.NewReader(io.TeeReader(got.Body, &st.raw))
	s.t.Cleanup(st.end)
	st.id = st.next("hello")["stream"].(string)
	return st, answerOf(got)
}

// next waits for an event of that name, and skips others.
func (st *stream) next(name string) object {
	st.t.Helper()
	return st.until(name, "", func(object) bool { return true })
}

// until waits for an event of that name for which fits is true.
func (st *stream) until(name, what string, fits func(object) bool) object {
	st.t.Helper()
	timer := time.AfterFunc(patience, st.end)
	defer timer.Stop()
	for {
		got, data, err := st.read()
		if err != nil {
			st.t.Fatalf("no %s event %s: %v", name, what, err)
		}
		if got == name && fits(data) {
			return data
		}
	}
}

// all reads to the end, and returns everything that came.
func (st *stream) all() []byte {
	_, _ = io.Copy(io.Discard, st.lines) // the stream may be cut off at its end
	return st.raw.Bytes()
}

// read reads one event.
func (st *stream) read() (name string, data object, err error) {
	for {
		line, err := st.lines.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" && name != "":
			return name, data, nil
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data: "):
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &data); err != nil {
				return "", nil, fmt.Errorf("%q: %w", line, err)
			}
		}
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// channel makes alice, her server s with the channel general, and bob, who is subscribed
// to it.
func (s *site) channel() (alice, bob *housetest.Line) {
	s.t.Helper()
	alice = s.Founder()
	s.Dial().Yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	bob = s.Login("bob")
	bob.Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
	bob.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
	return alice, bob
}

const post = `{"call":"message","servername":"s","channel":"general","msg":%q}`
