package faultytest

import (
	"bytes"
	"encoding/json"
	"slices"
)

// said is what must be known of an answer or an event.
type said struct {
	Call     string            `json:"call"` // only an event has it
	OK       bool              `json:"resp"`
	Server   string            `json:"servername"`
	Channel  string            `json:"channel"`
	Text     json.RawMessage   `json:"message"`
	Index    *int64            `json:"index"`
	Amount   *int64            `json:"amount"`
	Messages []json.RawMessage `json:"messages"`
}

// held is a push that is sent after the next one of its channel.
type held struct {
	place place
	frame []byte
}

// tamper returns what the client gets in place of a frame from the provider. If goesOn is
// false, the connection ends after it.
func (l *link) tamper(frame []byte) (heard []byte, goesOn bool) {
	var s said
	if json.Unmarshal(frame, &s) != nil {
		return frame, true
	}
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	switch {
	case s.Call == "newmessage":
		return l.push(frame, s), true
	case s.Call != "":
		return frame, true
	}
	switch r := l.answered(); {
	case r.Call == "message" && s.OK:
		return l.post(frame, s, r)
	case s.OK:
		return l.p.history(frame, s, r), true
	}
	return frame, true
}

// push changes a push. The proxy's lock is held, as in all functions below but release.
func (l *link) push(frame []byte, s said) []byte {
	p, at := l.p, place{s.Server, s.Channel}
	if lie := p.lies[at]; lie != nil && s.Index != nil {
		frame = changed(frame, "index", lie.told(*s.Index))
	}
	before := l.last[at]
	l.last[at] = s.Text
	switch {
	case p.strikes(DropPush):
		return nil
	case p.strikes(DoublePush):
		return slices.Concat(frame, frame)
	case before != nil && !bytes.Equal(before, s.Text) && p.strikes(ChangePush):
		return changed(frame, "message", json.RawMessage(before))
	case l.held != nil && l.held.place == at:
		frame = slices.Concat(frame, l.held.frame)
		l.held, p.struck = nil, true
	case p.strikes(SwapPushes):
		l.held, p.struck = &held{at, frame}, false // the fault has happened only when the next push has come
		return nil
	}
	return frame
}

// release returns the push that was kept for the next one, if the connection ends before
// that comes. The fault is then tried again with the next push.
func (l *link) release() []byte {
	if l.held == nil {
		return nil
	}
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.occasions--
	return l.held.frame
}

// post changes the answer to a post that was done.
func (l *link) post(frame []byte, s said, r request) (heard []byte, goesOn bool) {
	p, at := l.p, r.place()
	if s.Index == nil {
		return frame, true
	}
	if lie := p.lies[at]; lie != nil {
		frame = changed(frame, "index", lie.told(*s.Index))
	}
	before, hasBefore := p.posted[at]
	p.posted[at] = *s.Index
	switch {
	case hasBefore && p.strikes(SameIndexTwice):
		return changed(frame, "index", before), true
	case p.strikes(PushOwn):
		return slices.Concat(pushed(r, *s.Index), frame), true
	case p.strikes(RefuseDone):
		return refused(frame), true
	case p.strikes(Cut):
		return frame[:len(frame)/2], false
	}
	return frame, true
}

// pushed makes a push of a post. The author is left empty, since the proxy does not know
// it.
func pushed(r request, index int64) []byte {
	return append(encoded(map[string]any{
		"call": "newmessage", "message": r.Text, "author": "", "timestamp": 0,
		"servername": r.Server, "channel": r.Channel, "index": index,
	}), '\n')
}

// refused turns an answer into a refusal. The request's id in it stays.
func refused(frame []byte) []byte {
	all := members(frame)
	delete(all, "index")
	delete(all, "timestamp")
	all["resp"], all["reason"], all["code"] = encoded(false), encoded("busy, try again"), encoded("busy")
	return append(encoded(all), '\n')
}

// changed is a frame with another value of one member.
func changed(frame []byte, name string, value any) []byte {
	all := members(frame)
	all[name] = encoded(value)
	return append(encoded(all), '\n')
}

func members(frame []byte) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	_ = json.Unmarshal(frame, &all) // it was parsed before, so there is no error
	return all
}

func encoded(value any) []byte {
	raw, _ := json.Marshal(value) // all values used here can be encoded
	return raw
}
