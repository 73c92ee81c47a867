package plain

import (
	"context"
	"fmt"
	"sync"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

// hearing prints what comes in a channel, until it is closed or the
// subscription ends. The zero of *hearing hears nothing.
type hearing struct {
	at   commands.Place
	sub  *client.Subscription
	own  *own
	tail int64         // index before which messages are from earlier
	old  chan struct{} // closed when those have been printed
	done chan struct{} // closed when nothing is printed any more

	mu      sync.Mutex
	leaving bool  // a command is under way that may end it: why it ends is held back
	why     error // why it has ended, where that was held back
}

// listen makes the hearing follow to where we are. Messages from earlier are
// printed before it returns.
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

// subscribe begins with the last Tail messages, or with what comes.
func (s *session) subscribe(ctx context.Context) (*hearing, error) {
	h := &hearing{at: s.at, old: make(chan struct{}), done: make(chan struct{})}
	err := s.within(ctx, func(ctx context.Context) (err error) {
		if s.c.Tail <= 0 {
			close(h.old)
			h.sub, err = s.who.Subscribe(ctx, s.at.Server, s.at.Channel)
			return err
		}
		page, err := s.who.Latest(ctx, s.at.Server, s.at.Channel, 0, -1)
		if err != nil {
			return err
		}
		h.tail = page.Total
		if h.tail == 0 {
			close(h.old)
		}
		h.sub, err = s.who.SubscribeFrom(ctx, s.at.Server, s.at.Channel, max(h.tail-int64(s.c.Tail), 0))
		return err
	})
	h.own = newOwn(s.who.User())
	return h, err
}

// print prints until the subscription has ended.
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

// tellEnd tells why nothing is heard any more, unless that is our own doing.
func (h *hearing) tellEnd(out teller) {
	cause := h.why
	h.why = nil // told once
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

// leave holds back why the hearing ends, since the user may be about to end it.
func (h *hearing) leave() {
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.leaving = true
	}
}

// left ends that. Who went elsewhere does not ask why the place ended, and has
// mostly ended it.
func (h *hearing) left(to *commands.Place, out teller) {
	if h == nil || to != nil && *to != h.at {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaving = false
	h.tellEnd(out)
}

// close ends it, and waits until nothing is printed any more.
func (h *hearing) close() {
	if h == nil {
		return
	}
	h.sub.Close()
	h.own.end()
	<-h.done
}

// ended is closed when nothing is printed any more; never, where nothing is heard.
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
