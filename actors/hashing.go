package actors

import (
	"cmp"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// This file is how users and servers have passwords hashed and compared. Meanwhile they go on with
// other work. If the owner has another password when the answer comes, the command begins again.

// hashing is a command that waits for the hash workers.
type hashing struct {
	command asked
	first   bool   // it is to give the owner its first password: nothing is compared
	compare string // the owner's password when this began
	matched bool   // changePassword: the old password was right, the new one is being hashed
}

// hash gives work to the hash workers and remembers the command that it is for.
func (d *durable) hash(ctx actor.Context, h hashing, work hashWork) {
	if d.hashing == nil {
		d.hashing = map[uint64]hashing{}
	}
	work.Ref, work.ReplyTo, work.From = d.node.ref(), ctx.Self(), h.command.from().From
	d.hashing[work.Ref] = h
	ctx.Send(d.node.passwords, &work)
}

// compare has a password compared with the hash of the owner's, "" if there is none: that takes as
// long. Wrong passwords are counted.
func (d *durable) compare(ctx actor.Context, command asked, password, hash string) {
	d.hash(ctx, hashing{command: command, compare: hash}, hashWork{
		Password: password, Compare: cmp.Or(hash, d.node.pool.dummy),
		Attempt: attempt{d.kind, d.entity.called(), command.from().From.String()},
	})
}

// takeHash goes on with the command that a hash is for; password is the owner's present one. It
// reports false for work that was asked before a restart.
func (d *durable) takeHash(ctx actor.Context, m *hashDone, password string, goOn func(actor.Context, hashing, *hashDone)) (ours bool) {
	h, ours := d.hashing[m.Ref]
	if !ours {
		return false
	}
	delete(d.hashing, m.Ref)
	d.inHand = telemetry.Aside(ctx, h.command)
	switch {
	case m.Refused != "":
		d.refuse(ctx, h.command.from(), m.Refused)
	case !h.first && h.compare != password:
		d.entity.command(ctx, h.command)
	default:
		goOn(ctx, h, m)
	}
	d.inHand = nil
	return true
}

// refuseHashing answers those who wait for the hash workers.
func (d *durable) refuseHashing(ctx actor.Context) {
	for _, h := range d.hashing {
		h.command.from().refuse(ctx, Busy)
	}
	clear(d.hashing)
}
