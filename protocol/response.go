package protocol

import "strconv"

// An answer is built in a buffer: BeginAnswer, the values of the call, EndAnswer.
// AppendRefusal builds a refusal in one step.

// Message is one message of a channel, on either side of the wire.
type Message struct {
	Text      string
	Author    string
	Timestamp int64 // microseconds since 1970
	Index     int64
}

// Member is one member of a server.
type Member struct {
	User   string
	Online bool
}

// BeginAnswer appends the start of a success.
func BeginAnswer(dst []byte) []byte { return append(dst, `{"resp":true`...) }

// EndAnswer appends the client's id, if there is one, and ends the answer.
func EndAnswer(dst, id []byte) []byte {
	if len(id) > 0 {
		dst = append(append(dst, `,"id":`...), id...)
	}
	return append(dst, '}', '\n')
}

// AppendRefusal appends a whole refusal. It has both code and reason: people and old clients
// read the reason.
func AppendRefusal(dst []byte, code, reason string, id []byte) []byte {
	dst = append(dst, `{"resp":false`...)
	dst = AppendText(dst, "reason", reason)
	dst = AppendText(dst, "code", code)
	return EndAnswer(dst, id)
}

// AppendMessage appends a message as an element of a list, with its index if withIndex is
// set.
func AppendMessage(dst []byte, m *Message, withIndex bool) []byte {
	dst = append(dst, `{"message":`...)
	dst = appendString(dst, m.Text)
	dst = appendTimestamp(dst, m.Timestamp)
	dst = AppendText(dst, "author", m.Author)
	if withIndex {
		dst = AppendInt(dst, "index", m.Index)
	}
	return append(dst, '}')
}

// AppendPosted appends the index and timestamp of a new message.
func AppendPosted(dst []byte, index, timestamp int64) []byte {
	return appendTimestamp(AppendInt(dst, "index", index), timestamp)
}

// AppendMember appends a member as an element of a list.
func AppendMember(dst []byte, m Member) []byte {
	dst = append(dst, `{"usernm":`...)
	dst = appendString(dst, m.User)
	dst = append(dst, `,"online":`...)
	return append(strconv.AppendBool(dst, m.Online), '}')
}
