package protocol

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// The errors that end a stream of requests, besides those of the reader itself. io.EOF is
// an end between requests, io.ErrUnexpectedEOF an end inside of one.
var (
	ErrMalformed = errors.New("malformed JSON")
	ErrTooLarge  = errors.New("request is too large")
	ErrTooDeep   = errors.New("request is nested too deeply")
)

// The most members that all objects of one request may have together. It limits the memory
// that is needed to find duplicate names.
const maxMembers = 1024

// DecoderConfig is what a Decoder needs to know.
type DecoderConfig struct {
	Codec *Codec // of the wire
	Depth int    // of nested objects and arrays; the request itself is 1

	// Limit returns how many bytes the request that begins may have. If a request does
	// not fit, it is called again with reached true; it may then wait, and return more.
	Limit func(reached bool) int

	// Begun is called once for each request whose rest has to be waited for. It is not
	// called for requests that arrive in one piece. May be nil.
	Begun func()
}

// ResumeBytes is how many bytes Resume takes at most.
const ResumeBytes = len(largeBuffer{}.b)

// Decoder splits the input of one connection into requests and decodes them. It never
// reads more than its buffer holds, never recurses, and keeps about 600 bytes while it
// waits between requests. Only one goroutine may use it.
type Decoder struct {
	in     source
	frame  *frame // nil between requests
	depth  int
	recent [3]string // the last user, server and channel: they rarely change, and need no new string then
}

// NewDecoder returns a decoder for the requests that come from wire.
func NewDecoder(wire io.Reader, cfg DecoderConfig) *Decoder {
	d := &Decoder{depth: cfg.Depth}
	d.in = source{wire: cfg.Codec.requestReader(wire), ask: cfg.Limit, begun: cfg.Begun}
	return d
}

// frame is what is needed to decode one request. Waiting connections need none, so frames
// are in a pool.
type frame struct {
	in      *source
	json    *jsontext.Decoder
	scratch []byte
	request Request
	members int
	nested  bool // it has read an object inside of a request
}

var frames = sync.Pool{New: newFrame}

// newFrame makes a frame whose JSON buffer already has a useful size: it starts
// at 64 bytes and grows only when a value does not fit.
func newFrame() any {
	big := strings.NewReader(`"` + strings.Repeat(" ", 1500) + `"`)
	f := &frame{json: jsontext.NewDecoder(big)}
	if _, err := f.json.ReadValue(); err != nil {
		panic(err) // the value is a constant
	}
	return f
}

// Read lets the JSON decoder read the current request.
func (f *frame) Read(p []byte) (int, error) { return f.in.Read(p) }

// Next returns the next request. The request is valid until the next call of Next; its
// strings stay valid. After an error the decoder cannot be used any more.
func (d *Decoder) Next() (*Request, error) {
	if d.in.drained() || d.frame.swollen() {
		d.release()
	}
	if err := d.in.skipSpace(); err != nil {
		return nil, err
	}
	if d.frame == nil {
		d.frame = frames.Get().(*frame)
		d.frame.in = &d.in
	}
	f := d.frame
	f.request, f.members = Request{}, 0
	d.in.begin()
	f.json.Reset(f)
	err := f.object(d)
	d.in.end(len(f.json.UnreadBuffer()))
	if err != nil {
		d.frame = nil // nothing tells how large the unfinished request has made it
		return nil, d.in.classify(err)
	}
	f.request.Bytes = int(f.json.InputOffset())
	return &f.request, nil
}

// Resume makes the decoder begin with b, at most ResumeBytes that the caller has read from
// the wire. It may be called between requests, when nothing is left to decode.
func (d *Decoder) Resume(b []byte) {
	d.in.full = len(b) > len(d.in.small)
	d.in.resize()
	d.in.r, d.in.w = 0, copy(d.in.buf, b)
}

// Between reports whether the decoder is between requests, with nothing read of the next.
func (d *Decoder) Between() bool { return d.in.drained() && !d.in.inside && d.in.mark == 0 }

// Close gives back what the decoder has borrowed from the pool.
func (d *Decoder) Close() {
	d.release()
	d.in.shrink()
}

// release gives the frame back, unless a request has made it large.
func (d *Decoder) release() {
	f := d.frame
	d.frame = nil
	if f == nil || f.swollen() {
		return
	}
	f.request, f.in = Request{}, nil // the pool keeps no password and no connection
	frames.Put(f)
}

// swollen tells whether a request has made a frame large. The JSON decoder keeps the names of a
// nested object until another one begins at the same depth.
func (f *frame) swollen() bool {
	const most = 32 << 10
	return f != nil && (f.request.Bytes > most || cap(f.scratch) > most || f.nested)
}

// object decodes the members of a request.
func (f *frame) object(d *Decoder) error {
	if _, err := f.json.ReadToken(); err != nil {
		return err
	}
	for f.json.PeekKind() == '"' {
		raw, err := f.json.ReadValue()
		if err != nil {
			return err
		}
		if err := f.member(f.unquote(raw), d); err != nil {
			return err
		}
	}
	// Either the end, or something that is not allowed here: ReadToken tells which.
	_, err := f.json.ReadToken()
	return err
}

// member decodes the value of that name.
func (f *frame) member(name []byte, d *Decoder) error {
	if f.members++; f.members > maxMembers {
		return ErrTooLarge
	}
	if t := f.request.text(name); t != nil {
		return f.text(t, d)
	}
	if n := f.request.number(name); n != nil {
		return f.number(n, d)
	}
	if string(name) == "id" {
		return f.id(d)
	}
	if isCaseVariant(name) {
		f.request.Spoiled = true
	}
	return f.skip(d)
}

func (f *frame) text(t *Text, d *Decoder) error {
	if f.json.PeekKind() != '"' {
		t.Is = Mistyped
		return f.skip(d)
	}
	raw, err := f.json.ReadValue()
	if err != nil {
		return err
	}
	t.Is, t.Value = Given, d.keep(&f.request, t, f.unquote(raw))
	return nil
}

func (f *frame) number(n *Number, d *Decoder) error {
	n.Is = Mistyped
	if f.json.PeekKind() != '0' {
		return f.skip(d)
	}
	raw, err := f.json.ReadValue()
	if err != nil {
		return err
	}
	if v, ok := parseInt(raw); ok {
		n.Is, n.Value = Given, v
	}
	return nil
}

func (f *frame) id(d *Decoder) error {
	if kind := f.json.PeekKind(); kind != '"' && kind != '0' {
		f.request.Spoiled = true
		return f.skip(d)
	}
	raw, err := f.json.ReadValue()
	if err != nil {
		return err
	}
	if len(raw) > maxID {
		f.request.Spoiled = true
		return nil
	}
	f.request.ID = bytes.Clone(raw)
	return nil
}

// skip skips a value token by token, so that depth costs no stack.
func (f *frame) skip(d *Decoder) error {
	for outside := f.json.StackDepth(); ; {
		kind := f.json.PeekKind()
		if (kind == '{' || kind == '[') && f.json.StackDepth() >= d.depth {
			return ErrTooDeep
		}
		f.nested = f.nested || kind == '{'
		if kind == '"' && f.atName() {
			if f.members++; f.members > maxMembers {
				return ErrTooLarge
			}
		}
		if _, err := f.json.ReadToken(); err != nil {
			return err
		}
		if f.json.StackDepth() == outside {
			return nil
		}
	}
}

// atName reports whether a string that comes next is the name of a member.
func (f *frame) atName() bool {
	kind, length := f.json.StackIndex(f.json.StackDepth())
	return kind == '{' && length%2 == 0
}

// unquote returns the characters of a raw JSON string. They are valid until the next read.
func (f *frame) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	out, err := jsontext.AppendUnquote(f.scratch[:0], raw)
	if err != nil {
		return nil // cannot happen: the decoder has accepted raw
	}
	f.scratch = out
	return out
}

// keep makes a string of b, or returns the last one if it is the same.
func (d *Decoder) keep(r *Request, t *Text, b []byte) string {
	slot := 0
	switch t {
	case &r.Call:
		if name, ok := calls[string(b)]; ok {
			return name
		}
		return string(b)
	case &r.Usernm:
	case &r.ServerName:
		slot = 1
	case &r.Channel:
		slot = 2
	default:
		return string(b)
	}
	if d.recent[slot] == string(b) {
		return d.recent[slot]
	}
	s := string(b)
	if len(s) <= 4*MaxName {
		d.recent[slot] = s
	}
	return s
}

// isCaseVariant reports whether an unknown name differs from a known one only in case.
func isCaseVariant(name []byte) bool {
	if len(name) > 16 {
		return false
	}
	for _, known := range valueNames {
		if strings.EqualFold(known, string(name)) {
			return true
		}
	}
	return false
}
