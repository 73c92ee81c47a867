package check

import (
	"strconv"
	"time"
)

// Every message says who sent it and when, so that whoever reads it can judge it:
//
//	k3f9a1 4194305 17 1250000 1250013 80 the quick brown …
//
// These are: the name of the run, the lane, the message's number in the lane, when it was
// due and when it was really sent (both in microseconds since the start of the run), its
// length in bytes, and a filling that follows from the lane and the number.

// Stamp is what a message says of itself.
type Stamp struct {
	Lane      uint32
	Number    uint32
	Due, Sent time.Duration // since the start of the run
}

// LeastSize is the least size of a message in bytes: it has room for the longest stamp.
const LeastSize = 96

// filling is the text from which the rest of each message is cut.
var filling = func() []byte {
	const letters = "the quick brown fox jumps over the lazy dog 0123456789 pack my box with five dozen jugs "
	b := make([]byte, 0, mostFilling+2*len(letters))
	for len(b) < mostFilling+len(letters) {
		b = append(b, letters...)
	}
	return b
}()

const mostFilling = 1 << 20 // bytes; more than a provider accepts by default

// rest is n bytes of filling for a message.
func rest(lane, number uint32, n int) []byte {
	from := int((lane*31 + number) % 89)
	return filling[from : from+n]
}

// AppendText appends the text of a message of size bytes, but at least LeastSize and at
// most mostFilling. It is plain ASCII that needs no escapes in JSON.
func (b *Book) AppendText(dst []byte, s Stamp, size int) []byte {
	from := len(dst)
	dst = append(append(dst, b.run...), ' ')
	dst = append(strconv.AppendUint(dst, uint64(s.Lane), 10), ' ')
	dst = append(strconv.AppendUint(dst, uint64(s.Number), 10), ' ')
	dst = append(strconv.AppendInt(dst, max(s.Due.Microseconds(), 0), 10), ' ')
	dst = append(strconv.AppendInt(dst, max(s.Sent.Microseconds(), 0), 10), ' ')
	size = min(max(size, LeastSize), mostFilling)
	dst = append(strconv.AppendInt(dst, int64(size), 10), ' ')
	return append(dst, rest(s.Lane, s.Number, max(size-(len(dst)-from), 0))...)
}

// Read is the stamp of a text. It returns false if the text is not exactly as a load
// tester of this run would have written it.
func (b *Book) Read(text []byte) (Stamp, bool) {
	whole := len(text)
	if len(text) <= len(b.run) || string(text[:len(b.run)]) != b.run || text[len(b.run)] != ' ' {
		return Stamp{}, false
	}
	text = text[len(b.run)+1:]
	var values [5]int64
	for i := range values {
		n, left, ok := leadingNumber(text)
		if !ok {
			return Stamp{}, false
		}
		values[i], text = n, left
	}
	s := Stamp{uint32(values[0]), uint32(values[1]),
		time.Duration(values[2]) * time.Microsecond, time.Duration(values[3]) * time.Microsecond}
	if int64(whole) != values[4] || whole > mostFilling || string(text) != string(rest(s.Lane, s.Number, len(text))) {
		return Stamp{}, false
	}
	return s, true
}

// leadingNumber cuts a decimal number and the space after it off a text.
func leadingNumber(text []byte) (n int64, left []byte, ok bool) {
	const most = 1 << 50
	for i, c := range text {
		if c == ' ' {
			return n, text[i+1:], i > 0
		}
		if c < '0' || c > '9' || n > most {
			return 0, nil, false
		}
		n = n*10 + int64(c-'0')
	}
	return 0, nil, false
}
