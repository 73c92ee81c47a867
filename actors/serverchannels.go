package actors

import (
	"slices"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
	"elemental/persistence"
)

// This file is a server as the parent of its channels: it makes and deletes them, passes on
// to them what members ask, and begins and ends subscriptions to them.

// forward passes a member's request on to its channel. A channel that is not on disk yet
// does not exist for others: the journal may still refuse it, and then the next channel that
// is made would get its number, and with it everything that was posted to it.
func (s *server) forward(ctx actor.Context, m channelBound) {
	incarnation, code := s.guild.checkForward(m)
	switch {
	case code != "":
	case s.guild.Incarnation > s.committed:
		code = NoSuchServer
	case incarnation > s.committed:
		code = NoSuchChannel
	}
	if code != "" {
		s.refuse(ctx, m.from(), code)
		return
	}
	s.toChannel(ctx, incarnation, m)
}

func (s *server) toChannel(ctx actor.Context, incarnation uint64, msg any) {
	s.kids.deliver(ctx, kidName(incarnation), msg)
}

// kidName is the name of a channel's actor.
func kidName(incarnation uint64) string { return strconv.FormatUint(incarnation, 10) }

func (s *server) onCreateChannel(ctx actor.Context, m *createChannel) {
	code := s.guild.checkCreateChannel(m)
	if code == "" && !s.guild.channels.fits(s.node.cfg.AnswerBytes, m.Channel) {
		code = ListTooLong
	}
	if !s.may(ctx, m.Caller, code) {
		return
	}
	s.commit(ctx, "channelCreated", channelCreated{m.Channel, s.next()})
	s.reply(ctx, m.Caller, Done{})
}

func (s *server) onDeleteChannel(ctx actor.Context, m *deleteChannel) {
	if !s.may(ctx, m.Caller, s.guild.checkDeleteChannel(m)) {
		return
	}
	gone := s.guild.channel(m.Channel)
	s.warnChannel(ctx, gone)
	s.commit(ctx, "channelDeleted", channelDeleted{m.Channel, gone}, s.channelStream(m.Channel, gone))
	s.say(ctx, s.node.router, &revoke{Topic: s.topicOf(m.Channel, gone), Seq: s.seq, Reason: ChannelGone, By: s.actorOf(gone)})
	s.retire(ctx, gone)
	s.reply(ctx, m.Caller, Done{})
}

func (s *server) onSubscribe(ctx actor.Context, m *subscribe) {
	code := s.guild.checkMember(m.User)
	incarnation := s.guild.channel(m.Channel)
	if code == "" && m.HasChannel && incarnation == 0 {
		code = NoSuchChannel
	}
	switch {
	case code != "":
		s.refuse(ctx, m.Caller, code)
	case m.HasChannel:
		s.say(ctx, s.node.router, &attach{Session: m.Session, User: m.User, Topic: s.topicOf(m.Channel, incarnation), Seq: s.seq, Ref: m.Ref})
		s.say(ctx, ctx.Self(), &subscribeChannel{Caller: m.Caller, incarnation: incarnation})
	default:
		s.say(ctx, s.node.router, &attach{Session: m.Session, User: m.User, Topic: s.topic(), Seq: s.seq, Ref: m.Ref})
		s.say(ctx, s.node.router, &subscribed{Caller: m.Caller})
	}
}

// onSubscribeChannel continues a subscription once the router knows of it. The channel may have been
// deleted in the meantime.
func (s *server) onSubscribeChannel(ctx actor.Context, m *subscribeChannel) {
	if s.guild.made(m.incarnation) == nil {
		s.refuse(ctx, m.Caller, NoSuchChannel)
		return
	}
	s.toChannel(ctx, m.incarnation, m)
}

// actorOf is a channel's actor, or nil if the channel is not in memory.
func (s *server) actorOf(incarnation uint64) *actor.PID {
	if kid := s.kids.live[kidName(incarnation)]; kid != nil {
		return kid.pid
	}
	return nil
}

// warnChannel tells a channel's actor, if there is one, that it is about to be deleted.
// It hears so before the journal can end its stream.
func (s *server) warnChannel(ctx actor.Context, incarnation uint64) {
	if pid := s.actorOf(incarnation); pid != nil {
		ctx.Send(pid, &ending{})
	}
}

// spareChannels tells the channels that they go on, after a deletion that the journal refused. Those
// whose deletion is on disk after all end now: that they are to retire was taken back with the refusal.
func (s *server) spareChannels(ctx actor.Context) {
	for id, kid := range s.kids.live {
		if incarnation, _ := strconv.ParseUint(id, 10, 64); s.guild.made(incarnation) != nil {
			ctx.Send(kid.pid, &spared{})
		} else {
			ctx.Send(kid.pid, &retire{})
		}
	}
}

// retire ends a channel's actor, if there is one, once its deletion is on disk.
func (s *server) retire(ctx actor.Context, incarnation uint64) {
	if pid := s.actorOf(incarnation); pid != nil {
		s.say(ctx, pid, &retire{})
		s.refuseHeld(ctx, incarnation, NoSuchChannel)
	}
}

// refuseHeld refuses the requests that the server holds back because it has asked the channel to
// rest: it may end without seeing them.
func (s *server) refuseHeld(ctx actor.Context, incarnation uint64, why Code) {
	kid := s.kids.live[kidName(incarnation)]
	if kid == nil {
		return
	}
	kid.backlog = slices.DeleteFunc(kid.backlog, func(each any) bool {
		ctx, msg := telemetry.Taken(ctx, each)
		m, waits := msg.(asked)
		if waits {
			s.refuse(ctx, m.from(), why)
		}
		return waits
	})
}

func (s *server) onSaveChannel(ctx actor.Context, m *saveChannel) {
	if s.guild.made(m.Incarnation) != nil {
		s.toChannel(ctx, m.Incarnation, &saveNow{})
	}
}

func (s *server) channelStream(name string, incarnation uint64) persistence.Stream {
	return persistence.StreamOf("servers", s.name, "channels", name, strconv.FormatUint(incarnation, 10))
}

// noteEnd notes whose subscriptions an event of the replay ends. Events that a snapshot
// covers need no note: what they ended was said before the snapshot was saved.
func (s *server) noteEnd(seq uint64, event any) {
	end := revoke{Topic: s.topic(), Seq: seq}
	switch e := event.(type) {
	case memberLeft:
		end.User, end.Reason = e.User, MembershipEnded
	case channelDeleted:
		end.Topic, end.Reason = s.topicOf(e.Channel, e.Incarnation), ChannelGone
	case serverDeleted:
		end.Reason = ServerGone
	default:
		return
	}
	s.repeat = append(s.repeat, end)
}

// endAgain tells the router of ends that a crash may have kept from it: somebody who has left
// must not hear what is posted.
func (s *server) endAgain(ctx actor.Context) {
	for i := range s.repeat {
		end := &s.repeat[i]
		end.By = s.actorOf(end.Topic.incarnation)
		s.say(ctx, s.node.router, end)
	}
	s.repeat = nil
}
