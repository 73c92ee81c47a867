package protocol

import (
	"strconv"
)

// Presence says whether a request has a value, and whether that value has the right JSON
// type.
type Presence uint8

// The states of a value.
const (
	Absent   Presence = iota
	Given             // present and of the right type
	Mistyped          // present with another JSON type; the Go value is zero then
)

// Text is a string value of a request.
type Text struct {
	Value string
	Is    Presence
}

// Number is an integer value of a request. An integer beyond int64 becomes the nearest
// int64. A number with a fraction or an exponent is Mistyped.
type Number struct {
	Value int64
	Is    Presence
}

// String returns a Text that is Given.
func String(s string) Text { return Text{Value: s, Is: Given} }

// Int returns a Number that is Given.
func Int(n int64) Number { return Number{Value: n, Is: Given} }

// Request is one call of a client, with all values that any call can have.
type Request struct {
	ID []byte // the client's own id as raw JSON (a string or a number), or nil

	Call         Text
	Usernm       Text
	Passwd       Text
	Key          Text
	ServerName   Text
	ServerPasswd Text
	Name         Text
	Channel      Text
	Msg          Text
	Nonce        Text
	Img          Text
	NewPasswd    Text

	Begin  Number
	End    Number
	Count  Number
	Before Number

	Bytes   int  // size of the object as UTF-8, braces included; set by the decoder
	Spoiled bool // it has an unusable id, or a name that differs from a known one only in case
}

// The most bytes of a raw id.
const maxID = 256

// valueNames are the names of all values of a request, in wire order.
var valueNames = [...]string{
	"call", "id", "usernm", "passwd", "key", "servername", "serverpasswd", "name", "channel",
	"msg", "nonce", "img", "newpasswd", "begin", "end", "count", "before",
}

// calls are the names of all calls, so that decoding one allocates no string.
var calls = func() map[string]string {
	known := map[string]string{}
	for _, name := range []string{
		"register", "login", "logout", "changepasswd",
		"createserver", "joinserver", "leaveserver", "deleteserver", "getserverchannels", "getservermembers",
		"setserverimage", "getserverimage", "createchannel", "deletechannel",
		"message", "getmessages", "getlatestmessages", "gettotalmessages",
		"subscribe", "unsubscribe", "getjoinedservers", "getprovidername", "ping",
	} {
		known[name] = name
	}
	return known
}()

// text returns the string value of that name, or nil.
func (r *Request) text(name []byte) *Text {
	switch string(name) {
	case "call":
		return &r.Call
	case "usernm":
		return &r.Usernm
	case "passwd":
		return &r.Passwd
	case "key":
		return &r.Key
	case "servername":
		return &r.ServerName
	case "serverpasswd":
		return &r.ServerPasswd
	case "name":
		return &r.Name
	case "channel":
		return &r.Channel
	case "msg":
		return &r.Msg
	case "nonce":
		return &r.Nonce
	case "img":
		return &r.Img
	case "newpasswd":
		return &r.NewPasswd
	}
	return nil
}

// number returns the integer value of that name, or nil.
func (r *Request) number(name []byte) *Number {
	switch string(name) {
	case "begin":
		return &r.Begin
	case "end":
		return &r.End
	case "count":
		return &r.Count
	case "before":
		return &r.Before
	}
	return nil
}

// AppendRequest appends the request as one compact JSON object, with the values that are
// Given. ID has to be valid JSON.
func AppendRequest(dst []byte, r *Request) []byte {
	start := len(dst)
	for _, name := range valueNames {
		key := []byte(name)
		if name == "id" && r.ID != nil {
			dst = append(append(dst, `,"id":`...), r.ID...)
		} else if t := r.text(key); t != nil && t.Is == Given {
			dst = AppendText(dst, name, t.Value)
		} else if n := r.number(key); n != nil && n.Is == Given {
			dst = AppendInt(dst, name, n.Value)
		}
	}
	if len(dst) == start {
		return append(dst, "{}"...)
	}
	dst[start] = '{'
	return append(dst, '}')
}

// AppendMasked is AppendRequest for a log: secrets are replaced by stars, and long values
// are cut.
func AppendMasked(dst []byte, r *Request) []byte {
	masked := *r
	for name := range secretNames {
		if secret := masked.text([]byte(name)); secret.Is == Given {
			secret.Value = Mask
		}
	}
	for _, long := range []*Text{&masked.Call, &masked.Msg, &masked.Img} {
		long.Value = shorten(long.Value)
	}
	return AppendRequest(dst, &masked)
}

// Mask stands for a secret in a log.
const Mask = "***"

// shorten cuts a long value for a log line, without splitting a character.
func shorten(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i > most-4 {
			return s[:i] + "…"
		}
	}
	return s
}

// parseInt reads a JSON number that is an integer. Beyond int64 it returns the nearest int64.
func parseInt(raw []byte) (int64, bool) {
	for _, c := range raw {
		if c == '.' || c == 'e' || c == 'E' {
			return 0, false
		}
	}
	// ParseInt saturates by itself; the grammar of raw was checked before, so
	// its only error here is the range.
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil || n != 0
}
