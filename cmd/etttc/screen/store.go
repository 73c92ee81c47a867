package screen

import (
	"slices"

	"elemental/client"
)

// mostKept bounds the messages of a channel that are held in memory; dropped is
// how many go at once when it is reached.
const (
	mostKept = 3000
	dropped  = 500
)

// history is a part of a channel's messages without gaps, and how many the
// channel has. The zero value is an empty channel of which nothing is known.
type history struct {
	first    int64 // the index of messages[0]
	messages []client.Message
	total    int64 // as far as is known
}

// end is the index after the last message that is held.
func (h *history) end() int64 { return h.first + int64(len(h.messages)) }

// current reports whether the channel's newest message is held, or there is none.
func (h *history) current() bool { return h.end() >= h.total }

// merge takes in messages whose indexes follow each other. Those that are held
// already change nothing; those that would leave a gap are left out, and only
// total tells of them. The zero history takes any.
func (h *history) merge(page []client.Message) {
	if len(page) == 0 {
		return
	}
	begin, end := page[0].Index, page[len(page)-1].Index+1
	h.total = max(h.total, end)
	switch {
	case len(h.messages) == 0:
		h.first, h.messages = begin, slices.Clone(page)
	case begin > h.end() || end < h.first:
		return
	default:
		if begin < h.first {
			h.messages = slices.Concat(page[:h.first-begin], h.messages)
			h.first = begin
		}
		if end > h.end() {
			h.messages = append(h.messages, page[h.end()-begin:]...)
		}
	}
}

// clear forgets everything: the channel was deleted.
func (h *history) clear() { *h = history{} }

// trim keeps the bound on what is held, and drops what is farthest from the
// index around.
func (h *history) trim(around int64) {
	if len(h.messages) <= mostKept {
		return
	}
	keep := mostKept - dropped
	if around-h.first < h.end()-around {
		h.messages = slices.Clone(h.messages[:keep])
		return
	}
	gone := len(h.messages) - keep
	h.messages = slices.Clone(h.messages[gone:])
	h.first += int64(gone)
}

// newest keeps only the last n messages that are held, and of these no more
// than have their texts in so many bytes.
func (h *history) newest(n, bytes int) {
	gone := len(h.messages)
	for ; gone > 0 && len(h.messages)-gone < n; gone-- {
		if bytes -= len(h.messages[gone-1].Text); bytes < 0 {
			break
		}
	}
	if gone > 0 {
		h.messages = slices.Clone(h.messages[gone:])
		h.first += int64(gone)
	}
}
