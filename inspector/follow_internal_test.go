package inspector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/actors"
	"elemental/transport/housetest"
)

// Hops of several requests come mixed, and some come late: each request has its own alone,
// and none is held up by another.
func TestRequestsAreToldApart(t *testing.T) {
	s := &Server{}
	s.hub = newHub(s)
	f := s.following(actors.Filter{Count: 3})
	f.stream, f.unfollow = &stream{queue: make(chan []byte, streamQueue)}, func() {}
	hear := func(trace byte, wheres ...string) {
		for _, where := range wheres {
			f.hear(actors.Hop{Trace: actors.TraceID{trace}, Where: where, Begun: time.Now(), Ended: time.Now()})
		}
	}
	go f.run()
	defer f.stop()
	hear(1, "reader", "session", "writer")
	expectRequest(t, f, "01", "reader", "session", "writer")
	hear(1, "router") // of one that was told
	hear(2, "reader")
	hear(3, "reader", "router", "writer")
	expectRequest(t, f, "03", "reader", "router", "writer")
	for range mostHops { // one too many
		hear(2, "session")
		hear(1, "router")
	}
	hear(2, "writer")
	wheres := append(slices.Repeat([]string{"session"}, mostHops), "writer")
	wheres[0] = "reader"
	expectRequest(t, f, "02", wheres...)
	if e := nextEvent(t, f); !bytes.Contains(e, []byte(`"left":0`)) {
		t.Errorf("%s", e)
	}
}

// firstByte is an answer to a wish to follow. Its test fails unless requests are followed
// before its client can see any of it.
type firstByte struct {
	*httptest.ResponseRecorder
	t        *testing.T
	provider *actors.Provider
}

func (f firstByte) WriteHeader(status int) {
	if !f.provider.Followed() {
		f.t.Error("it is answered before requests are followed")
	}
	f.ResponseRecorder.WriteHeader(status)
}

// Whoever is told that requests are followed can send the one that is meant at once.
func TestFollowingBeginsBeforeItsAnswer(t *testing.T) {
	s := &Server{provider: housetest.New(t, housetest.Settings{Inspect: true}).Provider}
	s.hub = newHub(s)
	page := s.hub.open(topics{})
	defer s.hub.end(page)
	for range 100 { // another goroutine that begins it would be too late at least once
		if s.provider.Followed() {
			t.Fatal("requests are followed before anybody wants it")
		}
		answer := firstByte{httptest.NewRecorder(), t, s.provider}
		s.follow(answer, httptest.NewRequest(http.MethodPost, "/api/follow", strings.NewReader(fmt.Sprintf(`{"stream":%q}`, page.id))))
		if answer.Code != http.StatusOK {
			t.Fatal(answer.Code, answer.Body)
		}
		s.hub.mu.Lock()
		for _, f := range s.hub.follows {
			f.stop()
		}
		s.hub.mu.Unlock()
		select {
		case <-page.queue: // it has ended
		case <-time.After(30 * time.Second):
			t.Fatal("it does not end")
		}
	}
}

func nextEvent(t *testing.T, f *following) []byte {
	t.Helper()
	select {
	case e := <-f.stream.queue:
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is told")
		return nil
	}
}

func expectRequest(t *testing.T, f *following, trace string, wheres ...string) {
	t.Helper()
	e := nextEvent(t, f)
	var told requestTold
	if _, data, is := bytes.Cut(e, []byte("event: request\ndata: ")); !is || json.Unmarshal(data, &told) != nil {
		t.Fatalf("%s", e)
	}
	var got []string
	for _, hop := range told.Hops {
		got = append(got, hop.Where)
	}
	if told.Trace[:2] != trace || !slices.Equal(got, wheres) {
		t.Errorf("%s by %v, wanted %s by %v", told.Trace, got, trace, wheres)
	}
}
