package actors

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
)

// feed tells of what happens, while somebody listens. Nothing is made of it otherwise.
type feed struct {
	listeners atomic.Pointer[[]*listener] // nil of nobody
	busy      sparing
	letters   sparing

	mu     sync.Mutex // held while somebody begins or ends to listen
	events *eventstream.EventStream
	dead   *eventstream.Subscription // while somebody listens
}

type listener struct{ hear func(Happening) }

func newFeed(system *actor.ActorSystem) *feed {
	f := &feed{events: system.EventStream}
	f.busy = sparing{of: f, most: 1}
	f.letters = sparing{of: f, most: 5}
	return f
}

// heard tells whether somebody listens.
func (f *feed) heard() bool { return f != nil && f.listeners.Load() != nil }

func (f *feed) tell(what, who string, kind Kind, detail string) {
	if f.heard() {
		f.pass(Happening{What: what, Actor: who, Kind: kind, Detail: detail})
	}
}

func (f *feed) pass(h Happening) {
	listeners := f.listeners.Load()
	if listeners == nil {
		return
	}
	h.At = time.Now()
	for _, l := range *listeners {
		l.hear(h)
	}
}

// refused tells of a request that the gate has refused, now and then.
func (f *feed) refused(who *actor.PID) {
	if f.heard() {
		f.busy.tell(Happening{What: "busy", Actor: who.Id, Kind: KindSession})
	}
}

// storage tells that the journal cannot be written, or with nil that it can.
func (f *feed) storage(err error) {
	detail := "written again"
	if err != nil {
		detail = err.Error()
	}
	f.tell("storage", rootName+"/"+diskName, KindPersistence, detail)
}

// onEvent hears of the engine's events.
func (f *feed) onEvent(event any) {
	letter, dead := event.(*actor.DeadLetterEvent)
	if !dead || !f.heard() {
		return
	}
	if _, own := letter.Message.(actor.SystemMessage); own {
		return // the engine's talk about an actor's end
	}
	h := Happening{What: "deadletter", Detail: messageName(letter.Message)}
	if letter.PID != nil {
		h.Actor = letter.PID.Id
	}
	f.letters.tell(h)
}

// Feed has hear called for all that happens until stop, on the goroutine where it
// happens: it must not wait. What happens often is told a few times a second, with how
// many more there were. Actors are told of where the roll is kept.
func (p *Provider) Feed(hear func(Happening)) (stop func()) {
	f, l := p.node.feed, &listener{hear}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(func(list []*listener) []*listener { return append(list, l) })
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.change(func(list []*listener) []*listener {
			return slices.DeleteFunc(list, func(other *listener) bool { return other == l })
		})
	}
}

// change changes who listens, under mu.
func (f *feed) change(how func([]*listener) []*listener) {
	var list []*listener
	if now := f.listeners.Load(); now != nil {
		list = slices.Clone(*now)
	}
	if list = how(list); len(list) == 0 {
		f.listeners.Store(nil)
		f.events.Unsubscribe(f.dead)
		f.dead = nil
		return
	}
	f.listeners.Store(&list)
	if f.dead == nil {
		f.dead = f.events.Subscribe(f.onEvent)
	}
}

// Happened passes on what has happened outside the actors, such as a slow reader, and of
// which session's connection, by its ID; "" where there is none. It costs a look when
// nobody listens.
func (p *Provider) Happened(what, session, detail string) {
	kind := KindSession
	if session == "" {
		kind = ""
	}
	p.node.feed.tell(what, session, kind, detail)
}

// sparing tells the first few of many in a second, and at its end how many more there were.
type sparing struct {
	of   *feed
	most int

	mu   sync.Mutex
	told int // in the second that runs, 0 when none does
	more int
}

func (s *sparing) tell(h Happening) {
	s.mu.Lock()
	if s.told >= s.most {
		s.more++
		s.mu.Unlock()
		return
	}
	if s.told++; s.told == 1 {
		time.AfterFunc(time.Second, func() { s.next(h.What, h.Kind) })
	}
	s.mu.Unlock()
	s.of.pass(h)
}

// next ends the second, and begins another if there was more.
func (s *sparing) next(what string, kind Kind) {
	s.mu.Lock()
	more := s.more
	s.told, s.more = 0, 0
	if more > 0 {
		s.told = 1
		time.AfterFunc(time.Second, func() { s.next(what, kind) })
	}
	s.mu.Unlock()
	if more > 0 {
		s.of.pass(Happening{What: what, Kind: kind, Detail: fmt.Sprintf("%d more", more), More: more})
	}
}
