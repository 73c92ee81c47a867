package actors

import (
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how actors answer sessions: to whom, with which number, and how they refuse.

// Caller is who waits for an answer: a session, and the number that it gave its question.
type Caller struct {
	PID     *actor.PID
	Session uint64 // the session's number on this node
	Ref     uint64
	From    netip.Addr // the client's address, as limits count addresses: of IPv6 the first 64 bits
}

// answer replies to the caller. A Caller without a PID hears nothing.
func (c Caller) answer(ctx actor.SenderContext, reply any) {
	if c.PID != nil {
		ctx.Send(c.PID, &answer{Ref: c.Ref, Reply: reply})
	}
}

// refuse answers the caller with a refusal, which says which actor it is from.
func (c Caller) refuse(ctx actor.Context, code Code) {
	if c.PID != nil {
		ctx.Send(c.PID, &answer{Ref: c.Ref, Reply: refusalOf(ctx, code)})
	}
}

// refusal is a Refused and which actor it is from; that actor may be gone when it is read.
// The session passes on only the Refused.
type refusal struct {
	Refused
	by   *actor.PID
	kind Kind
}

// codeOf is the Code of a reply that is a refusal, and "" for any other reply.
func codeOf(reply any) Code {
	switch r := reply.(type) {
	case Refused:
		return r.Code
	case *refusal:
		return r.Code
	}
	return ""
}

// refusalOf is a refusal from the actor whose turn it is.
func refusalOf(ctx actor.Context, code Code) *refusal {
	r := &refusal{Refused: Refused{Code: code}, by: ctx.Self()}
	if g, ok := ctx.Actor().(*guard); ok {
		r.kind = g.kind
	}
	return r
}

// from makes every message that embeds a Caller an asked.
func (c Caller) from() Caller { return c }

// asked is a message whose sender waits for an answer.
type asked interface{ from() Caller }

// answer is the reply to the question Ref of a session.
type answer struct {
	Ref   uint64
	Reply any
}
