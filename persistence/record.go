package persistence

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A journal line is {"c":"<crc>","n":<sequence>,"d":<durable>,"v":<body>}.
// The crc is CRC-32C of all that follows its comma, up to the last brace.
const (
	lineStart  = `{"c":"`
	crcStart   = len(lineStart)
	crcEnd     = crcStart + 8
	frameStart = crcEnd + len(`",`)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is one journal line, checked.
type frame struct {
	n, d uint64 // its sequence; the highest one known durable when it was written
	body []byte
}

// appendFrame appends a line with its newline.
func appendFrame(dst []byte, n, d uint64, body []byte) []byte {
	start := len(dst)
	dst = append(dst, `{"c":"00000000","n":`...)
	dst = strconv.AppendUint(dst, n, 10)
	dst = append(dst, `,"d":`...)
	dst = strconv.AppendUint(dst, d, 10)
	dst = append(dst, `,"v":`...)
	dst = append(dst, body...)
	dst = append(dst, '}')
	putCRC(dst[start:])
	return append(dst, '\n')
}

// putCRC fills in the crc of a line that starts like a frame.
func putCRC(line []byte) {
	putHex(line[crcStart:crcEnd], crc32.Checksum(line[frameStart:], castagnoli))
}

// checkCRC tells whether a line without its newline is as it was written.
func checkCRC(line []byte) bool {
	if len(line) <= frameStart || string(line[:crcStart]) != lineStart || string(line[crcEnd:frameStart]) != `",` {
		return false
	}
	var sum [8]byte
	putHex(sum[:], crc32.Checksum(line[frameStart:], castagnoli))
	return string(sum[:]) == string(line[crcStart:crcEnd])
}

func putHex(dst []byte, sum uint32) {
	const digits = "0123456789abcdef"
	for i := 7; i >= 0; i-- {
		dst[i] = digits[sum&15]
		sum >>= 4
	}
}

// parseFrame reads a line without its newline.
func parseFrame(line []byte) (frame, bool) {
	if !checkCRC(line) {
		return frame{}, false
	}
	c := cursor{rest: line[frameStart:]}
	var f frame
	c.literal(`"n":`)
	f.n = c.number()
	c.literal(`,"d":`)
	f.d = c.number()
	c.literal(`,"v":`)
	f.body = c.upTo('}')
	return f, !c.bad
}

// A body is {"stream":"…","seq":1,"type":"…","version":1,"drops":["…"],"data":…}.
// Data comes last and is cut out by position, so no data can break a line.
type body struct {
	stream Stream
	event  Event
	drops  []Stream
}

const streamKey = `{"stream":`

// checkName tells whether a stream can be kept.
func checkName(s Stream) error {
	if !utf8.ValidString(string(s)) || len(s) > maxStreamBytes {
		return fmt.Errorf("%w: stream name of %d bytes", ErrInvalid, len(s))
	}
	return nil
}

// bodyStart is what every body of a stream begins with.
func bodyStart(s Stream) (string, error) {
	quoted, err := jsontext.AppendQuote([]byte(streamKey), string(s))
	if err != nil {
		return "", fmt.Errorf("%w: stream name: %w", ErrInvalid, err)
	}
	return string(quoted) + `,"seq":`, nil
}

func appendBody(dst []byte, start string, e *Event, drops []Stream) ([]byte, error) {
	dst = append(dst, start...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, `,"type":`...)
	dst, err := appendText(dst, e.Type)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, int64(e.Version), 10)
	if len(drops) > 0 {
		dst = append(dst, `,"drops":[`...)
		for i, drop := range drops {
			if i > 0 {
				dst = append(dst, ',')
			}
			var dropErr error
			if dst, dropErr = appendText(dst, string(drop)); dropErr != nil {
				err = dropErr
			}
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}'), err
}

// appendText quotes plain text without the detour through jsontext.
func appendText(dst []byte, text string) ([]byte, error) {
	if !isPlainText(text) {
		return jsontext.AppendQuote(dst, text)
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"'), nil
}

// oneLine makes data fit for a line of the journal: only a value spread over
// several lines is looked at and compacted.
func oneLine(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: no data", ErrInvalid)
	}
	if bytes.IndexByte(data, '\n') < 0 {
		return data, nil
	}
	value := jsontext.Value(bytes.Clone(data))
	if err := value.Compact(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return value, nil
}

// parseBody reads an event's body. The event's data is part of line.
func parseBody(line []byte) (body, bool) {
	c := cursor{rest: line}
	var b body
	c.literal(streamKey)
	b.stream = Stream(c.text())
	c.literal(`,"seq":`)
	b.event.Seq = c.number()
	c.literal(`,"type":`)
	b.event.Type = c.text()
	c.literal(`,"version":`)
	b.event.Version = c.signed()
	if c.skip(`,"drops":[`) {
		b.drops = append(b.drops, Stream(c.text()))
		for !c.bad && !c.skip(`]`) {
			c.literal(`,`)
			b.drops = append(b.drops, Stream(c.text()))
		}
	}
	c.literal(`,"data":`)
	b.event.Data = c.upTo('}')
	return b, !c.bad
}

// cursor walks over text of which the shape is known. It takes each value in
// the one form that is ever written, so that what it accepts is written again
// the same.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) skip(text string) bool {
	if len(c.rest) < len(text) || string(c.rest[:len(text)]) != text {
		return false
	}
	c.rest = c.rest[len(text):]
	return true
}

func (c *cursor) literal(text string) {
	if !c.skip(text) {
		c.bad = true
	}
}

func (c *cursor) digits() string {
	n := 0
	for n < len(c.rest) && (c.rest[n] >= '0' && c.rest[n] <= '9' || c.rest[n] == '-') {
		n++
	}
	text := string(c.rest[:n])
	c.rest = c.rest[n:]
	return text
}

func (c *cursor) number() uint64 {
	text := c.digits()
	n, err := strconv.ParseUint(text, 10, 64)
	c.bad = c.bad || err != nil || n > 0 && text[0] == '0' || n == 0 && len(text) > 1
	return n
}

func (c *cursor) signed() int {
	text := c.digits()
	n, err := strconv.Atoi(text)
	c.bad = c.bad || err != nil || strconv.Itoa(n) != text
	return n
}

func (c *cursor) text() string {
	end := 1
	for end < len(c.rest) && c.rest[end] != '"' {
		if c.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(c.rest) || c.rest[0] != '"' {
		c.bad = true
		return ""
	}
	quoted := c.rest[:end+1]
	c.rest = c.rest[end+1:]
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err == nil && len(text) != end-1 || !isPlainText(text) {
		again, quoteErr := jsontext.AppendQuote(nil, text)
		c.bad = c.bad || quoteErr != nil || !bytes.Equal(again, quoted)
	}
	c.bad = c.bad || err != nil
	return string(text)
}

// isPlainText tells text that is quoted as it is.
func isPlainText[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// upTo takes all but the last byte, which must be end.
func (c *cursor) upTo(end byte) []byte {
	if len(c.rest) < 2 || c.rest[len(c.rest)-1] != end {
		c.bad = true
		return nil
	}
	return c.rest[: len(c.rest)-1 : len(c.rest)-1]
}
