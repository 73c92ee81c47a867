package actors

import (
	"math"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how a session becomes a user's and nobody's again, and subscribes by itself to
// the servers that the user has joined, where the provider is set to that.

// arriving is a login whose answer waits until the user's servers are subscribed to.
type arriving struct {
	ref   uint64 // of the login
	ask   uint64 // of what is asked for it; another login's answers are not its own
	reply LoggedIn
	left  int
}

// welcomeRef is the Ref of a subscription to a server that was joined later.
const welcomeRef = math.MaxUint64

// depart makes the session nobody's when its user logs out, or somebody else logs in, and tells
// whether the reply waits for the router: nothing that was for the user may come after it.
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
	s.user, s.key = "", ""
	s.node.record.Label(ctx.Self(), "")
	f.after = reply
	ctx.Send(s.node.router, &offline{s.id, s.caller(ctx, f.ref)})
	return true
}

// departed is what an answer comes to: the router's lets go on with what waited for it.
func (f *flight) departed(reply any) any {
	if f.after == nil || codeOf(reply) != "" {
		return reply
	}
	return f.after
}

// arrive makes the session the user's, and tells whether the answer has to
// wait for subscriptions.
func (s *session) arrive(ctx actor.Context, f *flight, reply LoggedIn) (waits bool) {
	s.user, s.key = reply.User, reply.Key
	s.node.record.Label(ctx.Self(), s.user)
	if _, changed := f.req.Command.(ChangePassword); changed {
		return false
	}
	ctx.Send(s.node.router, &online{Session: s.id, PID: ctx.Self(), Out: s.out, User: s.user})
	if !s.node.cfg.AutoSubscribe {
		return false
	}
	if s.login != nil { // its deadline has passed, and its answers are nobody's now
		s.arriveLate(s.login.ref)
	}
	s.lastRef++
	s.login = &arriving{ref: f.ref, ask: s.lastRef, reply: reply}
	s.node.dir.Tell(ctx, &joinedServers{s.caller(ctx, s.login.ask), s.user})
	return true
}

// onSubscribed goes on with a login that subscribes: first the list of
// servers comes, then an answer of each.
func (s *session) onSubscribed(ctx actor.Context, reply any) {
	if s.lost(ctx, reply) {
		return
	}
	if list, ok := reply.(Servers); ok {
		s.login.left = len(list.Names)
		for _, name := range list.Names {
			s.askSubscribe(ctx, name, s.login.ask)
		}
	} else {
		s.login.left--
	}
	if s.login.left > 0 {
		return
	}
	done := s.login
	s.login = nil
	f := s.find(done.ref)
	if f == nil {
		s.arriveLate(done.ref)
		return
	}
	f.reply = done.reply
	s.deliver(ctx)
}

func (s *session) subscribeTo(ctx actor.Context, name string) {
	if s.user != "" {
		s.askSubscribe(ctx, name, welcomeRef)
	}
}

func (s *session) askSubscribe(ctx actor.Context, name string, ref uint64) {
	s.node.dir.Tell(ctx, &subscribe{s.caller(ctx, ref), s.user, Subscribe{Server: name}})
}

// lost ends the session when somebody crashed, or had too much to do, while it subscribed by
// itself: its client would wait for messages that never come. It comes back, and subscribes anew.
func (s *session) lost(ctx actor.Context, reply any) bool {
	code := codeOf(reply)
	if code != OutcomeUnknown && code != Busy {
		return false
	}
	ctx.Stop(ctx.Self())
	return true
}
