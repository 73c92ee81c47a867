package transport

import (
	"elemental/actors"
	"elemental/protocol"
)

// This file turns replies and events of the actors into the JSON of the wire.

// appendReply appends the answer to a request, as UTF-8.
func appendReply(dst []byte, req *actors.Request, reply any) []byte {
	if refused, ok := reply.(actors.Refused); ok {
		return appendRefusal(dst, refused, req.ID)
	}
	start := len(dst)
	dst, ok := appendValues(protocol.BeginAnswer(dst), reply)
	if !ok { // a bug: this table does not know the reply
		return appendRefusal(dst[:start], actors.Refused{Code: actors.OutcomeUnknown}, req.ID)
	}
	return protocol.EndAnswer(dst, req.ID)
}

func appendRefusal(dst []byte, refused actors.Refused, id []byte) []byte {
	code := string(refused.Code)
	return protocol.AppendRefusal(dst, code, protocol.Reason(code, refused.Seconds), id)
}

// appendValues is the table of replies: which values each adds to a success.
func appendValues(dst []byte, reply any) ([]byte, bool) {
	switch r := reply.(type) {
	case actors.Done:
	case actors.LoggedIn:
		dst = protocol.AppendText(dst, "key", r.Key)
	case *actors.Posted:
		dst = protocol.AppendPosted(dst, r.Index, r.Timestamp)
	case actors.Messages:
		dst = appendMessages(dst, &r)
	case actors.Amount:
		dst = protocol.AppendInt(dst, "amount", r.Amount)
	case actors.Servers:
		dst = protocol.AppendTexts(dst, "servers", r.Names)
	case actors.Channels:
		dst = protocol.AppendTexts(dst, "channels", r.Names)
	case actors.Members:
		dst = appendMembers(dst, &r)
	case actors.Subscribed:
		if r.HasChannel {
			dst = protocol.AppendInt(dst, "amount", r.Amount)
		}
	case actors.ProviderInfo:
		dst = appendProvider(dst, &r)
	case actors.Image:
		dst = protocol.AppendText(dst, "img", r.Image)
	default:
		return dst, false
	}
	return dst, true
}

func appendMessages(dst []byte, r *actors.Messages) []byte {
	dst = protocol.BeginList(dst, "messages")
	for i := range r.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		m := wireMessage(&r.List[i], r.First+int64(i))
		dst = protocol.AppendMessage(dst, &m, r.WithIndex)
	}
	dst = protocol.EndList(dst)
	if r.WithIndex {
		dst = protocol.AppendInt(dst, "amount", r.Amount)
	}
	return dst
}

func appendMembers(dst []byte, r *actors.Members) []byte {
	dst = protocol.BeginList(dst, "members")
	for i, m := range r.Members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = protocol.AppendMember(dst, protocol.Member{User: m.User, Online: m.Online})
	}
	return protocol.AppendText(protocol.EndList(dst), "owner", r.Owner)
}

func appendProvider(dst []byte, r *actors.ProviderInfo) []byte {
	dst = protocol.AppendText(dst, "name", r.Name)
	dst = protocol.AppendText(dst, "welcome", r.Welcome)
	if r.Icon != "" {
		dst = protocol.AppendText(dst, "icon", r.Icon)
	}
	return dst
}

func wireMessage(m *actors.Message, index int64) protocol.Message {
	return protocol.Message{Text: m.Text, Author: m.Author, Timestamp: m.Timestamp, Index: index}
}

// Encoder makes the bytes of events in one text encoding, for all connections. It implements
// actors.Encoder.
type Encoder struct{ codec *protocol.Codec }

// NewEncoder returns the encoder for a text encoding, which has to be that of Config.
func NewEncoder(encoding string) (*Encoder, error) {
	codec, err := protocol.FindCodec(encoding)
	if err != nil {
		return nil, err
	}
	return &Encoder{codec}, nil
}

// EncodeNewMessage makes the event of a new message.
func (e *Encoder) EncodeNewMessage(m *actors.NewMessage) *actors.Event {
	event := protocol.NewMessage{Message: wireMessage(&m.Message, m.Index), Server: m.Server, Channel: m.Channel}
	size := 160 + len(m.Message.Text) + len(m.Message.Author) + len(m.Server) + len(m.Channel)
	return &actors.Event{Bytes: e.codec.Finish(protocol.AppendNewMessage(make([]byte, 0, size), &event), 0)}
}

// EncodeUnsubscribed makes the event of the end of a subscription.
func (e *Encoder) EncodeUnsubscribed(u *actors.Unsubscribed) *actors.Event {
	code := string(u.Reason)
	event := protocol.Unsubscribed{
		Server: u.Server, Channel: u.Channel, Code: code, Reason: protocol.Reason(code, 0),
	}
	return &actors.Event{Bytes: e.codec.Finish(protocol.AppendUnsubscribed(nil, &event), 0)}
}
