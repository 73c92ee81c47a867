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
	"testing/synctest"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/transport/housetest"
)

// The hops of several requests come mixed, and some come late. Each request gets only its
// own hops, and none waits for another.
func TestRequestsAreToldApart(t *testing.T) {
	s := &Server{}
	s.hub = newHub(s)
	f := s.following(telemetry.Filter{Count: 3})
	f.stream, f.unfollow = &stream{queue: make(chan []byte, streamQueue)}, func() {}
	hear := func(trace byte, wheres ...string) {
		for _, where := range wheres {
			f.hear(telemetry.Hop{Trace: telemetry.TraceID{trace}, Where: where, Begun: time.Now(), Ended: time.Now()})
		}
	}
	go f.run()
	defer f.stop()
	hear(1, "reader", "session", "writer")
	expectRequest(t, f, "01", "reader", "session", "writer")
	hear(1, "router") // of a request that is told already
	hear(2, "reader")
	hear(3, "reader", "router", "writer")
	expectRequest(t, f, "03", "reader", "router", "writer")
	for range mostHops { // one more than can be kept
		hear(2, "session")
		hear(1, "router")
	}
	hear(2, "writer")
	wheres := append(slices.Repeat([]string{"session"}, mostHops), "writer")
	wheres[0] = "reader"
	if told := expectRequest(t, f, "02", wheres...); told.Lost != 1 { // late hops of a request that was told do not count as lost
		t.Errorf("%d hops were lost", told.Lost)
	}
	if e := nextEvent(t, f); !bytes.Contains(e, []byte(`"left":0`)) {
		t.Errorf("%s", e)
	}
}

// bubbled is a following with a slow page, in a synctest bubble: nothing reads its queue
// yet.
func bubbled(t *testing.T, count int, test func(f *following, hear func(trace byte, where string, times int))) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{}
		s.hub = newHub(s)
		f := s.following(telemetry.Filter{Count: count})
		f.stream = &stream{queue: make(chan []byte, streamQueue), gone: make(chan struct{})}
		f.unfollow = func() {}
		test(f, func(trace byte, where string, times int) {
			for range times {
				f.hear(telemetry.Hop{Trace: telemetry.TraceID{trace}, Where: where, Begun: time.Now(), Ended: time.Now()})
			}
		})
		f.stop()
	})
}

// A request that was followed to its end is told, however many hops there were, with the
// number of those that are missing.
func TestTheEndOfARequestIsNotLost(t *testing.T) {
	const flood = 2 * hopQueue
	bubbled(t, 2, func(f *following, hear func(byte, string, int)) {
		hear(1, "session", flood)
		hear(1, "writer", 1)
		go f.run()
		told := expectRequest(t, f, "01", append(slices.Repeat([]string{"session"}, mostHops), "writer")...)
		if told.Lost != flood-mostHops {
			t.Errorf("%d of %d hops were lost", told.Lost, flood)
		}
		hear(2, "reader", 1)
		hear(2, "writer", 1)
		if told := expectRequest(t, f, "02", "reader", "writer"); told.Lost != 0 {
			t.Errorf("%d hops were lost since", told.Lost)
		}
	})
}

// A slow page misses no request and not the end of the following. A following that has
// nothing to show says how much was lost.
func TestWhatIsFollowedWaitsForASlowPage(t *testing.T) {
	bubbled(t, 2, func(f *following, hear func(byte, string, int)) {
		for range streamQueue {
			f.stream.tell([]byte("something else"))
		}
		go f.run()
		hear(1, "reader", 1)
		hear(1, "writer", 1)
		time.Sleep(time.Second)
		hear(2, "reader", hopQueue+7) // comes while it cannot be told
		synctest.Wait()
		for range streamQueue {
			<-f.stream.queue
		}
		expectRequest(t, f, "01", "reader", "writer")
		for range streamQueue {
			f.stream.tell([]byte("something else"))
		}
		time.Sleep(2 * followTime)
		for range streamQueue {
			<-f.stream.queue
		}
		if e := nextEvent(t, f); !bytes.Contains(e, []byte(fmt.Sprintf(`"left":1,"lost":%d}`, hopQueue-mostHops+7))) {
			t.Errorf("%s", e)
		}
	})
}

// firstByte is the answer to a wish to follow. Its test fails unless requests are
// followed before its client can see any part of it.
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

// When a client is told that requests are followed, the next request already is.
func TestFollowingBeginsBeforeItsAnswer(t *testing.T) {
	s := &Server{provider: housetest.New(t, housetest.Settings{Inspect: true}).Provider}
	s.hub = newHub(s)
	page := s.hub.open(topics{})
	defer s.hub.end(page)
	for range 100 { // if another goroutine began it, it would be too late at least once
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
		case <-page.queue: // the following has ended
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

func expectRequest(t *testing.T, f *following, trace string, wheres ...string) (told requestTold) {
	t.Helper()
	e := nextEvent(t, f)
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
	return told
}
