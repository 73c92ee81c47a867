package faultytest

import "encoding/json"

// lie is a history that is not the channel's. It begins where the total is told,
// so that it is coherent: who reads up to that total finds nothing odd but the
// fault. What is told afterwards follows it, on all connections: totals, pages
// and the places of later posts.
//
// A channel that is deleted and made again under its name inherits the lie, and
// a page of as many messages as an answer may have is refused.
type lie struct {
	fault Fault
	at    int64 // the place of the fault
	from  int64 // the real index of the first message that was posted after it began
}

// least is how many messages a channel has where a history can be wrong: the
// fault is neither at its begin nor at its end.
const least = 3

// begin makes the lie about a channel with a total, if it is time for it.
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

// more is how many messages the lie has beyond those that there are.
func (l *lie) more() int64 {
	switch l.fault {
	case DropFromHistory:
		return -1
	case DoubleInHistory:
		return 1
	}
	return 0
}

// real is which message stands in a place.
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

// told is the place of a message in posts and pushes. What was posted before the
// lie began may have been told already, and stays where it was.
func (l *lie) told(index int64) int64 {
	if index < l.from {
		return index
	}
	return index + l.more()
}

// span is which messages stand in the places from begin up to end: those from
// first up to beyond, and perhaps one among them that stands in none.
func (l *lie) span(begin, end int64) (first, beyond int64) {
	if begin == end {
		if end > 0 {
			_, end = l.span(0, end)
		}
		return end, end // where it may be asked for nothing
	}
	// Those at the ends may be exchanged with their neighbours.
	first = min(l.real(begin), l.real(min(begin+1, end-1)))
	return first, max(l.real(end-1), l.real(max(end-2, begin))) + 1
}

// asked is the request, changed so that its answer has all that the lie needs.
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

// history makes an answer tell the lie, if there is one.
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

// latest is the answer to getlatestmessages.
func (l *lie) latest(frame []byte, s said, r request) []byte {
	total := *s.Amount + l.more()
	end := total
	if r.Before != nil {
		end = *r.Before
	}
	var first said
	if len(s.Messages) > 0 {
		_ = json.Unmarshal(s.Messages[0], &first) // one without an index is none
	}
	if first.Index == nil {
		return changed(frame, "amount", total)
	}
	page := l.page(s.Messages, *first.Index, max(0, end-*r.Count), end, true)
	return changed(changed(frame, "messages", page), "amount", total)
}

// page puts messages, of which the first has that index, into the places from
// begin up to end.
func (l *lie) page(messages []json.RawMessage, first, begin, end int64, numbered bool) []json.RawMessage {
	page := []json.RawMessage{} // in JSON, none is a list too
	for place := begin; place < end; place++ {
		at := l.real(place) - first
		if at < 0 || at >= int64(len(messages)) {
			continue // the real provider did not answer it
		}
		message := messages[at]
		if numbered {
			message = changed(message, "index", place)
		}
		page = append(page, message)
	}
	return page
}
