package telemetry

import (
	"errors"
	"fmt"
	"hash/maphash"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
)

// roll is the list of living actors, with an entry for each from its start until it has
// stopped, and counts by kind. It is kept only for the inspector (Options.Inspect). It is
// written when an actor starts, stops or crashes. A message only increases a number, under a
// lock that is held anyway.
type roll struct {
	feed   *feed
	epoch  time.Time
	seed   maphash.Seed
	shards [64]shard
	kinds  map[Kind]*kindTally // never changed
	lanes  atomic.Uint32       // given out

	messages, sights atomic.Uint64 // as in Effort
}

type shard struct {
	mu      sync.RWMutex // held for the time of a look or a change
	entries map[string]*entry
}

// kindTally is what is counted of all actors of a kind.
type kindTally struct {
	of   *roll
	kind Kind

	started, ended, passivated, restarts atomic.Uint64
	handled                              [8]counter // each actor uses one of them
}

// counter fills a cache line, so that processors do not slow each other down.
type counter struct {
	messages atomic.Uint64
	_        [56]byte
}

// entry is the entry of one actor. It contains the actor's mailbox, to save an allocation.
type entry struct {
	dispatch.Mailbox
	tally    *kindTally
	self     *actor.PID
	parent   *entry        // nil for the root actor and the sessions
	begun    time.Duration // since the roll's epoch
	children atomic.Int32
	lane     uint8

	// under the mailbox's lock
	gone     bool
	crashing bool // Crash was called, and the actor has not gone on since
	struck   bool // the crash has happened, and the actor has not gone on yet
	restarts uint32
	handled  uint64
	label    string
	crashes  []Restart    // the last ones; nil for almost all actors
	observed *observation // nil while nobody watches
}

var kinds = []Kind{KindProvider, KindDirectory, KindRouter, KindPasswords, KindPersistence, KindSession, KindUser, KindServer, KindChannel}

func newRoll(f *feed) *roll {
	r := &roll{feed: f, epoch: time.Now(), seed: maphash.MakeSeed(), kinds: map[Kind]*kindTally{}}
	for _, kind := range kinds {
		r.kinds[kind] = &kindTally{of: r, kind: kind}
	}
	for i := range r.shards {
		r.shards[i].entries = map[string]*entry{}
	}
	return r
}

// mailbox makes the mailbox of an actor, with its entry if there is a roll.
func (r *roll) mailbox(s *dispatch.Scheduler, kind Kind, shared bool) *dispatch.Mailbox {
	if r == nil {
		m := new(dispatch.Mailbox)
		m.Init(s, shared, nil)
		return m
	}
	e := &entry{tally: r.kinds[kind]}
	e.lane = uint8(r.lanes.Add(1) % uint32(len(e.tally.handled)))
	e.Init(s, shared, e)
	return &e.Mailbox
}

var _ dispatch.Witness = (*entry)(nil)

// Born puts the entry on the roll.
func (e *entry) Born(ctx actor.Context) {
	r := e.tally.of
	e.self, e.begun = ctx.Self(), time.Since(r.epoch)
	if parent := ctx.Parent(); parent != nil {
		e.parent = r.find(parent.Id)
	}
	if e.parent != nil {
		e.parent.children.Add(1)
	}
	e.tally.started.Add(1)
	s := r.shard(e.self.Id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[e.self.Id] = e
}

// ended takes an actor that has stopped off the roll. Whoever watches it or waits for its
// state is told.
func (r *roll) ended(self *actor.PID) {
	if r == nil {
		return
	}
	s := r.shard(self.Id)
	s.mu.Lock()
	e := s.entries[self.Id]
	delete(s.entries, self.Id)
	s.mu.Unlock()
	if e == nil {
		return // told twice
	}
	if e.parent != nil {
		e.parent.children.Add(-1)
	}
	e.tally.ended.Add(1)
	if crashed := e.close(); crashed != nil && e.tally.kind == KindSession {
		r.feed.tell("stopped", self.Id, KindSession, crashed.Reason)
	}
}

// close ends an entry, and returns the last crash of its actor.
func (e *entry) close() (crashed *Restart) {
	e.Lock()
	defer e.Unlock()
	e.gone = true
	if e.observed != nil {
		e.observed.end()
		e.observed = nil
	}
	for msg := range e.Messages() {
		if m, ok := msg.(*Inspection); ok {
			m.Show(nil, ErrNoActor)
		}
	}
	if n := len(e.crashes); n > 0 {
		crashed = &e.crashes[n-1]
	}
	return crashed
}

func (r *roll) shard(id string) *shard {
	return &r.shards[maphash.String(r.seed, id)%uint64(len(r.shards))]
}

// find returns nil if no such actor lives, or if no roll is kept.
func (r *roll) find(id string) *entry {
	if r == nil {
		return nil
	}
	s := r.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.entries[id]
}

// label gives an actor a name for people, unless it is the last part of its ID anyway.
func (r *roll) label(self *actor.PID, text string) {
	e := r.find(self.Id)
	if e == nil {
		return
	}
	if text == path.Base(self.Id) {
		text = ""
	}
	e.Lock()
	defer e.Unlock()
	e.label = text
}

// crashesKept is how many crashes of an actor are remembered.
const crashesKept = 20

// crashed notes why an actor has panicked.
func (r *roll) crashed(self *actor.PID, msg any, reason string) {
	e := r.find(self.Id)
	if e == nil {
		return
	}
	is := Restart{At: time.Now(), Message: MessageName(msg), Reason: reason}
	e.Lock()
	if len(e.crashes) == crashesKept {
		e.crashes = append(e.crashes[:0], e.crashes[1:]...)
	}
	e.crashes = append(e.crashes, is)
	if m, asked := msg.(*Inspection); asked && m.Crash {
		e.struck = true
	}
	e.Unlock()
	if r.feed.heard() {
		r.feed.tell("panic", self.Id, e.tally.kind, is.Message+": "+is.Reason)
	}
}

// WentOn notes that an actor has gone on after a crash.
func (e *entry) WentOn() {
	e.tally.restarts.Add(1)
	e.Lock()
	e.restarts++
	if e.struck { // otherwise a Crash that is due still waits in the mailbox
		e.crashing, e.struck = false, false
	}
	why := ""
	if n := len(e.crashes); n > 0 {
		last := &e.crashes[n-1]
		why = fmt.Sprintf("after %v: %s", time.Since(last.At).Round(time.Millisecond/10), last.Reason)
	}
	e.Unlock()
	e.tally.of.feed.tell("restart", e.self.Id, e.tally.kind, why)
}

// passivated counts an actor that has left memory because nobody used it.
func (r *roll) passivated(kind Kind) {
	if r != nil {
		r.kinds[kind].passivated.Add(1)
	}
}

// HadTurn counts the messages of a turn.
func (e *entry) HadTurn(messages int) {
	e.tally.handled[e.lane].messages.Add(uint64(messages)) //nolint:gosec // never negative
}

// MessageName is a message's type without its package. It looks inside the wrapping of
// followed messages.
func MessageName(msg any) string {
	if a, followed := msg.(*asideMessage); followed {
		msg = a.msg
	}
	return typeName(actor.UnwrapEnvelopeMessage(msg))
}

// ErrNoActor means that no actor with that ID lives, or that no roll is kept.
var ErrNoActor = errors.New("no such actor")

func (e *entry) info() ActorInfo {
	i := ActorInfo{
		ID: e.self.Id, Kind: e.tally.kind, Children: int(e.children.Load()),
		Started: e.tally.of.epoch.Add(e.begun),
	}
	if e.parent != nil {
		i.Parent = e.parent.self.Id
	}
	e.Lock()
	defer e.Unlock()
	i.Label, i.Restarts, i.Messages = e.label, int(e.restarts), e.handled
	i.Depth, _ = e.Waiting()
	return i
}

// Actors calls visit for each living actor until visit returns false. Actors that start or
// stop meanwhile may be visited or not.
func (l Look) Actors(visit func(ActorInfo) bool) {
	r := l.of.roll
	if r == nil {
		return
	}
	var some []*entry
	for i := range r.shards {
		some = r.shards[i].appendTo(some[:0])
		for _, e := range some {
			if !visit(e.info()) {
				return
			}
		}
	}
}

func (s *shard) appendTo(list []*entry) []*entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.entries {
		list = append(list, e)
	}
	return list
}

// Actor returns what is known of one actor, and whether it lives.
func (l Look) Actor(id string) (info ActorInfo, lives bool) {
	e := l.of.roll.find(id)
	if e == nil {
		return ActorInfo{}, false
	}
	return e.info(), true
}

// KindCount counts the actors of a kind since the provider's start.
type KindCount struct {
	Alive      uint64 // living now
	Started    uint64
	Ended      uint64
	Passivated uint64 // those of them that left memory because nobody used them
	Restarts   uint64 // crashes after which the actor went on
	Messages   uint64 // that they have handled
}

// KindCounts returns the counts by kind; nil if no roll is kept.
func (l Look) KindCounts() map[Kind]KindCount {
	r := l.of.roll
	if r == nil {
		return nil
	}
	counts := make(map[Kind]KindCount, len(r.kinds))
	for kind, t := range r.kinds {
		c := KindCount{Ended: t.ended.Load(), Passivated: t.passivated.Load(), Restarts: t.restarts.Load()}
		c.Started = t.started.Load() // after those that ended, so that none ends before it starts
		c.Alive = c.Started - c.Ended
		for i := range t.handled {
			c.Messages += t.handled[i].messages.Load()
		}
		counts[kind] = c
	}
	return counts
}
