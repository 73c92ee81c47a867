package drive

import (
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// poster posts messages in one lane. The parts that all its requests share are encoded
// once.
type poster struct {
	lane       *check.Lane
	head, tail []byte // the encoded request before and after the text
	size       func(number uint32) int
}

// newPoster makes a poster for messages with sizes spread over the plan's range. A
// message's size follows from its lane and number.
func newPoster(w *World, lane *check.Lane, user string) *poster {
	c := lane.Channel()
	r := w.inChannel("message", user, c.Server, c.Name)
	head := protocol.AppendRequest(nil, r)
	head = append(head[:len(head)-1], `,"msg":"`...)
	least, spread := w.Plan.Size.Min, uint32(w.Plan.Size.Max-w.Plan.Size.Min+1)
	return &poster{
		lane: lane, head: head, tail: []byte(`"}`),
		size: func(number uint32) int {
			const scatter = 2654435761 // Knuth's multiplier: neighbouring numbers get very different sizes
			return least + int((lane.ID*31+number)*scatter>>4%spread)
		},
	}
}

// send posts a message, waits for the answer and notes the outcome in the lane. The
// message's stamp counts from start; due is when it should have been sent. Heard, which
// may be nil, is called with the answer first, by the goroutine that reads the
// connection, so it must not wait.
func (p *poster) send(c *wire.Conn, b *check.Book, start, due time.Time, heard func(*wire.Answer)) *wire.Answer {
	var stamp check.Stamp
	posted := false
	return c.Call(func(dst []byte, now time.Time) []byte {
		posted = true
		stamp = p.lane.Next(since(start, due), since(start, now))
		dst = append(dst, p.head...)
		dst = b.AppendText(dst, stamp, p.size(stamp.Number)) // its text needs no JSON escapes
		return append(dst, p.tail...)
	}, func(a *wire.Answer) {
		switch {
		case !posted:
		case a.OK:
			p.lane.Acknowledged(stamp.Number, a.Index)
		case a.Err != nil, a.Code == outcomeUnknown:
			p.lane.Unsure(stamp.Number)
		default:
			p.lane.Refused(stamp.Number)
		}
		if heard != nil {
			heard(a)
		}
	})
}

// outcomeUnknown is the only refusal after which the message may have been stored all the
// same.
const outcomeUnknown = "outcome_unknown"

// since is the time from start to moment, or 0 if start is zero (the load has not begun).
func since(start, moment time.Time) time.Duration {
	if start.IsZero() {
		return 0
	}
	return moment.Sub(start)
}
