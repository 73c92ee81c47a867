package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how users come to a session and leave it. Where the provider is set to that
// (Config.AutoSubscribe), the session also subscribes by itself to the servers that its user
// has joined.

// hearing is of a session that subscribes by itself, for as long as it is its user's.
type hearing struct {
	login   uint64            // the flight of the login, which waits for what is asked first; 0 afterwards
	reply   LoggedIn          // its answer
	left    int               // of what it waits for
	asked   map[uint64]asking // what is not answered, by Ref
	lacking map[string]bool   // what the storage refused, to be asked again
	pause   time.Duration     // before that
	timer   *time.Timer       // nil when it does not run
}

// asking is one question that the session asks by itself.
type asking struct {
	server string // to be heard; "" asks for the list of servers
	first  bool   // the login waits for it
}

// A storage that is in trouble is asked again, at first soon, since it may heal.
const (
	firstPause   = 2 * time.Second
	longestPause = time.Minute
)

// askAgain is the session's own tick: it asks for what is lacking.
type askAgain struct{}

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
	s.user, s.key = "", ""
	s.forsake()
	s.node.record.Label(ctx.Self(), "")
	f.after = reply
	ctx.Send(s.node.router, &offline{s.id, s.caller(ctx, f.ref)})
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
	ctx.Send(s.node.router, &online{Session: s.id, PID: ctx.Self(), Out: s.out, User: s.user})
	if !s.node.cfg.AutoSubscribe {
		return false
	}
	s.forsake()
	s.hears = &hearing{login: f.ref, reply: reply, asked: map[uint64]asking{}, pause: firstPause}
	s.askFor(ctx, asking{first: true})
	return true
}

// forsake gives up on what the session asks by itself: the answers are nobody's now.
func (s *session) forsake() {
	if h := s.hears; h != nil {
		s.arriveLate(h.login)
		h.stop()
		s.hears = nil
	}
}

func (h *hearing) stop() {
	if h != nil && h.timer != nil {
		h.timer.Stop()
	}
}

func (h *hearing) awaits(ref uint64) bool {
	if h == nil {
		return false
	}
	_, is := h.asked[ref]
	return is
}

// answered forgets a question, and returns it.
func (h *hearing) answered(ref uint64) asking {
	a := h.asked[ref]
	delete(h.asked, ref)
	if a.first {
		h.left--
	}
	return a
}

func (s *session) askFor(ctx actor.Context, a asking) {
	s.lastRef++
	s.hears.asked[s.lastRef] = a
	if a.first {
		s.hears.left++
	}
	me := s.caller(ctx, s.lastRef)
	if a.server == "" {
		s.node.dir.Tell(ctx, &joinedServers{me, s.user})
		return
	}
	s.node.dir.Tell(ctx, &subscribe{me, s.user, Subscribe{Server: a.server}})
}

// onSubscribed goes on with what the session asks by itself: first the list of servers comes,
// then an answer of each.
func (s *session) onSubscribed(ctx actor.Context, m *answer) {
	if s.lost(ctx, m.Reply) {
		return
	}
	h := s.hears
	a := h.answered(m.Ref)
	if codeOf(m.Reply) == StorageDown {
		s.askLater(ctx, a.server)
	}
	if list, is := m.Reply.(Servers); is {
		for _, name := range list.Names {
			s.askFor(ctx, asking{name, a.first})
		}
	}
	if h.left == 0 && h.login != 0 {
		s.arrived(ctx)
	}
}

// arrived answers the login that has waited for all that.
func (s *session) arrived(ctx actor.Context) {
	h := s.hears
	f, ref := s.find(h.login), h.login
	h.login = 0
	if f == nil {
		s.arriveLate(ref)
		return
	}
	f.reply = h.reply
	s.deliver(ctx)
}

// askLater has what is lacking asked again: nobody else would, and the user does not know.
func (s *session) askLater(ctx actor.Context, server string) {
	h := s.hears
	if h.lacking == nil {
		h.lacking = map[string]bool{}
	}
	h.lacking[server] = true
	if h.timer != nil {
		return
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	h.timer = time.AfterFunc(h.pause, func() { root.Send(self, &askAgain{}) })
	h.pause = min(2*h.pause, longestPause)
}

func (s *session) onAskAgain(ctx actor.Context) {
	if s.gone || s.hears == nil {
		return
	}
	lacking := s.hears.lacking
	s.hears.lacking, s.hears.timer = nil, nil
	for server := range lacking {
		s.askFor(ctx, asking{server: server})
	}
}

// subscribeTo hears a server more.
func (s *session) subscribeTo(ctx actor.Context, name string) {
	if !s.gone && s.hears != nil {
		s.askFor(ctx, asking{server: name})
	}
}

// lost ends the session when a subscription that it made by itself failed, because somebody
// crashed or had too much to do. Otherwise its client would wait for messages that never
// come; so it comes back, and is subscribed anew.
func (s *session) lost(ctx actor.Context, reply any) bool {
	code := codeOf(reply)
	if code != OutcomeUnknown && code != Busy {
		return false
	}
	ctx.Stop(ctx.Self())
	return true
}
