package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// This file is how a server ends. One event deletes it and its channels. When all members have
// noted that, its owner is answered. Then a tombstone is saved, and the actor leaves memory.

// remove deletes the server. The same event ends its channels' streams.
func (s *server) remove(ctx actor.Context, caller Caller) {
	members, channels := s.guild.members.all(), s.guild.channels.all()
	was, topic := s.guild, s.topic()
	drops := make([]persistence.Stream, len(channels))
	for i, c := range channels {
		drops[i] = s.channelStream(c.Channel, c.Incarnation)
		s.warnChannel(ctx, c.Incarnation)
	}
	s.commit(ctx, "serverDeleted", serverDeleted{}, drops...)
	s.say(ctx, s.node.router, &revoke{Topic: topic, Seq: s.seq, Reason: ServerGone})
	s.say(ctx, ctx.Self(), &retireAll{channels})
	for _, c := range channels {
		s.refuseHeld(ctx, c.Incarnation, NoSuchServer)
	}
	if len(members) == 0 {
		s.reply(ctx, caller, Done{})
		return
	}
	s.closing[caller] = len(members)
	for _, name := range members {
		d := debt{was.of(string(name)), false}
		s.askers[d] = append(s.askers[d], asker{caller, s.seq, s.tellInTurn(d)})
	}
	s.tellSome(ctx)
}

// retireAll comes from the server itself when the end of its channels is on disk.
type retireAll struct{ channels []channelCreated }

// retiringAtOnce is how many channels end at a time, so that everybody else has a turn in between.
const retiringAtOnce = 64

// onRetireAll ends the actors of channels. Whenever one has stopped, the next one begins.
func (s *server) onRetireAll(ctx actor.Context, m *retireAll) {
	s.retiring = append(s.retiring, m.channels...)
	for range retiringAtOnce {
		s.retireNext(ctx)
	}
}

func (s *server) retireNext(ctx actor.Context) {
	for len(s.retiring) > 0 {
		pid := s.actorOf(s.retiring[0].Incarnation)
		if s.retiring = s.retiring[1:]; pid != nil {
			ctx.Send(pid, &retire{})
			return
		}
	}
	s.retiring = nil
}

// confirm answers a caller who asked for a change of membership, when the user has noted it. A
// deletion is answered when the last member has.
func (s *server) confirm(ctx actor.Context, caller Caller) {
	if left := s.closing[caller]; left > 1 {
		s.closing[caller] = left - 1
		return
	}
	delete(s.closing, caller)
	s.reply(ctx, caller, Done{})
}

// over tells whether the server does not exist and no user's list names it any more.
func (s *server) over() bool { return !s.guild.Exists && len(s.guild.owed) == 0 }

// bury saves the snapshot of a deleted server once more, now as a tombstone. The one before
// was saved while the server still owed somebody a word, and no event follows that would
// make a new one.
func (s *server) bury(ctx actor.Context) {
	if s.unburied() {
		s.saveAnew(ctx)
	}
}

// unburied tells whether only the tombstone is missing. Nobody else would ask for it: the
// journal needs none.
func (s *server) unburied() bool {
	return s.phase == ready && s.over() && s.saved == s.seq && s.seq > 0 && s.buried != s.seq
}

func (s *server) onSnapshotSaved(ctx actor.Context, m *persistence.SnapshotSaved) {
	switch {
	case s.onSaved(ctx, m):
		s.bury(ctx)
	case m.Seq == s.buried:
		s.buried = 0 // the tombstone was not saved: the next sweep tries again
	}
}

// leaveIfGone ends the actor of a server that does not exist, or that was deleted and owes
// nobody a word any more. Its files can be removed once no actor owns them.
func (s *server) leaveIfGone(ctx actor.Context) {
	if s.over() {
		ctx.Send(ctx.Parent(), &vacant{name: s.name})
	}
}
