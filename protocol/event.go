package protocol

// An event is what a client receives without asking. It has "call", never "resp",
// and comes between answers.

// NewMessage is a message in a channel that the client is subscribed to.
type NewMessage struct {
	Message
	Server, Channel string
}

// Unsubscribed is the end of a subscription. Channel "" is a whole server.
type Unsubscribed struct {
	Server, Channel string
	Code, Reason    string
}

// The names of the events.
const (
	CallNewMessage   = "newmessage"
	CallUnsubscribed = "unsubscribed"
	CallDisconnected = "disconnected"
)

// AppendNewMessage appends the event with its newline.
func AppendNewMessage(dst []byte, e *NewMessage) []byte {
	dst = append(dst, `{"call":"newmessage"`...)
	dst = AppendText(dst, "message", e.Text)
	dst = appendTimestamp(dst, e.Timestamp)
	dst = AppendText(dst, "author", e.Author)
	dst = AppendText(dst, "servername", e.Server)
	dst = AppendText(dst, "channel", e.Channel)
	dst = AppendInt(dst, "index", e.Index)
	return append(dst, '}', '\n')
}

// AppendUnsubscribed appends the event with its newline.
func AppendUnsubscribed(dst []byte, e *Unsubscribed) []byte {
	dst = append(dst, `{"call":"unsubscribed"`...)
	dst = AppendText(dst, "servername", e.Server)
	if e.Channel != "" {
		dst = AppendText(dst, "channel", e.Channel)
	}
	dst = AppendText(dst, "reason", e.Reason)
	dst = AppendText(dst, "code", e.Code)
	return append(dst, '}', '\n')
}

// AppendDisconnected appends the last event of a connection, when the provider ends it
// for a reason that is not the answer to a request.
func AppendDisconnected(dst []byte, code, reason string) []byte {
	dst = append(dst, `{"call":"disconnected"`...)
	dst = AppendText(dst, "reason", reason)
	dst = AppendText(dst, "code", code)
	return append(dst, '}', '\n')
}
