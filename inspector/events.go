package inspector

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
)

// This file has the streams of events. Each stream is written by the goroutine of its
// request. What all pages are shown is looked up once for all of them (see sampler). What
// one page wants to see of an actor or a request is looked up for that page alone.

const (
	mostStreams = 16
	mostWatched = 4                // actors that one stream may watch
	streamQueue = 64               // events that wait to be written; when it is full, further events are dropped
	slowClient  = 10 * time.Second // how long a client may not read before its stream ends
	actorEvery  = 500 * time.Millisecond
	costEvery   = 2 * time.Second
	keepAlive   = 15 * time.Second
)

// hub keeps the open streams and followings.
type hub struct {
	server  *Server
	sampler *sampler

	mu      sync.Mutex
	streams map[string]*stream
	follows map[string]*following
	watches int
	closed  bool
	quit    chan struct{} // closed when closed is set

	costs costAt
}

func newHub(s *Server) *hub {
	return &hub{
		server: s, sampler: &sampler{server: s}, streams: map[string]*stream{}, follows: map[string]*following{},
		quit: make(chan struct{}), costs: costAt{at: time.Now()},
	}
}

// stream is one page that looks.
type stream struct {
	id     string
	topics topics
	queue  chan []byte
	gone   chan struct{} // closed when the stream ends
}

// topics are what a stream wants to be told.
type topics struct {
	flow, tree, feed, cost bool
	actors                 []string
}

func parseTopics(text string) (t topics, ok bool) {
	for topic := range strings.SplitSeq(text, ",") {
		id, isActor := strings.CutPrefix(topic, "actor:")
		switch {
		case topic == "flow":
			t.flow = true
		case topic == "tree":
			t.tree = true
		case topic == "feed":
			t.feed = true
		case topic == "cost":
			t.cost = true
		case isActor && len(t.actors) < mostWatched:
			t.actors = append(t.actors, id)
		case topic != "":
			return t, false
		}
	}
	return t, true
}

// event encodes an event, ready to be written. It is nil if the data cannot be encoded.
func event(name string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		return nil
	}
	b := make([]byte, 0, len(name)+len(text)+20)
	b = append(append(append(b, "event: "...), name...), "\ndata: "...)
	return append(append(b, text...), '\n', '\n')
}

// tell queues an event to be written. If too many wait, the event is dropped.
func (st *stream) tell(event []byte) {
	select {
	case st.queue <- event:
	default:
	}
}

// open makes a stream. It returns nil if there are too many already, or if all is closed.
func (h *hub) open(t topics) *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.streams) >= mostStreams {
		return nil
	}
	st := &stream{id: rand.Text(), topics: t, queue: make(chan []byte, streamQueue), gone: make(chan struct{})}
	h.streams[st.id] = st
	h.sampler.need(h.streams)
	return st
}

// end gives back everything that a stream has taken, and ends its followings.
func (h *hub) end(st *stream) {
	h.mu.Lock()
	delete(h.streams, st.id)
	var its []*following
	for _, f := range h.follows {
		if f.stream == st {
			its = append(its, f)
		}
	}
	h.sampler.need(h.streams)
	h.mu.Unlock()
	close(st.gone)
	for _, f := range its {
		f.stop()
	}
}

// close ends all streams.
func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.quit)
	}
	h.mu.Unlock()
}

func (h *hub) watching(change int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches += change
}

// events serves one stream, from its beginning to its end.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	t, ok := parseTopics(r.URL.Query().Get("topics"))
	if !ok {
		fail(w, http.StatusBadRequest, "topics are flow, tree, feed, cost and a few of actor:ID")
		return
	}
	st := s.hub.open(t)
	if st == nil {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "too many pages look already; close one")
		return
	}
	defer s.hub.end(st)
	unhurried(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	watches := s.watch(t.actors)
	defer watches.stop(s.hub)
	out := newStreamWriter(w, s.cfg.Patience, &s.cost)
	if out.write(event("hello", map[string]string{"stream": st.id})) { // from now on the stream misses nothing
		s.play(out, st, watches, r.Context().Done())
	}
}

// streamWriter writes events to a client, which has to read them in time.
type streamWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	cost     *cost
}

func newStreamWriter(w http.ResponseWriter, patience time.Duration, of *cost) *streamWriter {
	return &streamWriter{w: w, control: http.NewResponseController(w), patience: patience, cost: of}
}

func (o *streamWriter) write(event []byte) bool {
	defer o.cost.wrote(time.Now())
	if o.control.SetWriteDeadline(time.Now().Add(o.patience)) != nil {
		return false
	}
	if _, err := o.w.Write(event); err != nil {
		return false
	}
	return o.control.Flush() == nil
}

// play writes events until the client goes, does not read in time, or all streams are
// ended.
func (s *Server) play(out *streamWriter, st *stream, watches watches, gone <-chan struct{}) {
	alive := time.Tick(keepAlive)
	var watched, costs <-chan time.Time // nil if the stream does not want it
	if len(watches) > 0 {
		watched = time.Tick(actorEvery)
	}
	if st.topics.cost {
		costs = time.Tick(costEvery)
	}
	ok := true
	for ok {
		select {
		case e := <-st.queue:
			ok = out.write(e)
		case <-watched:
			for _, w := range watches {
				ok = ok && out.write(w.look(s))
			}
		case <-costs:
			ok = out.write(event("cost", s.hub.cost()))
		case <-alive:
			ok = out.write([]byte(": still here\n\n"))
		case <-gone:
			return
		case <-s.hub.quit:
			return
		}
	}
}

// watched is an actor that a stream watches.
type watched struct {
	id    string
	watch *telemetry.Watch // nil if the actor does not exist (any more), or if too many watch it
}

type watches []*watched

func (s *Server) watch(ids []string) watches {
	var all watches
	for _, id := range ids {
		w := &watched{id: id}
		_ = w.begin(s.provider) // the first look tries again and tells the error
		all = append(all, w)
	}
	s.hub.watching(len(all))
	return all
}

// begin begins to watch the actor, if it is not watched yet. The error says why it cannot
// be watched now. That may change: the actor may come back, and others may stop watching
// it.
func (w *watched) begin(provider *actors.Provider) error {
	if w.watch != nil {
		return nil
	}
	watch, err := provider.Watch(w.id)
	if err == nil {
		w.watch = watch
	}
	return err
}

func (all watches) stop(h *hub) {
	for _, w := range all {
		if w.watch != nil {
			w.watch.Stop()
		}
	}
	h.watching(-len(all))
}

type (
	observedPlace struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Function string `json:"function"`
	}
	observedType struct {
		Message   string        `json:"message"`
		Place     observedPlace `json:"place"`
		Count     uint64        `json:"count"`
		Rate      float64       `json:"rate"`
		WaitP50   float64       `json:"waitP50"`
		WaitP99   float64       `json:"waitP99"`
		HandleP50 float64       `json:"handleP50"`
		HandleP99 float64       `json:"handleP99"`
		Max       float64       `json:"max"`
	}
	observedRestart struct {
		At      int64  `json:"at"`
		Message string `json:"message"`
		Reason  string `json:"reason"`
	}
	observation struct {
		ID       string            `json:"id"`
		Gone     bool              `json:"gone,omitempty"`
		Crowded  bool              `json:"crowded,omitempty"` // the actor exists, but too many watch it
		Depth    int               `json:"depth"`
		Busy     float64           `json:"busy"`
		Rate     float64           `json:"rate"`
		Types    []observedType    `json:"types"`
		Restarts []observedRestart `json:"restarts"`
	}
)

func placeOf(p telemetry.Place) observedPlace { return observedPlace{p.File, p.Line, p.Function} }

// look returns an event that tells what the actor has done since the last look.
func (w *watched) look(s *Server) []byte {
	defer s.cost.working(time.Now())
	o := observation{ID: w.id, Types: []observedType{}, Restarts: []observedRestart{}}
	if err := w.begin(s.provider); err != nil {
		o.Crowded = errors.Is(err, telemetry.ErrWatched)
		o.Gone = !o.Crowded
		return event("actor", o)
	}
	seen := w.watch.Take()
	if o.Gone = seen.Ended; o.Gone {
		w.watch.Stop()
		w.watch = nil
	}
	span := max(seen.Span.Seconds(), 1e-3)
	o.Depth, o.Busy = seen.Depth, min(seen.Busy.Seconds()/span, 1)
	for _, t := range seen.Types {
		rate := float64(t.Count) / span
		o.Rate += rate
		o.Types = append(o.Types, observedType{
			t.Message, placeOf(t.Place), t.Count, rate,
			micros(t.Waited.P50), micros(t.Waited.P99), micros(t.Handled.P50), micros(t.Handled.P99), micros(t.Handled.Max),
		})
	}
	for _, r := range seen.Restarts {
		o.Restarts = append(o.Restarts, observedRestart{millis(r.At), r.Message, r.Reason})
	}
	return event("actor", o)
}

// treeNow is the data of the tree event.
type treeNow struct {
	Count   int              `json:"count"`
	Kinds   map[string]int   `json:"kinds"`
	Lives   map[string]lives `json:"lives"` // by kind, counted since the start
	Deepest []actorInfo      `json:"deepest"`
	Changed []string         `json:"changed"` // actors that have messages waiting
}

type lives struct {
	Started    uint64 `json:"started"`
	Passivated uint64 `json:"passivated"`
	Restarts   uint64 `json:"restarts"`
}

const (
	mostDeepest = 10
	mostChanged = 200
)

func (s *Server) treeNow() treeNow {
	now := treeNow{Kinds: map[string]int{}, Lives: map[string]lives{}, Deepest: []actorInfo{}, Changed: []string{}}
	s.provider.Actors(func(a telemetry.ActorInfo) bool {
		now.add(&a)
		return true
	})
	for kind, c := range s.provider.KindCounts() {
		now.Lives[string(kind)] = lives{c.Started, c.Passivated, c.Restarts}
	}
	return now
}

// add counts an actor, and lists it if messages wait for it.
func (now *treeNow) add(a *telemetry.ActorInfo) {
	now.Count++
	now.Kinds[string(a.Kind)]++
	if a.Depth == 0 {
		return
	}
	if len(now.Changed) < mostChanged {
		now.Changed = append(now.Changed, a.ID)
	}
	if n := len(now.Deepest); n < mostDeepest || now.Deepest[n-1].Depth < a.Depth {
		at, _ := slices.BinarySearchFunc(now.Deepest, a.Depth, func(o actorInfo, depth int) int { return cmp.Compare(depth, o.Depth) })
		now.Deepest = slices.Insert(now.Deepest, at, told(a))
		now.Deepest = now.Deepest[:min(len(now.Deepest), mostDeepest)]
	}
}
