package plain

import (
	"slices"
	"sync"

	"elemental/client"
)

// mostUnheard bounds the own posts that have not come back yet; beyond it, the
// next post waits for whoever reads the output.
const mostUnheard = 1024

// own tells this program's own posts from others by the same user: they come
// back with what others wrote, and are not printed again.
type own struct {
	user string

	mu      sync.Mutex
	changed *sync.Cond
	flying  bool             // a post is under way: whether a message is ours is not known yet
	unheard []client.Message // in the order in which they come back
	ended   bool             // nothing comes back any more
}

func newOwn(user string) *own {
	o := &own{user: user}
	o.changed = sync.NewCond(&o.mu)
	return o
}

// begin says that a post begins.
func (o *own) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.unheard) >= mostUnheard && !o.ended {
		o.changed.Wait()
	}
	o.flying = true
}

// finish says what became of it.
func (o *own) finish(m client.Message, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flying = false
	if done && !o.ended {
		o.unheard = append(o.unheard, m)
	}
	o.changed.Broadcast()
}

// is reports whether a message that came is one of ours.
func (o *own) is(m client.Message) bool {
	if m.Author != o.user {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.flying && !o.ended {
		o.changed.Wait()
	}
	i := slices.IndexFunc(o.unheard, func(mine client.Message) bool { return same(mine, m) })
	o.unheard = o.unheard[i+1:] // those before it went with a channel that was deleted meanwhile
	o.changed.Broadcast()
	return i >= 0
}

// same compares an own post with what came. The original provider does not say
// where a post went.
func same(mine, came client.Message) bool {
	if mine.Index < 0 {
		return mine.Text == came.Text
	}
	return mine.Index == came.Index
}

// end says that nothing comes back any more, so that nobody waits for it.
func (o *own) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended, o.unheard = true, nil
	o.changed.Broadcast()
}
