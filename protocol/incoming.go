package protocol

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Micros is a timestamp: microseconds since 1970 in Go, seconds with decimals on the
// wire.
type Micros int64

// UnmarshalJSON reads seconds.
func (m *Micros) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	*m = Micros(math.Round(seconds * 1e6))
	return nil
}

// Incoming is what a client receives: an event if Call is not empty, otherwise an answer.
// Values that the provider did not send are zero.
type Incoming struct {
	Call   string         `json:"call"` // the event's name
	OK     bool           `json:"resp"`
	Reason string         `json:"reason"`
	Code   string         `json:"code"`
	ID     jsontext.Value `json:"id"` // as the request had it

	Key      string                        `json:"key"`
	Index    int64                         `json:"index"`
	Time     Micros                        `json:"timestamp"`
	Amount   int64                         `json:"amount"`
	Messages IncomingList[IncomingMessage] `json:"messages"`
	Servers  IncomingList[string]          `json:"servers"`
	Channels IncomingList[string]          `json:"channels"`
	Owner    string                        `json:"owner"`
	Members  IncomingList[IncomingMember]  `json:"members"`
	Name     string                        `json:"name"`
	Welcome  string                        `json:"welcome"`
	Icon     string                        `json:"icon"`
	Image    jsontext.Value                `json:"img"` // the original sends whatever was set, not only texts

	Message string `json:"message"` // with the event newmessage
	Author  string `json:"author"`
	Server  string `json:"servername"`
	Channel string `json:"channel"`
}

// IncomingMessage is an element of Incoming.Messages. Only getlatestmessages sends Index.
type IncomingMessage struct {
	Text   Loose  `json:"message"`
	Time   Micros `json:"timestamp"`
	Author Loose  `json:"author"`
	Index  int64  `json:"index"`
}

// Loose is a text. The original let clients post other JSON values in its place; those are
// kept as JSON.
type Loose string

// UnmarshalJSON reads any value.
func (l *Loose) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		*l = Loose(b)
		return nil
	}
	var text string
	err := json.Unmarshal(b, &text, jsontext.AllowInvalidUTF8(true))
	*l = Loose(text)
	return err
}

// IncomingList is a list of limited length, so that a small answer cannot use much memory.
type IncomingList[T any] []T

// The most elements that a list may have. Our provider sends at most 10,000 messages and some
// 254,000 names, unless it is configured otherwise.
const maxList = 1 << 18

// UnmarshalJSONFrom reads a list, element by element. null is an empty one.
func (l *IncomingList[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch token, err := d.ReadToken(); {
	case err != nil || token.Kind() != '[' && token.Kind() != 'n':
		return errors.Join(err, errNoList)
	case token.Kind() == 'n':
		return nil
	}
	for d.PeekKind() != ']' {
		var one T
		if err := json.UnmarshalDecode(d, &one); err != nil {
			return err
		}
		if *l = append(*l, one); len(*l) > maxList {
			return errTooLong
		}
	}
	_, err := d.ReadToken()
	return err
}

var errNoList = errors.New("not a list")

// IncomingMember is an element of Incoming.Members.
type IncomingMember struct {
	User   string `json:"usernm"`
	Online bool   `json:"online"`
}

// The most bytes of one answer or event. Our provider sends some 57 MiB at most, unless it is
// configured otherwise: 8 MiB of text, of which each byte may be escaped, and 10,000 times the
// rest of a message.
const maxIncoming = 64 << 20

// IncomingReader reads what a provider sends. Only one goroutine may use it.
type IncomingReader struct {
	json *jsontext.Decoder
	in   bounded
	raw  []byte
}

// NewIncomingReader reads from wire, in the provider's text encoding. It also accepts what
// the original may send: names that appear twice, half surrogate pairs, and a byte order mark
// before each answer.
func NewIncomingReader(wire io.Reader, codec *Codec) *IncomingReader {
	r := &IncomingReader{in: bounded{from: codec.reader(wire)}}
	if !codec.ascii {
		r.in.from = &unmarked{from: r.in.from}
	}
	r.json = jsontext.NewDecoder(&r.in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return r
}

// Next waits for the next answer or event. It returns io.EOF at the end of the stream.
// After an error the reader cannot be used any more.
func (r *IncomingReader) Next() (*Incoming, error) {
	r.in.left = maxIncoming
	raw, err := r.json.ReadValue()
	if err != nil {
		return nil, err
	}
	r.raw = raw
	in := new(Incoming)
	err = json.Unmarshal(raw, in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, fmt.Errorf("incoming: %w", err)
	}
	return in, nil
}

// AppendMasked appends what Next returned last, as JSON for a log: secrets are replaced by
// stars, and long values are cut.
func (r *IncomingReader) AppendMasked(dst []byte) []byte { return appendMasked(dst, r.raw) }

// bounded is a reader that returns an error when too much was read.
type bounded struct {
	from io.Reader
	left int
}

var errTooLong = errors.New("incoming: too long")

// Read reads within the bound.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// unmarked leaves out byte order marks outside of strings. JSON has no other place for them.
type unmarked struct {
	from    io.Reader
	mark    int  // bytes of a mark that were left out
	quoted  bool // inside of a string
	escaped bool // the next byte does not end the string
}

// Read reads until something is left.
func (u *unmarked) Read(p []byte) (int, error) {
	for {
		n, err := u.from.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if !u.quoted && c == byteOrderMark[u.mark] {
				u.mark = (u.mark + 1) % len(byteOrderMark)
				continue
			}
			if u.mark > 0 { // it was none; any reader of JSON takes offence at the first byte
				c = byteOrderMark[0]
			}
			u.quoted = u.quoted != (c == '"' && !u.escaped)
			u.escaped = c == '\\' && !u.escaped
			p[kept] = c
			kept++
		}
		if kept > 0 || n == 0 || err != nil {
			return kept, err
		}
	}
}
