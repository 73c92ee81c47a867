package inspector

import (
	"sync"
	"sync/atomic"
	"time"

	"elemental/actors/telemetry"
)

// sampler looks once a second, for all streams that want the flow or the tree, and passes
// on the feed. It runs only while there is such a stream.
type sampler struct {
	server *Server

	mu   sync.Mutex
	to   []*stream
	quit chan struct{} // nil while it does not run
}

const sampleEvery = time.Second

// need is called with the streams that there are now. It starts or stops the sampler as
// needed.
func (s *sampler) need(streams map[string]*stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = nil
	for _, st := range streams {
		if t := st.topics; t.flow || t.tree || t.feed {
			s.to = append(s.to, st)
		}
	}
	switch {
	case len(s.to) > 0 && s.quit == nil:
		s.quit = make(chan struct{})
		news := &feed{lines: make(chan telemetry.Happening, feedQueue)}
		go s.run(s.quit, news, s.server.provider.Feed(news.hear)) // set up here, so that a stream hears everything from now on
	case len(s.to) == 0 && s.quit != nil:
		close(s.quit)
		s.quit = nil
	}
}

// wanting returns the streams that want a topic.
func (s *sampler) wanting(topic func(*topics) bool) []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*stream
	for _, st := range s.to {
		if topic(&st.topics) {
			all = append(all, st)
		}
	}
	return all
}

func wantsFlow(t *topics) bool { return t.flow }
func wantsTree(t *topics) bool { return t.tree }
func wantsFeed(t *topics) bool { return t.feed }

func (s *sampler) run(quit <-chan struct{}, news *feed, unhear func()) {
	defer unhear()
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	var before snapshot
	before.take(s.server)
	for {
		select {
		case <-quit:
			return
		case h := <-news.lines:
			s.pass(news, h)
		case <-tick.C:
			s.sample(&before)
			s.rest(news)
		}
	}
}

// sample tells of the flow and the tree.
func (s *sampler) sample(before *snapshot) {
	defer s.server.cost.working(time.Now())
	now := snapshot{}
	now.take(s.server) // also while nobody wants the flow, so that a new stream first sees one second, not all the time since the last one
	if to := s.wanting(wantsFlow); len(to) > 0 {
		send(to, event("flow", now.flowSince(before)))
	}
	*before = now
	if to := s.wanting(wantsTree); len(to) > 0 {
		send(to, event("tree", s.server.treeNow()))
	}
}

func send(to []*stream, event []byte) {
	for _, st := range to {
		st.tell(event)
	}
}

// feed carries happenings from the actors to the streams.
type feed struct {
	lines chan telemetry.Happening
	lost  atomic.Int64 // happenings for which there was no room
	told  int          // number told in this second
	held  int64        // number not told in this second, since there were too many
}

const (
	feedQueue = 256
	feedRate  = 50 // told in each second
)

// hear is called wherever something happens. It does not wait: if there is no room, it
// only counts.
func (f *feed) hear(h telemetry.Happening) {
	select {
	case f.lines <- h:
	default:
		f.lost.Add(1)
	}
}

type happening struct {
	At     int64  `json:"at"`
	What   string `json:"what"`
	Actor  string `json:"actor"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	N      int    `json:"n,omitempty"` // how many this stands for, if not for one
}

// pass tells of a happening, unless too many were told in this second.
func (s *sampler) pass(f *feed, h telemetry.Happening) {
	defer s.server.cost.working(time.Now())
	if f.told++; f.told > feedRate {
		f.held++
		return
	}
	send(s.wanting(wantsFeed), event("feed", happening{millis(h.At), h.What, h.Actor, string(h.Kind), h.Detail, h.More}))
}

// rest tells, at the end of a second, how many happenings were not told.
func (s *sampler) rest(f *feed) {
	more := f.held + f.lost.Swap(0)
	f.told, f.held = 0, 0
	if more > 0 {
		send(s.wanting(wantsFeed), event("feed", map[string]any{"at": millis(time.Now()), "what": "more", "n": more}))
	}
}
