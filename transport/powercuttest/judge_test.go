package powercuttest

import (
	"fmt"
	"slices"
	"strings"
)

// readBack reads everything in a new life and holds it against the book. It
// tells whether the power lasted so long.
func (l *powerLife) readBack() bool {
	owner := l.login("owner")
	if owner == nil {
		return false
	}
	f, ok := owner.must(`{"call":"getserverchannels","servername":"s"}`)
	if !ok {
		return false
	}
	for _, r := range l.book.rooms {
		var list []powerMessage
		there := slices.Contains(f.Channels, r.name)
		if there {
			if list, ok = readRoom(owner, r.name); !ok {
				return false
			}
		}
		if !l.book.note(func() { l.book.judge(r, there, list) }) {
			return false
		}
	}
	return l.readMembership(owner) && l.readAccounts() && l.repeatPosts()
}

// readRoom reads a channel, page by page.
func readRoom(p *powerLine, room string) (list []powerMessage, ok bool) {
	f, ok := p.must(`{"call":"gettotalmessages","servername":"s","channel":%q}`, room)
	amount := f.Amount
	for len(list) < amount && ok {
		begin := len(list)
		f, ok = p.must(`{"call":"getmessages","servername":"s","channel":%q,"begin":%d,"end":%d}`, room, begin, min(begin+700, amount))
		if ok && len(f.Messages) != min(700, amount-begin) {
			p.book.wrong("%s: %d messages from %d of %d", room, len(f.Messages), begin, amount)
			return list, false
		}
		for _, m := range f.Messages {
			list = append(list, m.powerMessage)
		}
	}
	return list, ok
}

// judge compares what came back of a channel: all that was acknowledged or seen
// by anybody is there, at its place; nothing is there that nobody sent, nothing
// twice, nothing of a deleted channel; each sender's order holds.
func (b *powerBook) judge(r *powerRoom, there bool, list []powerMessage) {
	if !r.exists.may(there) {
		b.t.Errorf("channel %s is there: %v, the book says %+v", r.name, there, r.exists)
	}
	if r.become(there); !there {
		return
	}
	b.figures.Recovered += len(list)
	for text, at := range r.placed {
		if at.epoch == r.epoch && (at.index >= len(list) || list[at.index].Message != text) {
			b.t.Errorf("%s: %q was at %d, of %d messages now: it is lost", r.name, text, at.index, len(list))
		}
	}
	first, last := map[string]int{}, map[string]int{}
	for i, m := range list {
		if at, twice := first[m.Message]; twice {
			b.t.Errorf("%s: %q is at %d and at %d", r.name, m.Message, at, i)
		}
		first[m.Message] = i
		b.observe("recovered", r, m, i)
		if at := r.placed[m.Message]; at.epoch != homeless && at.epoch != r.epoch {
			b.t.Errorf("%s: %q is back from a channel that was deleted", r.name, m.Message)
		}
		serial := 0
		if _, err := fmt.Sscanf(strings.TrimPrefix(m.Message, m.Author), "/%d/", &serial); err != nil || serial <= last[m.Author] {
			b.t.Errorf("%s %d: %q after %s/%d (%v)", r.name, i, m.Message, m.Author, last[m.Author], err)
		}
		last[m.Author] = serial
	}
}

// repeatPosts sends once more what was not answered and has a nonce, as a
// client does that wants each post exactly once.
func (l *powerLife) repeatPosts() bool {
	for _, name := range powerPosters {
		p := l.login(name)
		if p == nil || !l.book.note(func() {
			l.book.posters[name].flying = slices.DeleteFunc(l.book.posters[name].flying, func(post powerPost) bool { return post.nonce == "" })
		}) {
			return false
		}
		for n := len(l.book.posters[name].flying); n > 0; n-- {
			if !p.post(l.book.posters[name].flying[0]) {
				return false
			}
			if f, ok := p.answer(); !ok || !l.book.answered(name, f) {
				return false
			}
		}
	}
	return true
}
