package persistence

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Actor makes the persistence actor of the store, at its start and after each crash. All that
// it knows belongs to the Store, so nothing is lost in a crash.
func (s *Store) Actor() actor.Actor { return &storeActor{s} }

type storeActor struct{ store *Store }

// Receive never blocks: writer and workers do what has to wait for files.
func (a *storeActor) Receive(ctx actor.Context) {
	s := a.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	c := s.core
	c.out, c.followed = ctx, followed(ctx)
	if c.inHand != nil {
		c.restarted()
	}
	c.inHand = ctx.Message()
	a.handle(ctx)
	c.inHand = done{} // a crash from here on has nothing to do with it
	if c.followed != nil {
		c.out, c.followed = c.followed.Unfollowed(), nil
	}
	if c.inbox.has.Load() { // the wake may be behind thousands of appends, and the disk has nothing to do until then
		c.drain()
	}
	c.inHand, c.out = nil, nil
}

func (a *storeActor) handle(ctx actor.Context) {
	c := a.store.core
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.inbox.attach(ctx.ActorSystem(), ctx.Self())
		c.started()
	case *actor.Stopping, *actor.Restarting:
		c.stopTimers()
	case *actor.Stopped:
	default:
		if !c.receive(m) {
			c.log.Warn("message not understood by persistence", "type", fmt.Sprintf("%T", m))
		}
	}
}

// storeView is the store's view.
type storeView struct {
	Writable bool          `json:"writable"`
	Trouble  string        `json:"trouble"`
	Streams  int           `json:"streams"` // in memory
	Next     uint64        `json:"nextSeq"`
	Segments []segmentView `json:"segments"` // the newest, the live one last
	Journal  int64         `json:"journalBytes"`

	Gathering      bool `json:"gathering"` // a batch waits for more
	Writing        bool `json:"writing"`
	Flying         int  `json:"flyingRecords"` // of the batch that is being written
	WaitingRecords int  `json:"waitingRecords"`
	WaitingBytes   int  `json:"waitingBytes"`

	Requests  int  `json:"fileRequests"` // that wait for their stream's files
	Wanted    int  `json:"snapshotsWanted"`
	Asked     int  `json:"snapshotsAsked"`
	Unsaved   bool `json:"unsaved"` // a snapshot could not be saved
	Poisoned  bool `json:"poisoned"`
	Tombs     int  `json:"tombstones"`
	Undone    int  `json:"removalsThatFailed"`
	OldStates int  `json:"olderSnapshots"`
}

type segmentView struct {
	Number uint32 `json:"number"`
	Bytes  int64  `json:"bytes"`
}

// segmentsShown is how many segments a view has.
const segmentsShown = 50

// View returns what the store shows of itself to the inspector. It is called in the actor's turn.
func (a *storeActor) View() any {
	s := a.store
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.core
	v := storeView{
		Writable: c.writable.Load(), Streams: len(c.table), Next: c.nextSeq, Segments: []segmentView{},
		Gathering: c.gathering, Writing: c.writing, WaitingRecords: c.waitingRecords, WaitingBytes: c.waitingBytes,
		Requests: c.requests, Wanted: len(c.wants), Asked: len(c.asked), Unsaved: len(c.unsaved) > 0, Poisoned: c.poisoned,
		Tombs: len(c.tombs), Undone: len(c.undone), OldStates: len(c.olds),
	}
	if c.failure != nil {
		v.Trouble = c.failure.Error()
	}
	if c.flying != nil {
		v.Flying = len(c.flying.recs)
	}
	for i, each := range c.segments {
		v.Journal += each.bytes
		if i >= len(c.segments)-segmentsShown {
			v.Segments = append(v.Segments, segmentView{each.number, each.bytes})
		}
	}
	return v
}
