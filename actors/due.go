package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
	"elemental/persistence"
)

// This file is what durable actors say. A message leaves only when everything that it relies
// on is on disk, and in the order in which it was said. When the journal refuses an event,
// what relies on it is taken back.

// utterance is a message to be sent once event seq is on disk.
type utterance struct {
	seq  uint64
	to   *actor.PID // nil: to the entity that msg names
	msg  any
	span *telemetry.Span // of the request that it belongs to, if that is followed
}

// say sends msg once everything decided so far is on disk.
func (d *durable) say(ctx actor.Context, to *actor.PID, msg any) {
	if d.seq == d.committed {
		d.send(ctx, to, msg)
		return
	}
	d.due = append(d.due, utterance{seq: d.seq, to: to, msg: msg, span: telemetry.SpanOf(ctx)})
}

// reply says the answer to a caller.
func (d *durable) reply(ctx actor.Context, to Caller, reply any) {
	if to.PID != nil {
		d.say(ctx, to.PID, &answer{Ref: to.Ref, Reply: reply})
	}
}

func (d *durable) refuse(ctx actor.Context, to Caller, code Code) {
	d.reply(ctx, to, refusalOf(ctx, code))
}

func (d *durable) send(ctx actor.Context, to *actor.PID, msg any) {
	if to != nil {
		ctx.Send(to, msg)
	} else {
		d.node.dir.Tell(ctx, msg.(addressed))
	}
}

// sendDue sends what waited for the events that are on disk now.
func (d *durable) sendDue(ctx actor.Context) {
	sent := 0
	for _, u := range d.due {
		if u.seq > d.committed {
			break
		}
		d.send(telemetry.Within(ctx, u.span), u.to, u.msg)
		sent++
	}
	d.dropDue(sent)
}

// settleDue is called after a recovery, when it is known what is on disk: it sends what
// relies on that and takes back the rest.
func (d *durable) settleDue(ctx actor.Context) {
	d.sendDue(ctx)
	d.refuseDue(ctx, d.committed+1, OutcomeUnknown)
}

// dropDue forgets the first n utterances, and frees the memory that a burst has taken.
func (d *durable) dropDue(n int) {
	if n == len(d.due) {
		if cap(d.due) > 256 {
			d.due = nil
		}
		clear(d.due)
		d.due = d.due[:0]
		return
	}
	rest := copy(d.due, d.due[n:])
	clear(d.due[rest:])
	d.due = d.due[:rest]
}

// refuseDue takes back what relies on the events from seq on: whoever would have been
// answered hears code instead.
func (d *durable) refuseDue(ctx actor.Context, seq uint64, code Code) {
	kept := 0
	for kept < len(d.due) && d.due[kept].seq < seq {
		kept++
	}
	for _, u := range d.due[kept:] {
		ctx := telemetry.Within(ctx, u.span)
		switch m := u.msg.(type) {
		case *answer:
			ctx.Send(u.to, &answer{Ref: m.Ref, Reply: refusalOf(ctx, code)})
		case *publish: // the router was to answer
			m.Poster.refuse(ctx, code)
		case asked: // somebody else was to answer
			m.from().refuse(ctx, code)
		case *membershipNoted:
			d.node.dir.Tell(ctx, &membershipRefused{*m})
		case *persistence.SaveSnapshot:
			d.saving = 0
		}
	}
	d.due = slices.Delete(d.due, kept, len(d.due))
}

// dueView is what will be said once an event is on disk.
type dueView struct {
	After   uint64 `json:"after"`
	Message string `json:"message"`
}
