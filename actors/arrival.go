package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how users come to a session and leave it. Where the provider is set to that
// (Config.AutoSubscribe), the session also subscribes by itself to the servers that its user
// has joined.

// hearing is how a session subscribes by itself. It lasts until the session gets another
// user or none.
type hearing struct {
	login   uint64            // ref of the login, which waits for the first questions; 0 once it is answered
	reply   LoggedIn          // the login's answer
	left    int               // questions the login waits for that are not answered yet
	asked   map[uint64]asking // questions that are not answered yet, by Ref
	lacking map[string]bool   // servers whose subscription the storage refused, to be asked again; "" is the list of servers
	pause   time.Duration     // how long to wait before the next time
	timer   *time.Timer       // of that pause; nil when it does not run
}

// asking is one question that the session asks by itself.
type asking struct {
	server string // the server to subscribe to; "" asks for the list of servers
	first  bool   // the login waits for the answer
}

// What the storage refused is asked again after a pause, which doubles each time: short at
// first, since the trouble may soon be over.
const (
	firstPause   = 2 * time.Second
	longestPause = time.Minute
)

// askAgain is what the session sends to itself when the pause is over.
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

// forsake gives up what the session asks by itself: nobody waits for the answers any more.
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

// answered forgets a question that is answered, and returns it.
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

// onSubscribed takes an answer to what the session asks by itself: first comes the list of
// servers, then the answer of each server.
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

// arrived answers the login, when all that it waited for is answered.
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

// askLater sees to it that what the storage refused is asked again. Nobody else would ask,
// since the user does not know of it.
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

// subscribeTo subscribes to a server that the user has joined later.
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
