package powercuttest

import (
	"fmt"
	"sync"
	"testing"
)

// powerBook is what the clients of TestPowerCutsUnderLoad have sent and read.
// It is closed before the power goes: what is read later counts for nothing,
// and nothing more is sent. It outlives the provider.
type powerBook struct {
	t       *testing.T
	figures powerFigures // guarded by mu while clients run

	mu      sync.Mutex
	closed  bool
	rooms   map[string]*powerRoom
	posters map[string]*poster
	member  powerFact[bool]   // whether the wanderer is in the server
	account powerFact[string] // the clerk's password
	former  string            // a password that is no more
	keys    map[string]keyState
	guests  map[string]bool // names being registered, and whether that was answered
	serial  int
}

// powerFact is a thing that one client changes, one change at a time.
type powerFact[T comparable] struct {
	is       T
	changing bool
	next     T // what it may be already, while it is changing
}

func (f *powerFact[T]) change(to T) { f.changing, f.next = true, to }
func (f *powerFact[T]) settle(at T) { f.is, f.changing = at, false }
func (f *powerFact[T]) may(be T) bool {
	return f.is == be || f.changing && f.next == be
}

// keyState is what is known of a login key.
type keyState int

const (
	keyLives keyState = iota
	keyUnsure
	keyEnded
)

// powerRoom is a channel; each deletion ends an epoch of it.
type powerRoom struct {
	name   string
	exists powerFact[bool]
	epoch  int
	sent   map[string]sentPost // by text
	placed map[string]placement
	texts  map[spot]string
	top    int // beyond the highest index seen in this epoch
}

type sentPost struct {
	author string
	epoch  int // in which it was sent
}

// spot is a place in the channel; epoch is homeless where the epoch is not known.
type spot struct{ epoch, index int }

const homeless = -1

// placement is where a text was seen, and when it was posted.
type placement struct {
	spot
	stamp float64
}

// poster is what is known of somebody who posts.
type poster struct {
	serial int
	flying []powerPost // not answered, oldest first
	again  *powerPost  // answered, may be repeated
}

type powerPost struct{ room, text, nonce string }

func newPowerBook(t *testing.T) *powerBook {
	b := &powerBook{
		t: t, rooms: map[string]*powerRoom{}, posters: map[string]*poster{},
		keys: map[string]keyState{}, guests: map[string]bool{},
	}
	for _, name := range []string{"general", "c"} {
		b.rooms[name] = &powerRoom{name: name, sent: map[string]sentPost{}, placed: map[string]placement{}, texts: map[spot]string{}}
	}
	b.rooms["general"].exists.settle(true)
	return b
}

func (b *powerBook) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

func (b *powerBook) reopen() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = false
}

// note writes into the book; it tells whether the book was open.
func (b *powerBook) note(write func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	write()
	return true
}

// wrong notes what must not be, unless the book is closed.
func (b *powerBook) wrong(format string, args ...any) {
	b.note(func() { b.t.Errorf(format, args...) })
}

// observe takes in that text was at index. It is called from note.
func (b *powerBook) observe(how string, r *powerRoom, m powerMessage, index int) {
	b.figures.Seen++
	sent, known := r.sent[m.Message]
	if !known || sent.author != m.Author {
		b.t.Errorf("%s: %s %d: %q of %s was never sent", how, r.name, index, m.Message, m.Author)
		return
	}
	at := placement{spot{homeless, index}, m.Timestamp}
	if sent.epoch == r.epoch { // no deletion of the channel was answered since it was sent
		at.epoch = r.epoch
	}
	b.place(how, r, m.Message, at)
}

func (b *powerBook) place(how string, r *powerRoom, text string, at placement) {
	before, seen := r.placed[text]
	if seen && (before.index != at.index || before.stamp != at.stamp) {
		b.t.Errorf("%s: %s: %q is at %v, was at %v", how, r.name, text, at, before)
	}
	if seen && before.epoch != homeless {
		at.epoch = before.epoch
	}
	r.placed[text] = at
	if at.epoch == homeless {
		return
	}
	if other, taken := r.texts[at.spot]; taken && other != text {
		b.t.Errorf("%s: %s %d is %q, was %q", how, r.name, at.index, text, other)
	}
	r.texts[at.spot] = text
	if at.epoch == r.epoch {
		r.top = max(r.top, at.index+1)
	}
}

// compose makes a poster's next post and notes it as sent.
func (b *powerBook) compose(author string, dice int) (post powerPost, open bool) {
	open = b.note(func() {
		p := b.posters[author]
		if p.again != nil && dice%11 == 0 {
			post, p.again = *p.again, nil
			p.flying = append(p.flying, post)
			return
		}
		p.serial++
		post = powerPost{room: "general", text: fmt.Sprintf("%s/%d/%0*d", author, p.serial, dice%40, 0)}
		if c := b.rooms["c"].exists; dice%4 == 0 && c.is && !c.changing {
			post.room = "c"
		} else if dice%3 == 0 {
			post.nonce = fmt.Sprintf("n%d", p.serial)
		}
		p.flying = append(p.flying, post)
		r := b.rooms[post.room]
		r.sent[post.text] = sentPost{author, r.epoch}
		b.figures.Sent++
	})
	return post, open
}

// answered takes in the answer to a poster's oldest post.
func (b *powerBook) answered(author string, f powerFrame) bool {
	return b.note(func() {
		p := b.posters[author]
		post := p.flying[0]
		p.flying = p.flying[1:]
		r := b.rooms[post.room]
		if !f.Resp {
			b.refused(r, post.text, f.Reason)
			return
		}
		b.figures.Acknowledged++
		b.observe("answer", r, powerMessage{post.text, f.Timestamp, author}, f.Index)
		if post.nonce != "" && r.top-f.Index < 300 {
			p.again = &post
		}
	})
}

// refused takes in that a post was not done: it must not be seen from now on.
// A channel may have been deleted, or be on its way out of memory.
func (b *powerBook) refused(r *powerRoom, text, reason string) {
	if gone := reason == "channel does not exist" && r.name != "general"; !gone && reason != "busy, try again" {
		b.t.Errorf("%q in %s was refused: %s", text, r.name, reason)
	}
	delete(r.sent, text)
}
