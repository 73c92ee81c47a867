package actors

import (
	"iter"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is what the router knows of a session: its user and its subscriptions. A client may
// have any number of them, and all clients share the router. So it finds those of a server and
// of a channel without a look at the others.

type subscriber struct {
	session uint64
	pid     *actor.PID
	out     Outbox
	user    string
	since   uint64                              // the Ref of the login
	topics  map[string]map[string]*subscription // by the names of server and channel
	count   int                                 // of subscriptions

	declined map[topic]uint64 // see decline
	late     []*detach        // the last of those that are Late, see outdated
}

// subscription is that of one subscriber to one topic.
type subscription struct {
	of    *subscriber
	began uint64 // the stamp of its beginning; 0 before it and after the end
	told  uint64 // the server's event up to which no end concerns it any more
	topic topic
	older *subscription // to what had the same names before; nil mostly
}

// find returns nil if there is no subscription to that topic.
func (s *subscriber) find(t topic) *subscription {
	for sub := range s.named(t.server, t.channel) {
		if sub.topic == t {
			return sub
		}
	}
	return nil
}

// add makes a subscription, which has not begun.
func (s *subscriber) add(t topic, told uint64) *subscription {
	if s.topics == nil {
		s.topics = map[string]map[string]*subscription{}
	}
	server := s.topics[t.server]
	if server == nil {
		server = map[string]*subscription{}
		s.topics[t.server] = server
	}
	sub := &subscription{of: s, told: told, topic: t, older: server[t.channel]}
	server[t.channel] = sub
	s.count++
	return sub
}

func (s *subscriber) remove(sub *subscription) {
	t := sub.topic
	server := s.topics[t.server]
	switch first := server[t.channel]; {
	case first != sub:
		for first.older != sub {
			first = first.older
		}
		first.older = sub.older
	case sub.older != nil:
		server[t.channel] = sub.older
	default:
		delete(server, t.channel)
	}
	if len(server) == 0 {
		delete(s.topics, t.server)
	}
	s.count--
}

// named, in and all go through subscriptions: to topics of that name, to a server and its channels,
// and to everything. The one that is given may be removed meanwhile.
func (s *subscriber) named(server, channel string) iter.Seq[*subscription] {
	return func(yield func(*subscription) bool) {
		for sub := s.topics[server][channel]; sub != nil; {
			this := sub
			if sub = sub.older; !yield(this) {
				return
			}
		}
	}
}

func (s *subscriber) in(server string) iter.Seq[*subscription] {
	return func(yield func(*subscription) bool) {
		for channel := range s.topics[server] {
			for sub := range s.named(server, channel) {
				if !yield(sub) {
					return
				}
			}
		}
	}
}

func (s *subscriber) all() iter.Seq[*subscription] {
	return func(yield func(*subscription) bool) {
		for server := range s.topics {
			for sub := range s.in(server) {
				if !yield(sub) {
					return
				}
			}
		}
	}
}

// noteLate remembers a detach that may come before the attach that it is to end: the client was
// told that its subscribe took too long.
func (s *subscriber) noteLate(m *detach) {
	if !m.Late {
		return
	}
	if len(s.late) == maxOrphans { // more than these cannot come late
		s.late = slices.Delete(s.late, 0, 1)
	}
	s.late = append(s.late, m)
}

// outdated tells whether the client has unsubscribed since it asked for this subscription.
func (s *subscriber) outdated(m *attach) bool {
	return slices.ContainsFunc(s.late, func(d *detach) bool {
		return d.Ref > m.Ref && d.Server == m.Topic.server && d.Channel == m.Topic.channel
	})
}
