package faultytest

import "encoding/json"

// lie is a false history of a channel. It begins when the total number of messages is
// told, so that it is coherent: a client that reads up to that total finds nothing odd
// but the fault. All connections are told the same from then on: totals, pages and the
// indexes of later posts.
//
// Two limits: a channel that is deleted and made again under its name keeps the lie, and
// a page of as many messages as an answer may have is refused.
type lie struct {
	fault Fault
	at    int64 // index of the fault
	from  int64 // the real index of the first message that was posted after the lie began
}

// least is how many messages a channel must have for a fault in its history: the fault is
// neither at the begin nor at the end.
const least = 3

// begin begins a lie about a channel that has total messages, if it is the chosen
// occasion.
func (p *Proxy) begin(at place, total int64) {
	if total < least {
		return
	}
	for _, fault := range []Fault{DropFromHistory, DoubleInHistory, SwapInHistory} {
		if p.strikes(fault) {
			p.lies[at] = &lie{fault: fault, at: (total - 1) / 2, from: total}
		}
	}
}

// more is how many messages the lie adds to those that there really are.
func (l *lie) more() int64 {
	switch l.fault {
	case DropFromHistory:
		return -1
	case DoubleInHistory:
		return 1
	}
	return 0
}

// real is the real index of the message that the lie has at place.
func (l *lie) real(place int64) int64 {
	switch {
	case l.fault == DropFromHistory && place >= l.at:
		return place + 1
	case l.fault == DoubleInHistory && place > l.at:
		return place - 1
	case l.fault == SwapInHistory && place == l.at:
		return place + 1
	case l.fault == SwapInHistory && place == l.at+1:
		return place - 1
	}
	return place
}

// told is the index that the lie gives to a message in answers to posts and in pushes.
// Messages posted before the lie began may have been told already, so they keep their
// index.
func (l *lie) told(index int64) int64 {
	if index < l.from {
		return index
	}
	return index + l.more()
}

// span is the real range of messages, from first up to beyond, that contains all messages
// which the lie has from begin up to end. It may contain one more.
func (l *lie) span(begin, end int64) (first, beyond int64) {
	if begin == end {
		if end > 0 {
			_, end = l.span(0, end)
		}
		return end, end // an empty range at an index that may be asked for
	}
	// The messages at both ends may be exchanged with their neighbours.
	first = min(l.real(begin), l.real(min(begin+1, end-1)))
	return first, max(l.real(end-1), l.real(max(end-2, begin))) + 1
}

// asked is the request, changed so that its answer contains all messages that the lie
// needs.
func (r request) asked(raw []byte) []byte {
	all := members(raw)
	switch {
	case r.lie == nil:
		return raw
	case r.Call == "getmessages" && r.Begin != nil && r.End != nil && 0 <= *r.Begin && *r.Begin <= *r.End:
		first, beyond := r.lie.span(*r.Begin, *r.End)
		all["begin"], all["end"] = encoded(first), encoded(beyond)
	case r.Call == "getlatestmessages" && r.Count != nil:
		all["count"] = encoded(*r.Count + 1)
		if r.Before != nil && *r.Before >= 0 {
			_, beyond := r.lie.span(0, *r.Before)
			all["before"] = encoded(beyond)
		}
	default:
		return raw
	}
	return encoded(all)
}

// history changes an answer as the channel's lie wants it, if there is a lie.
func (p *Proxy) history(frame []byte, s said, r request) []byte {
	at := r.place()
	switch {
	case r.Call == "gettotalmessages" && s.Amount != nil:
		if p.lies[at] == nil {
			p.begin(at, *s.Amount)
		}
		fallthrough
	case r.Call == "subscribe" && s.Amount != nil:
		if lie := p.lies[at]; lie != nil {
			return changed(frame, "amount", *s.Amount+lie.more())
		}
	case r.lie != nil && r.Call == "getmessages":
		first, _ := r.lie.span(*r.Begin, *r.End)
		return changed(frame, "messages", r.lie.page(s.Messages, first, *r.Begin, *r.End, false))
	case r.lie != nil && r.Call == "getlatestmessages" && s.Amount != nil:
		return r.lie.latest(frame, s, r)
	}
	return frame
}

// latest changes an answer to getlatestmessages.
func (l *lie) latest(frame []byte, s said, r request) []byte {
	total := *s.Amount + l.more()
	end := total
	if r.Before != nil {
		end = *r.Before
	}
	var first said
	if len(s.Messages) > 0 {
		_ = json.Unmarshal(s.Messages[0], &first) // a message without an index leaves first.Index nil
	}
	if first.Index == nil {
		return changed(frame, "amount", total)
	}
	page := l.page(s.Messages, *first.Index, max(0, end-*r.Count), end, true)
	return changed(changed(frame, "messages", page), "amount", total)
}

// page puts messages at the places from begin up to end. First is the real index of the
// first of messages. Numbered messages also get their index changed.
func (l *lie) page(messages []json.RawMessage, first, begin, end int64, numbered bool) []json.RawMessage {
	page := []json.RawMessage{} // not nil, since JSON needs a list here, maybe an empty one
	for place := begin; place < end; place++ {
		at := l.real(place) - first
		if at < 0 || at >= int64(len(messages)) {
			continue // the real provider did not send it
		}
		message := messages[at]
		if numbered {
			message = changed(message, "index", place)
		}
		page = append(page, message)
	}
	return page
}
