package actors

import "github.com/asynkron/protoactor-go/actor"

// This file is how users come to a session and leave it.

// depart takes the session from its user when that user logs out or somebody else logs in.
// It tells whether the reply has to wait for the router: after the reply, nothing may come
// any more that was meant for the former user.
func (s *session) depart(ctx actor.Context, f *flight, reply any) (waits bool) {
	switch r := reply.(type) {
	case LoggedIn:
		waits = s.user != r.User
	case Done:
		_, waits = f.req.Command.(Logout)
	}
	if !waits || s.user == "" {
		return false
	}
	f.after = reply
	ctx.Send(s.node.router, &offline{s.id, s.caller(ctx, f.ref)})
	s.user, s.key = "", "" // not before the router knows: after a crash it would never be told
	s.endAuto()
	s.node.record.Label(ctx.Self(), "")
	return true
}

// departed turns the router's answer to depart into the reply that waited for it. Any other
// reply stays as it is.
func (f *flight) departed(reply any) any {
	if f.after == nil || codeOf(reply) != "" {
		return reply
	}
	return f.after
}

// arrive gives the session to its user, and tells whether the answer has to wait for
// subscriptions.
func (s *session) arrive(ctx actor.Context, f *flight, reply LoggedIn) (waits bool) {
	s.user, s.key = reply.User, reply.Key
	s.node.record.Label(ctx.Self(), s.user)
	if _, changed := f.req.Command.(ChangePassword); changed {
		return false
	}
	ctx.Send(s.node.router, &online{Session: s.id, PID: ctx.Self(), Out: s.out, User: s.user, Ref: f.ref})
	if !s.node.cfg.AutoSubscribe {
		return false
	}
	s.endAuto()
	s.auto = &autoSubscription{login: f.ref, reply: reply, open: map[uint64]string{}, pause: firstPause}
	s.askFor(ctx, "")
	return true
}
