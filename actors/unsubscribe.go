package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how the router ends a subscription for its client.

func (r *router) onDetach(ctx actor.Context, m *detach) {
	subscribed := false
	if s := r.sessions[m.Session]; s != nil {
		s.noteLate(m)
		for t, sub := range s.topics {
			if t.server == m.Server && t.channel == m.Channel {
				subscribed = subscribed || sub.began != 0 // otherwise the channel has refused it
				r.leave(s, t)
				r.decline(s, t, sub.told)
			}
		}
	}
	if subscribed {
		m.answer(ctx, Done{})
	} else {
		m.refuse(ctx, NotSubscribed)
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
