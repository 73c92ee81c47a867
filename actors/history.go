package actors

import (
	"fmt"

	"elemental/persistence"
)

// This file is the state of a channel, and the event that makes it; channel.go and channelreads.go
// are its actor.

// The one event. Its fields are those of a page's item and of the snapshot.
type posted struct {
	Index     int64  `json:"index"`
	Author    string `json:"author"`
	Text      string `json:"message"`
	Timestamp int64  `json:"us"` // microseconds since 1970
	Nonce     string `json:"nonce,omitempty"`
}

// history is the state: messages by index. [0,paged) are in pages on disk,
// [base,total) in memory, base ≤ paged.
type history struct {
	total, base, paged int64
	last               int64     // timestamp of the newest message
	recent             []Message // recent[0] has index base; entries never change, so runs of it may be shared
	recentBytes        int       // bytes of text of those
	unpagedBytes       int       // the same of those that are in no page yet
	nonces             map[nonce]place
	nonceOrder         []nonce // oldest first
}

type nonce struct{ author, nonce string }

type place struct{ index, timestamp int64 }

// noncesKept is how many posts back a repeated nonce is recognized.
const noncesKept = 1000

func newHistory() history { return history{nonces: map[nonce]place{}} }

func (h *history) apply(e posted) {
	if e.Index != h.total {
		panic(fmt.Sprintf("message %d after %d messages", e.Index, h.total))
	}
	h.recent = append(h.recent, Message{Text: e.Text, Author: e.Author, Timestamp: e.Timestamp})
	h.recentBytes += len(e.Text)
	h.unpagedBytes += len(e.Text)
	h.total++
	h.last = e.Timestamp
	if e.Nonce != "" {
		n := nonce{e.Author, e.Nonce}
		h.nonces[n] = place{e.Index, e.Timestamp}
		h.nonceOrder = append(h.nonceOrder, n)
	}
	h.forgetNonces()
}

func (h *history) forgetNonces() {
	for len(h.nonceOrder) > 0 && h.nonces[h.nonceOrder[0]].index < h.total-noncesKept {
		delete(h.nonces, h.nonceOrder[0])
		h.nonceOrder = h.nonceOrder[1:]
	}
}

// next makes the event of a post: the next index, and a timestamp that grows even when the
// clock is set back.
func (h *history) next(m *post, now int64) posted {
	return posted{Index: h.total, Author: m.Author, Text: m.Text, Nonce: m.Nonce, Timestamp: max(now, h.last+1)}
}

// run is the part of [begin,end) that is in memory, shared with the reader.
func (h *history) run(begin, end int64) []Message {
	from, to := max(begin, h.base)-h.base, max(end, h.base)-h.base
	return h.recent[from:to:to]
}

// fullPages is how many of the messages that are in no page yet would fill whole pages.
func (h *history) fullPages() int64 {
	return (h.total - h.paged) / persistence.PageItems * persistence.PageItems
}

func (h *history) unsaved() int { return h.unpagedBytes + 64*int(h.total-h.paged) }

// trim forgets the messages that are in pages, except those of the last page.
func (h *history) trim(paged int64) {
	h.paged = max(h.paged, paged)
	base := max(h.base, h.paged-persistence.PageItems)
	if base == h.base {
		return
	}
	kept := h.recent[base-h.base:]
	h.recent = append(make([]Message, 0, len(kept)+int(base-h.base)), kept...) // as many may come again
	h.base = base
	h.recentBytes, h.unpagedBytes = textBytes(h.recent), textBytes(h.recent[h.paged-base:])
}

func textBytes(list []Message) (n int) {
	for i := range list {
		n += len(list[i].Text)
	}
	return n
}

// weight is roughly the memory that it takes, together with the channel's actor.
func (h *history) weight() int { return 2<<10 + h.recentBytes + 64*len(h.recent) + 160*len(h.nonces) }

// posted is the event of a message, without its nonce.
func (m *Message) posted(index int64) posted {
	return posted{Index: index, Author: m.Author, Text: m.Text, Timestamp: m.Timestamp}
}

// pageItems is a page's messages, shared with the channel.
type pageItems struct {
	first int64
	list  []Message
}

// Len and Append implement persistence.Items.
func (p pageItems) Len() int { return len(p.list) }

// Append is called by persistence, on any goroutine.
func (p pageItems) Append(to []byte, i int) []byte {
	e := p.list[i].posted(p.first + int64(i))
	return e.Append(to)
}

// savedHistory is the snapshot: the messages that are in no page, and the nonces.
type savedHistory struct {
	Total  int64    `json:"total"`
	Last   int64    `json:"us"`
	Recent []posted `json:"messages"`
	Nonces []posted `json:"nonces"` // without text
}

func (h *history) restore(saved savedHistory) {
	h.total = saved.Total - int64(len(saved.Recent))
	h.base, h.paged = h.total, h.total
	for _, e := range saved.Recent {
		h.apply(e)
	}
	h.last = saved.Last
	for _, e := range saved.Nonces {
		n := nonce{e.Author, e.Nonce}
		h.nonces[n] = place{e.Index, e.Timestamp}
		h.nonceOrder = append(h.nonceOrder, n)
	}
}

// channelEvents reads each event type of a channel's stream.
var channelEvents = map[string]func([]byte) (any, error){
	"posted": func(data []byte) (any, error) { return decodePosted(data, "", "") },
}
