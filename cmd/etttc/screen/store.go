package screen

import (
	"slices"

	"elemental/client"
)

// mostKept is how many messages of a channel are held in memory. If there are more, dropped of
// them and those beyond the limit go at once.
const (
	mostKept = 3000
	dropped  = 500
)

// history is a part of a channel's messages without gaps, and the number of messages in the
// channel. The zero value is a channel of which nothing is known.
type history struct {
	first    int64 // the index of messages[0]
	messages []client.Message
	total    int64 // number of messages in the channel, as far as known
}

// end returns the index after the last message that is held.
func (h *history) end() int64 { return h.first + int64(len(h.messages)) }

// current reports whether the newest message of the channel is held, or the channel has none.
func (h *history) current() bool { return h.end() >= h.total }

// merge takes in messages whose indexes follow each other. Messages that are held already change
// nothing. Messages that would leave a gap are not held; only total is changed by them. A history
// that holds nothing takes any messages.
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

// clear forgets everything. It is called when the channel was deleted, or its newest messages are
// to be loaded afresh.
func (h *history) clear() { *h = history{} }

// trim drops messages if more than mostKept are held: those that are farthest from the index
// around.
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

// newest keeps only the last n of the messages that are held, or fewer if their texts have more
// than bytes bytes.
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
