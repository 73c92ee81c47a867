package telemetry

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
)

// observation is what goes on while an actor is watched: when each message came, and
// whoever watches. It is at the entry, and an actor that nobody watches has none.
type observation struct {
	epoch        time.Time
	user, system stamps // of the mailbox's queues; under the mailbox's lock

	// of the message in hand; the turn's alone
	begun, waited time.Duration

	mu      sync.Mutex // the actor holds it for one message's numbers
	watches []*Watch
	ended   bool
	effort  Effort // that the roll does not know yet
}

// stamps are when the messages of a queue came, in its order. Those that were in it
// before have none.
type stamps struct {
	before int
	at     []time.Duration
	head   int
}

func (s *stamps) push(now time.Duration) {
	if len(s.at) == cap(s.at) && s.head > len(s.at)/2 {
		s.at, s.head = s.at[:copy(s.at, s.at[s.head:])], 0
	}
	s.at = append(s.at, now)
}

// unknown is the time that a message has waited that was there before.
const unknown = -1

func (s *stamps) pop(now time.Duration) (waited time.Duration) {
	if s.before > 0 {
		s.before--
		return unknown
	}
	waited = now - s.at[s.head]
	if s.head++; s.head == len(s.at) {
		s.at, s.head = s.at[:0], 0
	}
	return waited
}

func (o *observation) now() time.Duration { return time.Since(o.epoch) }

func (o *observation) queue(system bool) *stamps {
	if system {
		return &o.system
	}
	return &o.user
}

// Came notes that a message has come, under the mailbox's lock.
func (e *entry) Came(system bool) {
	if o := e.observed; o != nil {
		o.queue(system).push(o.now())
	}
}

// Took counts a message that is taken to be handled, under the mailbox's lock, and tells
// who wants to know more of it.
func (e *entry) Took(system bool) dispatch.Sight {
	e.handled++
	o := e.observed
	if o == nil {
		return nil
	}
	o.begun = o.now()
	o.waited = o.queue(system).pop(o.begun)
	return o
}

// Handled notes that a message was handled.
func (o *observation) Handled(msg any) {
	msg = actor.UnwrapEnvelopeMessage(msg)
	if _, ours := msg.(*Inspection); ours {
		return
	}
	took, of := o.now()-o.begun, reflect.TypeOf(msg)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.effort.Messages++
	o.effort.Sights += uint64(len(o.watches))
	for _, w := range o.watches {
		w.seen.add(of, msg, o.waited, took)
	}
}

// settle tells the roll of the effort, under mu.
func (o *observation) settle(r *roll) {
	r.messages.Add(o.effort.Messages)
	r.sights.Add(o.effort.Sights)
	o.effort = Effort{}
}

// end says that the actor is no more.
func (o *observation) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
}

// Watch is somebody's look at one actor.
type Watch struct {
	entry *entry
	of    *observation
	since time.Duration
	seen  sights // under the observation's mu
}

// sights are what came of each type of message.
type sights struct {
	busy  time.Duration
	types map[reflect.Type]*sight
}

// sight is one type's.
type sight struct {
	message         string
	count           uint64
	waited, handled spread
}

// maxTypes bounds the types of messages that are told apart; there are fewer.
const maxTypes = 64

func (s *sights) add(of reflect.Type, msg any, waited, took time.Duration) {
	s.busy += took
	t := s.types[of]
	if t == nil {
		if len(s.types) >= maxTypes {
			return
		}
		t = &sight{message: MessageName(msg), waited: newSpread(), handled: newSpread()}
		s.types[of] = t
	}
	t.count++
	t.handled.add(took)
	if waited != unknown {
		t.waited.add(waited)
	}
}

// spread is of many times, to a sixteenth: few bytes matter more here.
type spread struct {
	times *hdrhistogram.Histogram
	most  time.Duration
}

// The least time that is told from others, and the longest.
const (
	leastTime = 64 * time.Nanosecond
	mostTime  = time.Minute
)

func newSpread() spread {
	return spread{times: hdrhistogram.New(int64(leastTime), int64(mostTime), 1)}
}

func (s *spread) add(took time.Duration) {
	took = max(took, 0)
	s.most = max(s.most, took)
	_ = s.times.RecordValue(int64(min(took, mostTime))) // which is in its range
}

func (s *spread) summary() Times {
	at := func(percentile float64) time.Duration {
		return min(time.Duration(s.times.ValueAtPercentile(percentile)), s.most)
	}
	return Times{P50: at(50), P99: at(99), Max: s.most}
}

// maxWatches bounds who watches one actor: it has to write for each.
const maxWatches = 32

// ErrWatched says that so many watch an actor that nobody else may.
var ErrWatched = errors.New("too many watch this actor")

// Watch begins to observe an actor. What is in its mailbox already is observed too, but
// for how long it has waited. Up to 32 may watch one actor, each with a span of its own.
func (l Look) Watch(id string) (*Watch, error) {
	e := l.of.roll.find(id)
	if e == nil {
		return nil, ErrNoActor
	}
	w := &Watch{entry: e, seen: newSights()}
	e.Lock()
	defer e.Unlock()
	if e.gone {
		return nil, ErrNoActor
	}
	if e.observed == nil {
		user, system := e.Waiting()
		e.observed = &observation{epoch: time.Now(), user: stamps{before: user}, system: stamps{before: system}}
	}
	o := e.observed
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.watches) >= maxWatches {
		return nil, ErrWatched
	}
	w.of, w.since = o, o.now()
	o.watches = append(o.watches, w)
	return w, nil
}

func newSights() sights { return sights{types: map[reflect.Type]*sight{}} }

// Take returns what was observed since the last Take. It is one goroutine's at a time.
func (w *Watch) Take() Observation {
	fresh := newSights()
	w.of.mu.Lock()
	seen, ended := w.seen, w.of.ended
	w.seen = fresh
	w.of.settle(w.entry.tally.of)
	now := w.of.now()
	w.of.mu.Unlock()
	o := Observation{Span: now - w.since, Busy: seen.busy, Ended: ended}
	w.since = now
	for _, t := range seen.types {
		o.Types = append(o.Types, ObservedType{
			Message: t.message, Place: PlaceOf(w.entry.tally.kind, t.message), Count: t.count,
			Waited: t.waited.summary(), Handled: t.handled.summary(),
		})
	}
	slices.SortFunc(o.Types, func(a, b ObservedType) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Message, b.Message))
	})
	w.entry.Lock()
	defer w.entry.Unlock()
	o.Depth, _ = w.entry.Waiting()
	o.Restarts = slices.Clone(w.entry.crashes)
	return o
}

// Stop ends the watch. Calling it again does nothing.
func (w *Watch) Stop() {
	e, o := w.entry, w.of
	e.Lock()
	defer e.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settle(e.tally.of)
	o.watches = slices.DeleteFunc(o.watches, func(other *Watch) bool { return other == w })
	if len(o.watches) == 0 && e.observed == o {
		e.observed = nil
	}
}
