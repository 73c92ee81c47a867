package drive

import (
	"time"

	"elemental/cmd/elemental-load/check"
	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// poster posts in one lane. All that stays the same of its requests is made once.
type poster struct {
	lane       *check.Lane
	head, tail []byte // of a request, around the text
	size       func(number uint32) int
}

// newPoster posts messages of sizes that are spread over the plan's range.
func newPoster(w *World, lane *check.Lane, user string) *poster {
	c := lane.Channel()
	r := w.inChannel("message", user, c.Server, c.Name)
	head := protocol.AppendRequest(nil, r)
	head = append(head[:len(head)-1], `,"msg":"`...)
	least, spread := w.Plan.Size.Min, uint32(w.Plan.Size.Max-w.Plan.Size.Min+1)
	return &poster{
		lane: lane, head: head, tail: []byte(`"}`),
		size: func(number uint32) int {
			const scatter = 2654435761 // Knuth's: neighbours get sizes far apart
			return least + int((lane.ID*31+number)*scatter>>4%spread)
		},
	}
}

// send posts a message and notes what becomes of it. Start is what stamps count from, due when
// it should have been sent. Heard, if any, is told of the answer first, by who reads
// the connection.
func (p *poster) send(c *wire.Conn, b *check.Book, start, due time.Time, heard func(*wire.Answer)) *wire.Answer {
	var stamp check.Stamp
	posted := false
	return c.Call(func(dst []byte, now time.Time) []byte {
		posted = true
		stamp = p.lane.Next(since(start, due), since(start, now))
		dst = append(dst, p.head...)
		dst = b.AppendText(dst, stamp, p.size(stamp.Number)) // needs no escapes
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

// outcomeUnknown is the one refusal after which something may have been done.
const outcomeUnknown = "outcome_unknown"

// since is the time from start, 0 where there is no start yet.
func since(start, moment time.Time) time.Duration {
	if start.IsZero() {
		return 0
	}
	return moment.Sub(start)
}
