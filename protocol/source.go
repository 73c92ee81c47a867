package protocol

import (
	"io"
	"sync"
)

// source is between the wire and the JSON decoder. It hands out at most the bytes that one
// request may have, and takes back what the decoder has read beyond the end of the request.
type source struct {
	wire  io.Reader
	ask   func(reached bool) int
	begun func()

	buf   []byte // small, or large.b while much comes in
	large *largeBuffer
	r, w  int // buf[r:w] has not been handed out
	small [512]byte

	inside bool // a request has begun and not ended
	told   bool // begun was called for this request
	full   bool // the last read filled buf
	given  int  // bytes handed out for this request
	limit  int  // most of them
	mark   int  // bytes of a byte order mark that were skipped
	err    error
}

type largeBuffer struct{ b [8 << 10]byte }

var largeBuffers = sync.Pool{New: func() any { return new(largeBuffer) }}

// byteOrderMark may come before any request: some clients encode each one separately.
const byteOrderMark = "\uFEFF"

// drained reports whether the next byte has to come from the wire.
func (s *source) drained() bool { return s.r == s.w }

// skipSpace skips white space and byte order marks up to the brace that begins a request.
// They do not count as bytes of the request.
func (s *source) skipSpace() error {
	for {
		for s.r < s.w {
			c := s.buf[s.r]
			switch {
			case c == byteOrderMark[s.mark]:
				s.mark = (s.mark + 1) % len(byteOrderMark)
			case s.mark > 0:
				return ErrMalformed
			case c == '{':
				return nil
			case c != ' ' && c != '\n' && c != '\r' && c != '\t':
				return ErrMalformed
			}
			s.r++
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// begin starts to count the bytes of a request.
func (s *source) begin() {
	s.inside, s.told, s.given = true, false, 0
	s.limit = s.ask(false)
}

// end takes back the bytes that the decoder has read but not used. They all came with its
// last Read, because the decoder reads only when it needs more of a request. So they are
// still in buf.
func (s *source) end(unread int) {
	s.inside = false
	s.r -= unread
}

// Read hands out bytes of the current request.
func (s *source) Read(p []byte) (int, error) {
	if s.given >= s.limit {
		if s.limit = s.ask(true); s.given >= s.limit {
			s.err = ErrTooLarge
			return 0, s.err
		}
	}
	if s.drained() {
		if s.err = s.fill(); s.err != nil {
			return 0, s.err
		}
	}
	n := copy(p[:min(len(p), s.limit-s.given)], s.buf[s.r:s.w])
	s.r += n
	s.given += n
	return n, nil
}

// fill reads from the wire; buf is drained.
func (s *source) fill() error {
	if s.inside && !s.told && s.begun != nil {
		s.told = true
		s.begun()
	}
	s.resize()
	for {
		n, err := s.wire.Read(s.buf)
		if n > 0 {
			s.r, s.w, s.full = 0, n, n == len(s.buf)
			return nil // an error will come again with the next read
		}
		if err != nil {
			return err
		}
	}
}

// resize takes a large buffer when one read fills the small one, and gives it back before a
// wait for the next request.
func (s *source) resize() {
	switch {
	case s.full && s.large == nil:
		s.large = largeBuffers.Get().(*largeBuffer)
		s.buf = s.large.b[:]
	case !s.full && !s.inside:
		s.shrink()
	}
	if s.buf == nil {
		s.buf = s.small[:]
	}
}

func (s *source) shrink() {
	if s.large != nil {
		largeBuffers.Put(s.large)
		s.large = nil
	}
	s.buf, s.r, s.w = nil, 0, 0
}

// classify turns an error of the JSON decoder into the error that the caller sees.
func (s *source) classify(err error) error {
	switch {
	case err == ErrTooLarge || err == ErrTooDeep:
		return err
	case s.err == io.EOF:
		return io.ErrUnexpectedEOF
	case s.err != nil:
		return s.err
	}
	return ErrMalformed
}
