package protocol

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Scanner decodes the requests that nearly all are: whole, flat, and of names
// and types that are known. It is several times as quick as a Decoder, and
// whatever it does not take for granted it leaves to it. It is used by one
// goroutine, for any number of connections.
type Scanner struct {
	request Request
	scratch []byte
	in      []byte // what is being scanned
	at      int
}

// Scan decodes the request at the start of b, which is ASCII or UTF-8, for the
// connection whose Decoder is d. The request is valid until the next Scan; its
// strings are for keeps. n is where it ends in b, and 0 when d has to tell what
// this is: it then has to read all of b.
func (s *Scanner) Scan(d *Decoder, b []byte) (r *Request, n int) {
	s.request, s.in, s.at = Request{}, b, 0
	s.space()
	start := s.at
	if !s.take('{') || !s.members(d) {
		return nil, 0
	}
	s.request.Bytes = s.at - start
	return &s.request, s.at
}

// Blank returns b without the white space that it begins with.
func Blank(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\n' || b[0] == '\r' || b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// members scans up to the end of the object. It reports false for what it does
// not know, an empty object included.
func (s *Scanner) members(d *Decoder) bool {
	for {
		s.space()
		name, ok := s.plain()
		if !ok {
			return false
		}
		s.space()
		if !s.take(':') {
			return false
		}
		s.space()
		if !s.value(d, name) {
			return false
		}
		s.space()
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *Scanner) value(d *Decoder, name []byte) bool {
	r := &s.request
	if t := r.text(name); t != nil {
		text, ok := s.text()
		if !ok || t.Is != Absent {
			return false
		}
		t.Is, t.Value = Given, d.keep(r, t, text)
		return true
	}
	if n := r.number(name); n != nil {
		raw := s.digits()
		if len(raw) == 0 || n.Is != Absent {
			return false
		}
		n.Value, _ = parseInt(raw)
		n.Is = Given
		return true
	}
	return string(name) == "id" && r.ID == nil && s.id()
}

func (s *Scanner) id() bool {
	start := s.at
	if s.digits() == nil {
		if _, ok := s.plain(); !ok {
			return false
		}
	}
	raw := s.in[start:s.at]
	if len(raw) > maxID {
		return false
	}
	s.request.ID = bytes.Clone(raw)
	return true
}

func (s *Scanner) space() {
	for s.at < len(s.in) {
		switch s.in[s.at] {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return
		}
	}
}

func (s *Scanner) take(c byte) bool {
	if s.at < len(s.in) && s.in[s.at] == c {
		s.at++
		return true
	}
	return false
}

// plain scans a string of ASCII without escapes, and returns what is between its quotes.
func (s *Scanner) plain() ([]byte, bool) {
	raw, simple, ok := s.quoted()
	if !ok || !simple {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// text scans any string, and returns its characters, good until the next.
func (s *Scanner) text() ([]byte, bool) {
	raw, simple, ok := s.quoted()
	if !ok || simple {
		if ok {
			raw = raw[1 : len(raw)-1]
		}
		return raw, ok
	}
	out, err := jsontext.AppendUnquote(s.scratch[:0], raw)
	const swollen = 32 << 10
	if cap(out) <= swollen {
		s.scratch = out
	}
	return out, err == nil
}

// quoted finds the end of a string. A simple one is of printable ASCII, and
// stands for itself; of another the inside is not checked yet.
func (s *Scanner) quoted() (raw []byte, simple, ok bool) {
	start := s.at
	if !s.take('"') {
		return nil, false, false
	}
	simple = true
	for ; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; {
		case c == '"':
			s.at++
			return s.in[start:s.at], simple, true
		case c == '\\':
			simple = false
			s.at++ // what is escaped ends nothing
		case c < ' ':
			return nil, false, false
		case c >= 0x7f:
			simple = false
		}
	}
	return nil, false, false
}

// digits scans a short integer. It is nil where there is another kind of value,
// and where one cannot see its end.
func (s *Scanner) digits() []byte {
	const most = 18 // fit into an int64
	start := s.at
	s.take('-')
	first := s.at
	for s.at < len(s.in) && '0' <= s.in[s.at] && s.in[s.at] <= '9' {
		s.at++
	}
	count := s.at - first
	fine := count > 0 && count <= most && (count == 1 || s.in[first] != '0')
	if !fine || s.at == len(s.in) || s.in[s.at] == '.' || s.in[s.at] == 'e' || s.in[s.at] == 'E' {
		s.at = start
		return nil
	}
	return s.in[start:s.at]
}
