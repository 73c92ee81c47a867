package actors

import (
	"maps"
	"math"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how the router ends subscriptions that others have ended: those of a member who
// has left, to a channel or to a server that is gone. The subscriptions to a server and its
// channels end a portion at a time, so that nobody else waits for a server with very many.

// EndsTurn lets other actors go first.
func (*endMore) EndsTurn() {}

// endsAtOnce is how many of the subscriptions to a server and its channels end in one turn.
const endsAtOnce = 256

func (r *router) onRevoke(ctx actor.Context, m *revoke) {
	r.noteEnd(ctx, m)
	r.forgetDeclined(m)
	server := r.servers[m.Topic.whole()]
	switch {
	case server == nil: // nobody has to be told
	case m.User != "":
		for _, s := range r.users[m.User] {
			r.endOf(s, m)
		}
	case m.Topic.channel != "":
		r.fanout.silence(m.Topic)
		r.tellChannelGone(server, m)
		r.end(m, m.Topic, server.channels[m.Topic].some(math.MaxInt))
	default:
		if !r.endSome(server, m) {
			r.ending = append(r.ending, m)
			ctx.Send(ctx.Self(), &endMore{m})
		}
	}
}

func (r *router) onEndMore(ctx actor.Context, m *endMore) {
	if !slices.Contains(r.ending, m.of) {
		return // see endFormer
	}
	if server := r.servers[m.of.Topic]; server != nil && !r.endSome(server, m.of) {
		ctx.Send(ctx.Self(), m)
		return
	}
	r.ending = slices.DeleteFunc(r.ending, func(of *revoke) bool { return of == m.of })
}

// endSome ends some of the subscriptions to a server and its channels, and tells whether these
// were the last ones.
func (r *router) endSome(server *audience, m *revoke) (last bool) {
	left := endsAtOnce
	for t, channel := range server.channels {
		if left -= r.end(m, t, channel.some(left)); left == 0 {
			return false
		}
	}
	return r.end(m, m.Topic, server.some(left)) < left
}

// endFormer ends what a session has left of a server that was deleted, before it subscribes to
// another one of that name: it could not tell any more which one an end concerns. If the new one has
// the same incarnation, since nothing of the former was left on disk, nor could the router: all ends.
func (r *router) endFormer(s *subscriber, next topic) {
	r.ending = slices.DeleteFunc(r.ending, func(m *revoke) bool {
		if m.Topic.server == next.server {
			r.endOf(s, m)
		}
		again := m.Topic == next.whole()
		for server := r.servers[m.Topic]; again && server != nil && !r.endSome(server, m); {
		}
		return again
	})
}

// endOf ends a session's subscriptions to a server and its channels.
func (r *router) endOf(s *subscriber, m *revoke) {
	for sub := range s.in(m.Topic.server) {
		if sub.topic.whole() == m.Topic {
			r.end(m, sub.topic, []*subscription{sub})
		}
	}
}

// hangUpConcerned hangs up those whom a revoke concerns.
func (r *router) hangUpConcerned(ctx actor.Context, m *revoke) {
	for _, s := range r.sessions {
		if r.concerns(m, s) {
			r.hangUp(ctx, s)
		}
	}
}

// concerns tells whether a session is subscribed to anything in the server of a revoke.
func (r *router) concerns(m *revoke, s *subscriber) bool {
	if m.User != "" && m.User != s.user {
		return false
	}
	for sub := range s.in(m.Topic.server) {
		if sub.topic.whole() == m.Topic.whole() {
			return true
		}
	}
	return false
}

// some lists subscriptions, that many at most; the audience may be nil.
func (a *audience) some(most int) (list []*subscription) {
	if a == nil {
		return nil
	}
	for _, sub := range a.subs {
		if len(list) == most {
			break
		}
		list = append(list, sub)
	}
	return list
}

// noteEnd notes that a channel has ended, so that nobody hears what its actor still publishes:
// it may learn only now that the last posts are on disk.
func (r *router) noteEnd(ctx actor.Context, m *revoke) {
	if m.By != nil {
		r.ended[m.Topic] = m.By
		ctx.Watch(m.By)
	}
}

func (r *router) onSilent(m *silent) {
	maps.DeleteFunc(r.ended, func(_ topic, by *actor.PID) bool { return by.Equal(m.who) })
}

// tellChannelGone tells those who are subscribed to the whole server that a channel has
// ended, since another one of the same name may be made. Whoever is subscribed to the
// channel as well hears of it only once, as the end of that subscription.
func (r *router) tellChannelGone(server *audience, m *revoke) {
	event := r.node.encoder.EncodeUnsubscribed(&Unsubscribed{Server: m.Topic.server, Channel: m.Topic.channel, Reason: m.Reason})
	for _, sub := range server.subs {
		if sub.of.find(m.Topic) == nil && sub.told < m.Seq {
			sub.of.out.Push(event)
		}
		sub.told = max(sub.told, m.Seq)
	}
}

// end ends subscriptions to a topic. Each is told before it is taken away: after a crash in
// between, mend finds the session by it. It returns how many it has ended.
func (r *router) end(m *revoke, t topic, subs []*subscription) (ended int) {
	event := r.node.encoder.EncodeUnsubscribed(&Unsubscribed{Server: t.server, Channel: t.channel, Reason: m.Reason})
	for _, sub := range subs {
		if sub.told < m.Seq {
			sub.of.out.Push(event)
			r.leave(sub)
			ended++
		}
	}
	return ended
}
