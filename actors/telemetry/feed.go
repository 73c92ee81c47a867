package telemetry

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
)

// feed passes on what happens while somebody listens. Otherwise it does nothing.
type feed struct {
	listeners atomic.Pointer[[]*listener] // nil if nobody listens
	letters   sparing                     // dead letters
	damages   sparing                     // what cannot be read from disk
	refusals  map[string]*sparing         // refused work, by code; the map never changes

	mu     sync.Mutex // held while a listener is added or removed
	events *eventstream.EventStream
	dead   *eventstream.Subscription // while somebody listens
}

type listener struct{ hear func(Happening) }

func newFeed(system *actor.ActorSystem, codes []string) *feed {
	f := &feed{events: system.EventStream}
	f.letters = sparing{of: f, most: 5}
	f.damages = sparing{of: f, most: 5, as: " that cannot be read"}
	f.refusals = map[string]*sparing{}
	for _, code := range codes {
		f.refusals[code] = &sparing{of: f, most: 1, as: " " + code}
	}
	return f
}

// heard tells whether somebody listens.
func (f *feed) heard() bool { return f.listeners.Load() != nil }

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

// onEvent receives the engine's events.
func (f *feed) onEvent(event any) {
	letter, dead := event.(*actor.DeadLetterEvent)
	if !dead || !f.heard() {
		return
	}
	if _, own := letter.Message.(actor.SystemMessage); own {
		return // the engine's own messages about an actor's end
	}
	h := Happening{What: "deadletter", Detail: MessageName(letter.Message)}
	if letter.PID != nil {
		h.Actor = letter.PID.Id
	}
	f.letters.tell(h)
}

// Feed calls hear for everything that happens, until stop is called. It does so on the
// goroutine where it happens, so hear must not wait. What happens often is told a few times
// in a second, and then how many more there were. Panics, restarts and stopped sessions are
// told only if a roll is kept.
func (l Look) Feed(hear func(Happening)) (stop func()) {
	f, who := l.of.feed, &listener{hear}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(func(list []*listener) []*listener { return append(list, who) })
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.change(func(list []*listener) []*listener {
			return slices.DeleteFunc(list, func(other *listener) bool { return other == who })
		})
	}
}

// change changes the list of listeners, under mu.
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

// sparing tells the first few happenings in a second, and at the end of the second how many
// more there were.
type sparing struct {
	of   *feed
	most int
	as   string // said after "more", to tell them from others with the same What

	mu   sync.Mutex
	told int  // in the present second; 0 if none has begun
	more int  // that were not told
	kind Kind // of those not told, if it is the same for all
}

func (s *sparing) tell(h Happening) {
	s.mu.Lock()
	if s.told >= s.most {
		if s.more++; s.more == 1 {
			s.kind = h.Kind
		} else if s.kind != h.Kind {
			s.kind = ""
		}
		s.mu.Unlock()
		return
	}
	if s.told++; s.told == 1 {
		time.AfterFunc(time.Second, func() { s.next(h.What) })
	}
	s.mu.Unlock()
	s.of.pass(h)
}

// next ends the second, and begins another one if there was more.
func (s *sparing) next(what string) {
	s.mu.Lock()
	more, kind := s.more, s.kind
	s.told, s.more = 0, 0
	if more > 0 {
		s.told = 1
		time.AfterFunc(time.Second, func() { s.next(what) })
	}
	s.mu.Unlock()
	if more > 0 {
		s.of.pass(Happening{What: what, Kind: kind, Detail: fmt.Sprintf("%d more%s", more, s.as), More: more})
	}
}
