package protocol

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Scanner decodes requests of the usual form, which nearly all are: complete, flat, and
// with known names and types. It is several times as fast as a Decoder, and leaves
// everything else to one. Only one goroutine may use it, but for any number of
// connections.
type Scanner struct {
	request Request
	scratch []byte
	in      []byte // what is being scanned
	at      int
}

// Scan decodes the request at the start of b, which is ASCII or UTF-8, for the connection
// whose Decoder is d. The request is valid until the next Scan; its strings stay valid. n
// is where the request ends in b. If n is 0, d has to decode b, all of it.
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

// members scans up to the end of the object. It reports false for anything that it leaves
// to the Decoder, including an empty object.
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

// plain scans a string of ASCII without escapes, and returns the text between the quotes.
func (s *Scanner) plain() ([]byte, bool) {
	raw, simple, ok := s.quoted()
	if !ok || !simple {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// text scans any string and returns its characters. They are valid until the next call.
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

// quoted finds the end of a string. A simple one is printable ASCII without escapes; the
// inside of any other is not checked yet.
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
			s.at++ // an escaped quote does not end the string
		case c < ' ':
			return nil, false, false
		case c >= 0x7f:
			simple = false
		}
	}
	return nil, false, false
}

// digits scans a short integer. It returns nil if there is another kind of value, or if the
// end of the number is not in the buffer.
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
