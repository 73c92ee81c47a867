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
	d.unsent = append(d.unsent, utterance{seq: d.seq, to: to, msg: msg, span: telemetry.SpanOf(ctx)})
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

// sendCommitted sends what waited for the events that are on disk now.
func (d *durable) sendCommitted(ctx actor.Context) {
	sent := 0
	for _, u := range d.unsent {
		if u.seq > d.committed {
			break
		}
		d.send(telemetry.Within(ctx, u.span), u.to, u.msg)
		sent++
	}
	d.dropSent(sent)
}

// settleUnsent is called after a recovery, when it is known what is on disk: it sends what
// relies on that and takes back the rest.
func (d *durable) settleUnsent(ctx actor.Context) {
	d.sendCommitted(ctx)
	d.takeBack(ctx, d.committed+1, OutcomeUnknown)
}

// dropSent forgets the first n utterances, and frees the memory that a burst has taken.
func (d *durable) dropSent(n int) {
	if n == len(d.unsent) {
		if cap(d.unsent) > 256 {
			d.unsent = nil
		}
		clear(d.unsent)
		d.unsent = d.unsent[:0]
		return
	}
	rest := copy(d.unsent, d.unsent[n:])
	clear(d.unsent[rest:])
	d.unsent = d.unsent[:rest]
}

// takeBack takes back what relies on the events from seq on: whoever would have been
// answered hears code instead.
func (d *durable) takeBack(ctx actor.Context, seq uint64, code Code) {
	kept := 0
	for kept < len(d.unsent) && d.unsent[kept].seq < seq {
		kept++
	}
	for _, u := range d.unsent[kept:] {
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
	d.unsent = slices.Delete(d.unsent, kept, len(d.unsent))
}

// dueView is what will be said once an event is on disk.
type dueView struct {
	After   uint64 `json:"after"`
	Message string `json:"message"`
}
