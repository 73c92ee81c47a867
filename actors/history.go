package actors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"elemental/persistence"
)

// This file is the state of a channel, and the event that makes it; channel.go
// is its actor.

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
	recentBytes        int       // bytes of text of those that are in no page yet
	text               int       // bytes of text of all in recent
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
	h.text += len(e.Text)
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

// checkPost refuses what is too long or cannot be kept now.
func (c *channel) checkPost(m *post) Code {
	switch {
	case len(m.Text) > c.node.cfg.MessageBytes:
		return MessageTooLong
	case !c.writable():
		return StorageDown
	case c.history.fullPages() > 0 && c.history.unsaved() >= mostUnsaved: // the snapshot is late
		return Busy
	}
	return ""
}

// mostUnsaved limits the memory for messages that are in no page yet. When posts come faster
// than the disk saves pages, they have to wait.
const mostUnsaved = 16 << 20

func (h *history) unsaved() int { return h.recentBytes + 64*int(h.total-h.paged) }

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
	h.recentBytes, h.text = textBytes(h.recent[h.paged-base:]), textBytes(h.recent)
}

func textBytes(list []Message) (n int) {
	for i := range list {
		n += len(list[i].Text)
	}
	return n
}

// weight is roughly the memory that it takes, together with the channel's actor.
func (h *history) weight() int { return 2<<10 + h.text + 64*len(h.recent) + 160*len(h.nonces) }

var channelEvents = map[string]func([]byte) (any, error){
	"posted": func(data []byte) (any, error) { return decodePosted(data, "", "") },
}

// Append encodes the event by hand: this is the hot path, and reflection was most of its cost.
func (e *posted) Append(to []byte) []byte {
	to = append(to, `{"index":`...)
	to = strconv.AppendInt(to, e.Index, 10)
	to = appendText(append(to, `,"author":`...), e.Author)
	to = appendText(append(to, `,"message":`...), e.Text)
	to = strconv.AppendInt(append(to, `,"us":`...), e.Timestamp, 10)
	if e.Nonce != "" {
		to = appendText(append(to, `,"nonce":`...), e.Nonce)
	}
	return append(to, '}')
}

// decodePosted reads what Append made, without reflection for the same reason. JSON in any
// other form is decoded the slow way. author is the author of the message before: if it is
// the same one, the string is shared. as is data as a string, of which the texts become
// parts; with "" they become copies.
func decodePosted(data []byte, as, author string) (posted, error) {
	var e posted
	s := eventScanner{rest: data, as: as}
	s.literal(`{"index":`)
	e.Index = s.number()
	s.literal(`,"author":`)
	e.Author = s.text(author)
	s.literal(`,"message":`)
	e.Text = s.text("")
	s.literal(`,"us":`)
	e.Timestamp = s.number()
	if bytes.HasPrefix(s.rest, []byte(`,"nonce":`)) {
		s.literal(`,"nonce":`)
		e.Nonce = s.text("")
	}
	s.literal(`}`)
	if s.odd || len(s.rest) > 0 {
		return decode[posted](data)
	}
	return e, nil
}

// eventScanner reads JSON whose form is known. It sets odd if the form is another.
type eventScanner struct {
	rest []byte
	as   string // all of it, or ""
	odd  bool
}

func (s *eventScanner) literal(text string) {
	rest, found := bytes.CutPrefix(s.rest, []byte(text))
	s.rest, s.odd = rest, s.odd || !found
}

func (s *eventScanner) number() (n int64) {
	digits := 0
	for digits < len(s.rest) && s.rest[digits] >= '0' && s.rest[digits] <= '9' {
		n = 10*n + int64(s.rest[digits]-'0')
		digits++
	}
	s.odd = s.odd || digits == 0 || digits > 18 || digits > 1 && s.rest[0] == '0'
	s.rest = s.rest[digits:]
	return n
}

// text reads a string. If it equals same, same is returned instead of a copy.
func (s *eventScanner) text(same string) string {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		s.odd = true
		return ""
	}
	n := bytes.IndexByte(s.rest[1:], '"')
	if n < 0 || !verbatim(s.rest[1:1+n]) {
		return s.quoted()
	}
	text, begins := s.rest[1:1+n], len(s.as)-len(s.rest)+1
	s.rest = s.rest[2+n:]
	switch {
	case string(text) == same:
		return same
	case s.as != "":
		return s.as[begins : begins+n]
	}
	return string(text)
}

// verbatim tells whether text is ASCII without escapes and control characters. It looks at
// eight bytes at a time: a byte that is not ASCII has its highest bit set, and a control
// character gets it when a blank is subtracted.
func verbatim(text []byte) bool {
	const blanks, high = 0x2020202020202020, 0x8080808080808080
	var words uint64
	if bytes.IndexByte(text, '\\') >= 0 {
		return false
	}
	for ; len(text) >= 8; text = text[8:] {
		w := binary.LittleEndian.Uint64(text)
		words |= w | (w - blanks)
	}
	for _, c := range text {
		words |= uint64(c | (c - ' '))
	}
	return words&high == 0
}

// quoted reads a string that has escapes or is not ASCII.
func (s *eventScanner) quoted() string {
	end := 1
	for end < len(s.rest) && s.rest[end] != '"' {
		if s.rest[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end+1, len(s.rest))
	text, err := jsontext.AppendUnquote(nil, s.rest[:end])
	s.rest, s.odd = s.rest[end:], s.odd || err != nil
	return string(text)
}

func appendText(to []byte, text string) []byte {
	to, err := jsontext.AppendQuote(to, text)
	if err != nil {
		panic(err) // transport lets only valid UTF-8 through
	}
	return to
}

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
