package actors

import "github.com/asynkron/protoactor-go/actor"

// This file is how the router tells sessions that subscribe by themselves (Config.AutoSubscribe) of
// servers that their user has joined.

func (r *router) onMemberWelcome(ctx actor.Context, m *memberWelcome) {
	if !r.node.cfg.AutoSubscribe {
		return
	}
	for _, s := range r.users[m.User] {
		if _, declined := s.declined[m.Topic]; !declined {
			ctx.Send(s.pid, &welcomed{server: m.Topic.server})
		}
	}
}

// decline notes that a client has unsubscribed from a server. A server that starts again says that
// its members have joined, and must not undo that.
func (r *router) decline(sub *subscription) {
	if !r.node.cfg.AutoSubscribe || sub.topic != sub.topic.whole() {
		return
	}
	if sub.of.declined == nil {
		sub.of.declined = map[topic]uint64{}
	}
	sub.of.declined[sub.topic] = sub.told
}

// forgetDeclined is called at the end of a membership or server: who joins anew is subscribed anew.
func (r *router) forgetDeclined(m *revoke) {
	if !r.node.cfg.AutoSubscribe || m.Topic != m.Topic.whole() {
		return
	}
	of := r.sessions
	if m.User != "" {
		of = r.users[m.User]
	}
	for _, s := range of {
		if s.declined[m.Topic] < m.Seq {
			delete(s.declined, m.Topic)
		}
	}
}
