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

// observation belongs to the entry of an actor while somebody watches it: when each message
// came, and who watches. An actor that nobody watches has none.
type observation struct {
	epoch        time.Time
	user, system stamps // of the mailbox's queues; under the mailbox's lock

	// of the message that is being handled; only the actor's turn uses them
	begun, waited time.Duration

	mu      sync.Mutex // the actor holds it for one message's numbers
	watches []*Watch
	ended   bool
	effort  Effort // not yet added to the roll's
}

// stamps are the times at which the messages of a queue came, in the queue's order.
type stamps struct {
	before int // messages that were there before the observation began; they have no time
	at     []time.Duration
	head   int
}

func (s *stamps) push(now time.Duration) {
	if len(s.at) == cap(s.at) && s.head > len(s.at)/2 {
		s.at, s.head = s.at[:copy(s.at, s.at[s.head:])], 0
	}
	s.at = append(s.at, now)
}

// unknown stands for the waiting time of a message that came before the observation began.
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

// Took counts a message that is about to be handled, under the mailbox's lock. It returns the
// observation if somebody watches the actor.
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

// settle adds the effort to the roll's, under mu.
func (o *observation) settle(r *roll) {
	r.messages.Add(o.effort.Messages)
	r.sights.Add(o.effort.Sights)
	o.effort = Effort{}
}

// end notes that the actor has stopped.
func (o *observation) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
}

// Watch is one observer of one actor.
type Watch struct {
	entry *entry
	of    *observation
	since time.Duration
	seen  sights // under the observation's mu
}

// sights is what was observed, for each type of message.
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

// maxTypes limits the types of messages that are told apart. There are fewer of them.
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

// spread is a histogram of many durations. It is coarse (to a sixteenth), to save memory.
type spread struct {
	times *hdrhistogram.Histogram
	most  time.Duration
}

// The range of durations that are told apart.
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
	_ = s.times.RecordValue(int64(min(took, mostTime))) // no error: it is in the range
}

func (s *spread) summary() Times {
	at := func(percentile float64) time.Duration {
		return min(time.Duration(s.times.ValueAtPercentile(percentile)), s.most)
	}
	return Times{P50: at(50), P99: at(99), Max: s.most}
}

// maxWatches limits the watches of one actor, since each costs the actor time.
const maxWatches = 32

// ErrWatched means that an actor has the most watches that are allowed.
var ErrWatched = errors.New("too many watch this actor")

// Watch begins to observe an actor. Messages that are in its mailbox already are observed too,
// except how long they have waited. An actor can have up to 32 watches.
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

// Take returns what was observed since the last Take. Only one goroutine may call it at a time.
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
			Message: t.message, Place: placeOf(w.entry.tally.kind, t.message), Count: t.count,
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
