package plain

import (
	"slices"
	"sync"

	"elemental/client"
)

// mostUnheard is how many of this program's posts may not have come back yet. Beyond it, the next
// post waits until the output is read.
const mostUnheard = 1024

// own tells posts of this program from those that the same user made elsewhere. The subscription
// delivers both, but this program's own are not printed again.
type own struct {
	user string

	mu      sync.Mutex
	changed *sync.Cond
	flying  bool             // a post is under way, so it is not known yet whether a message is ours
	unheard []client.Message // own posts that have not come back, in the order in which they will
	ended   bool             // nobody waits any more for messages to come back
}

func newOwn(user string) *own {
	o := &own{user: user}
	o.changed = sync.NewCond(&o.mu)
	return o
}

// begin is called before a post.
func (o *own) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.unheard) >= mostUnheard && !o.ended {
		o.changed.Wait()
	}
	o.flying = true
}

// finish is called after a post; done says whether it succeeded.
func (o *own) finish(m client.Message, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flying = false
	if done && !o.ended {
		o.unheard = append(o.unheard, m)
	}
	o.changed.Broadcast()
}

// is reports whether a message that was delivered is one of this program's posts. It waits for
// the end of a post that is under way.
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
	o.unheard = o.unheard[i+1:] // those before it were in a channel that was deleted since
	o.changed.Broadcast()
	return i >= 0
}

// same reports whether a delivered message is that own post. Two channels of one name may have a
// message at the same index, but not of the same time. It compares texts with the original
// provider, which tells neither of a post.
func same(mine, came client.Message) bool {
	if mine.Index < 0 {
		return mine.Text == came.Text
	}
	return mine.Index == came.Index && mine.Time.Equal(came.Time)
}

// end is called when the subscription ends, so that nobody waits for messages. One that has come
// already may still be asked about, so own posts are kept.
func (o *own) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.changed.Broadcast()
}
