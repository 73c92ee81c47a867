package plain

import (
	"context"
	"fmt"
	"sync"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// hearing prints the messages of a channel until it is closed or the subscription ends. A nil
// *hearing prints nothing.
type hearing struct {
	at   commands.Place
	sub  *client.Subscription
	own  *own
	tail int64         // messages with a smaller index were posted before; 0 when all of those are printed
	old  chan struct{} // closed when those messages are printed
	done chan struct{} // closed when no more messages will be printed

	mu      sync.Mutex
	leaving bool  // a command is under way that may end the subscription, so the reason is held back
	why     error // why the subscription has ended, if that was held back
}

// listen makes the hearing change to the place where the user is. It returns when the messages
// from earlier are printed.
func (s *session) listen(ctx context.Context) error {
	if s.hearing != nil && s.hearing.at == s.at {
		return nil
	}
	s.hearing.close()
	s.hearing = nil
	if s.at.Channel == "" {
		return nil
	}
	h, err := s.subscribe(ctx)
	if err != nil {
		return s.failed("cannot listen to "+place(s.at), err)
	}
	s.hearing = h
	go h.print(s.out)
	select {
	case <-h.old:
	case <-h.done:
	case <-s.stillDone:
	}
	return nil
}

// subscribe begins a subscription with the last Config.Tail messages, or with what comes from now
// on.
func (s *session) subscribe(ctx context.Context) (*hearing, error) {
	h := &hearing{at: s.at, old: make(chan struct{}), done: make(chan struct{})}
	err := s.within(ctx, func(ctx context.Context) (err error) {
		if s.c.Tail <= 0 {
			close(h.old)
			h.sub, err = s.who.Subscribe(ctx, s.at.Server, s.at.Channel)
			return err
		}
		return s.subscribeToTail(ctx, h)
	})
	h.own = newOwn(s.who.User())
	return h, err
}

// subscribeToTail begins the subscription of h with the last Config.Tail messages. It counts again
// when that has begun: a channel that was made anew before may be too short for those messages,
// and then none is waited for.
func (s *session) subscribeToTail(ctx context.Context, h *hearing) error {
	before, err := s.who.Latest(ctx, s.at.Server, s.at.Channel, 0, -1)
	if err != nil {
		return err
	}
	from := max(before.Total-int64(s.c.Tail), 0)
	if h.sub, err = s.who.SubscribeFrom(ctx, s.at.Server, s.at.Channel, from); err != nil {
		return err
	}
	now, err := s.who.Latest(ctx, s.at.Server, s.at.Channel, 0, -1)
	if err != nil {
		h.sub.Close()
		return err
	}
	if h.tail = min(before.Total, now.Total); h.tail <= from {
		h.tail = 0
		close(h.old)
	}
	return nil
}

// print prints the events until the subscription has ended.
func (h *hearing) print(out teller) {
	defer close(h.done)
	defer h.own.end()
	for e := range h.sub.Events() {
		switch {
		case e.Kind == client.Deleted:
			out.deleted(h.at)
		case h.own.is(e.Message):
		default:
			out.message(e.Message)
		}
		if h.tail > 0 && (e.Kind == client.Deleted || e.Index >= h.tail-1) {
			close(h.old)
			h.tail = 0
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.why = h.sub.Err()
	if !h.leaving {
		h.tellEnd(out)
	}
}

// tellEnd tells why no more messages will come, unless this program has ended the subscription
// itself.
func (h *hearing) tellEnd(out teller) {
	cause := h.why
	h.why = nil // so that it is told only once
	code := client.CodeOf(cause)
	if code == "" {
		return
	}
	why := commands.Explain(cause)
	if commands.LoggedOut(cause) {
		why = "you are not logged in any more"
	}
	out.unheard(h.at, fmt.Sprintf("%s is not heard any more, %s", place(h.at), why), code)
}

// leave is called before a command that may end the subscription. The reason for the end is held
// back until left is called.
func (h *hearing) leave() {
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.leaving = true
	}
}

// left is called after the command. It tells the reason for the end, if there was one. If the
// user has gone elsewhere, nothing is told: they do not ask for it, and have mostly ended it
// themselves.
func (h *hearing) left(to *commands.Place, out teller) {
	if h == nil || to != nil && *to != h.at {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaving = false
	h.tellEnd(out)
}

// close ends the subscription and waits until nothing more is printed.
func (h *hearing) close() {
	if h == nil {
		return
	}
	h.sub.Close()
	h.own.end()
	<-h.done
}

// isOver reports whether the subscription has ended.
func (h *hearing) isOver() bool { return h != nil && h.sub.Err() != nil }

// ended returns a channel that is closed when nothing more is printed. It is never closed if
// nothing is listened to.
func (h *hearing) ended() <-chan struct{} {
	if h == nil {
		return nil
	}
	return h.done
}

func (h *hearing) postBegins() {
	if h != nil {
		h.own.begin()
	}
}

func (h *hearing) postEnds(m client.Message, done bool) {
	if h != nil {
		h.own.finish(m, done)
	}
}
