package inspector

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"elemental/actors/telemetry"
)

// This file follows requests for a stream. Hops come from wherever the requests are
// handled. A goroutine for each following collects them, and tells of each request when
// it has ended.

const (
	followTime   = 60 * time.Second
	mostFollows  = 16  // at a time, of all streams together
	mostRequests = 20  // of one following
	mostHops     = 256 // of one request
	hopQueue     = 1024
	lateHops     = 20 * time.Millisecond // how long after its answer hops of a request are still waited for
)

// following is a wish to see the next requests that match a filter.
type following struct {
	id       string
	stream   *stream
	server   *Server
	filter   telemetry.Filter
	unfollow func()
	hops     chan telemetry.Hop
	lasts    chan telemetry.Hop // the hops that end the requests, one for each; there is room for all
	due      chan struct{}      // gets a token for each ended request, lateHops later
	quit     chan struct{}
	once     sync.Once
	lost     atomic.Int64

	// used by run alone
	left     int
	requests map[telemetry.TraceID][]telemetry.Hop
	ended    []telemetry.Hop // the last hops of requests that have ended and are not told yet
	told     map[telemetry.TraceID]bool
}

func (s *Server) following(filter telemetry.Filter) *following {
	return &following{
		id: rand.Text(), server: s, filter: filter, left: filter.Count, hops: make(chan telemetry.Hop, hopQueue),
		lasts: make(chan telemetry.Hop, filter.Count), due: make(chan struct{}, filter.Count), quit: make(chan struct{}),
		requests: map[telemetry.TraceID][]telemetry.Hop{}, told: map[telemetry.TraceID]bool{},
	}
}

// stop ends the following. It may be called more than once, by any goroutine.
func (f *following) stop() { f.once.Do(func() { close(f.quit) }) }

func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	var wish struct {
		Stream string `json:"stream"`
		Conn   uint64 `json:"conn"`
		Call   string `json:"call"`
		Count  int    `json:"count"`
	}
	if !body(w, r, &wish) {
		return
	}
	f := s.following(telemetry.Filter{Conn: wish.Conn, Call: wish.Call, Count: min(max(wish.Count, 1), mostRequests)})
	switch s.hub.begin(f, wish.Stream) {
	case http.StatusNotFound:
		fail(w, http.StatusNotFound, "there is no such stream")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "too many requests are followed")
	default:
		reply(w, map[string]string{"id": f.id})
	}
}

// begin starts a following, or returns the status that says why not. Requests that begin
// from now on are followed.
func (h *hub) begin(f *following, stream string) (status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.stream = h.streams[stream]
	switch {
	case f.stream == nil || h.closed:
		return http.StatusNotFound
	case len(h.follows) >= mostFollows:
		return http.StatusServiceUnavailable
	}
	h.follows[f.id] = f
	f.unfollow = h.server.provider.Follow(f.filter, f.hear)
	go f.run()
	return http.StatusOK
}

func (s *Server) unfollow(w http.ResponseWriter, r *http.Request) {
	s.hub.mu.Lock()
	f := s.hub.follows[r.URL.Query().Get("id")]
	s.hub.mu.Unlock()
	if f == nil {
		fail(w, http.StatusNotFound, "nothing of that name is followed")
		return
	}
	f.stop()
	reply(w, map[string]bool{"ended": true})
}

// run collects hops and tells of the requests. It ends when all have come, after
// followTime, or when it is stopped.
func (f *following) run() {
	defer f.end()
	timer := time.NewTimer(followTime)
	defer timer.Stop()
	for f.left > 0 {
		select {
		case hop := <-f.hops:
			f.note(hop)
		case last := <-f.lasts:
			f.ended = append(f.ended, last)
			time.AfterFunc(lateHops, func() { f.due <- struct{}{} })
		case <-f.due:
			f.tell()
		case <-f.quit:
			return
		case <-f.server.hub.quit:
			return
		case <-timer.C:
			return
		}
	}
}

func (f *following) end() {
	f.unfollow()
	hub := f.server.hub
	hub.mu.Lock()
	delete(hub.follows, f.id)
	hub.mu.Unlock()
	f.say(event("followed", followedTold{f.id, f.left, f.lost.Swap(0)}))
}

// say queues an event, and waits until there is room: none of these events is dropped.
// Hops may be lost while it waits. If the client does not read, its stream ends, and so
// does the wait.
func (f *following) say(event []byte) {
	select {
	case f.stream.queue <- event:
	case <-f.stream.gone:
	case <-f.server.hub.quit:
	}
}

// note adds a hop to those of its request. A hop of a request that was told already comes
// too late and is ignored.
func (f *following) note(hop telemetry.Hop) {
	hops := f.requests[hop.Trace]
	switch {
	case f.told[hop.Trace]:
	case len(hops) >= mostHops:
		f.lost.Add(1)
	default:
		f.requests[hop.Trace] = append(hops, hop)
	}
}

// tell tells of the request that ended first, with all its hops that have come.
func (f *following) tell() {
	begun := time.Now()
	for range len(f.hops) {
		f.note(<-f.hops)
	}
	last := f.ended[0]
	request := event("request", f.describe(append(f.requests[last.Trace], last)))
	delete(f.requests, last.Trace)
	f.told[last.Trace] = true
	f.ended = f.ended[1:]
	f.left--
	f.server.cost.working(begun)
	f.say(request)
}

// hear takes a hop. It is called wherever the hop was, and does not wait: if there is no
// room, the hop is lost. Hops that end a request are never lost.
func (f *following) hear(hop telemetry.Hop) {
	f.server.cost.heard.Add(1)
	to := f.hops
	if hop.Where == "writer" {
		to = f.lasts
	}
	select {
	case to <- hop:
	default:
		f.lost.Add(1)
	}
}

type (
	hopBatch struct {
		Records int     `json:"records"`
		Bytes   int     `json:"bytes"`
		Begun   float64 `json:"begun"`
		Written float64 `json:"written"`
		Synced  float64 `json:"synced"`
	}
	hopTold struct {
		Where   string        `json:"where"`
		Actor   string        `json:"actor"`
		Message string        `json:"message"`
		Place   observedPlace `json:"place"`
		Span    string        `json:"span"`
		Parent  string        `json:"parent"`
		Sent    float64       `json:"sent"`
		Begun   float64       `json:"begun"`
		Ended   float64       `json:"ended"`
		Batch   *hopBatch     `json:"batch,omitempty"`
		Pushes  int           `json:"pushes,omitempty"`
	}
	requestTold struct {
		ID    string    `json:"id"` // ID of the following
		Trace string    `json:"trace"`
		Call  string    `json:"call"`
		Conn  uint64    `json:"conn"`
		Code  string    `json:"code"`
		Begun int64     `json:"begun"`
		Took  float64   `json:"took"`
		Hops  []hopTold `json:"hops"`
		Lost  int64     `json:"lost,omitempty"` // hops that are missing: of this request, or of another one of the same following meanwhile
	}
	followedTold struct {
		ID   string `json:"id"`
		Left int    `json:"left"`           // requests that have not come
		Lost int64  `json:"lost,omitempty"` // hops lost since the last request
	}
)

// describe makes the event's data of a request. Times in it count from the beginning of
// the request.
func (f *following) describe(hops []telemetry.Hop) requestTold {
	slices.SortStableFunc(hops, func(a, b telemetry.Hop) int {
		return cmp.Or(a.Begun.Compare(b.Begun), a.Sent.Compare(b.Sent))
	})
	r := requestTold{ID: f.id, Trace: hex.EncodeToString(hops[0].Trace[:]), Hops: []hopTold{}}
	r.Lost = f.lost.Swap(0)
	from := hops[0].Sent
	if from.IsZero() {
		from = hops[0].Begun
	}
	at := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return micros(t.Sub(from))
	}
	r.Begun = millis(from)
	for i := range hops {
		h := &hops[i]
		r.Call, r.Code, r.Conn = cmp.Or(r.Call, h.Call), cmp.Or(r.Code, h.Code), cmp.Or(r.Conn, h.Conn)
		if h.Where == "writer" {
			r.Took = at(h.Ended)
			r.Lost += int64(h.Lost)
		}
		r.Hops = append(r.Hops, hopTold{
			h.Where, h.Actor, h.Message, placeOf(h.Place), spanText(h.Span), spanText(h.Parent),
			at(h.Sent), at(h.Begun), at(h.Ended), batchTold(h.Batch, at), h.Pushes,
		})
	}
	return r
}

func batchTold(b *telemetry.Batch, at func(time.Time) float64) *hopBatch {
	if b == nil {
		return nil
	}
	return &hopBatch{b.Records, b.Bytes, at(b.Begun), at(b.Written), at(b.Synced)}
}

func spanText(id telemetry.SpanID) string {
	if id == (telemetry.SpanID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}
