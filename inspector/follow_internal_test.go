package inspector

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"elemental/actors"
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
