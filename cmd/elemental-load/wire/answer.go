package wire

import (
	"time"

	"elemental/protocol"
)

// Answer is the answer to a request, or the end of the connection if that came before the
// answer.
type Answer struct {
	OK           bool
	Code, Reason string // of a refusal
	Key          string
	Name         string // of the provider
	Index        int64  // of a post; -1 if the provider did not tell it
	Amount       int64  // -1 if the provider did not tell it
	Messages     []Message

	Err  error     // not nil if the connection ended or could not take the request
	Sent time.Time // just before the request was written
	At   time.Time // when the answer was read
	echo bool      // the provider sent the request back: the original one does so with calls that it does not know
}

// Message is one message of an answer. Index is -1 if the provider did not tell it.
type Message struct {
	Text  string
	Index int64
}

// Kind says what an Event is about.
type Kind int

// The kinds of events.
const (
	Posted       Kind = iota // a message was posted
	Unsubscribed             // the subscription has ended; Code says why
)

// Event is something that a provider sends without being asked. Its slices are valid
// until the call that takes it returns.
type Event struct {
	Kind                  Kind
	Server, Channel, Text []byte
	Index                 int64
	Code                  string
	At                    time.Time // when it was read
}

// parsed is a frame taken apart. It is an event if call is not empty.
type parsed struct {
	call   string
	answer Answer
	event  Event
}

// known has the words that come often, so that no new string is made for them.
var known = map[string]string{
	"newmessage": protocol.CallNewMessage, "unsubscribed": protocol.CallUnsubscribed,
	"disconnected": protocol.CallDisconnected, "busy": "busy", "busy, try again": "busy, try again",
}

func word(raw []byte) string {
	b := text(raw)
	if w, ok := known[string(b)]; ok {
		return w
	}
	return string(b)
}

// parse takes a frame apart.
func parse(frame []byte) parsed {
	p := parsed{answer: Answer{Index: -1, Amount: -1}}
	for m := membersOf(frame); m.next(); {
		switch string(m.key) {
		case "call":
			p.call = word(m.value)
		case "resp":
			p.answer.OK = string(m.value) == "true"
		case "reason":
			p.answer.Reason = word(m.value)
		case "code":
			p.answer.Code = word(m.value)
		case "name":
			p.answer.Name = string(text(m.value))
		case "key":
			p.answer.Key = string(text(m.value))
		case "index":
			p.answer.Index = number(m.value)
		case "amount":
			p.answer.Amount = number(m.value)
		case "messages":
			elements(m.value, func(raw []byte) { p.answer.Messages = append(p.answer.Messages, message(raw)) })
		case "message":
			p.event.Text = text(m.value)
		case "servername":
			p.event.Server = text(m.value)
		case "channel":
			p.event.Channel = text(m.value)
		}
	}
	p.event.Index, p.event.Code = p.answer.Index, p.answer.Code
	if p.answer.Code == "" && p.answer.Reason != "" { // the original provider sends reasons, but no codes
		p.answer.Code = protocol.CodeOf(p.answer.Reason)
	}
	return p
}

func message(raw []byte) Message {
	one := Message{Index: -1}
	for m := membersOf(raw); m.next(); {
		switch string(m.key) {
		case "message":
			one.Text = string(text(m.value))
		case "index":
			one.Index = number(m.value)
		}
	}
	return one
}
