package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how a session subscribes by itself to the servers that its user has joined, where
// the provider is set to that (Config.AutoSubscribe).

// autoSubscription is what a session asks for that. It lasts until the user logs in again, or the
// session gets another user or none.
type autoSubscription struct {
	login   uint64              // ref of the login, which waits for the first questions; 0 once it is answered
	reply   LoggedIn            // the login's answer
	left    int                 // questions the login waits for that are not answered yet
	open    map[uint64]question // those that are not answered yet, by Ref
	lacking map[string]bool     // servers whose subscription the storage refused, to be asked again; "" is the list of servers
	pause   time.Duration       // how long to wait before the next time
	timer   *time.Timer         // of that pause; nil when it does not run
}

// question is what the session asks by itself.
type question struct {
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

// endAuto gives up what the session asks by itself: nobody waits for the answers any more.
func (s *session) endAuto() {
	if auto := s.auto; auto != nil {
		s.orphanDone(auto.login)
		auto.stop()
		s.auto = nil
	}
}

func (auto *autoSubscription) stop() {
	if auto != nil && auto.timer != nil {
		auto.timer.Stop()
	}
}

func (auto *autoSubscription) awaits(ref uint64) bool {
	if auto == nil {
		return false
	}
	_, is := auto.open[ref]
	return is
}

// answered forgets a question that is answered, and returns it.
func (auto *autoSubscription) answered(ref uint64) question {
	q := auto.open[ref]
	delete(auto.open, ref)
	if q.first {
		auto.left--
	}
	return q
}

func (s *session) askFor(ctx actor.Context, q question) {
	s.lastRef++
	s.auto.open[s.lastRef] = q
	if q.first {
		s.auto.left++
	}
	me := s.caller(ctx, s.lastRef)
	if q.server == "" {
		s.node.dir.Tell(ctx, &joinedServers{me, s.user})
		return
	}
	s.node.dir.Tell(ctx, &subscribe{me, s.user, Subscribe{Server: q.server}})
}

// onSubscribed takes an answer to what the session asks by itself: first comes the list of
// servers, then the answer of each server.
func (s *session) onSubscribed(ctx actor.Context, m *answer) {
	if s.endIfLost(ctx, m.Reply) {
		return
	}
	auto := s.auto
	q := auto.answered(m.Ref)
	if codeOf(m.Reply) == StorageDown {
		s.askLater(ctx, q.server)
	}
	if list, is := m.Reply.(Servers); is {
		for _, name := range list.Names {
			s.askFor(ctx, question{name, q.first})
		}
	}
	if auto.left == 0 && auto.login != 0 {
		s.arrived(ctx)
	}
}

// arrived answers the login, when all that it waited for is answered.
func (s *session) arrived(ctx actor.Context) {
	auto := s.auto
	f, ref := s.find(auto.login), auto.login
	auto.login = 0
	if f == nil {
		s.orphanDone(ref)
		return
	}
	f.reply = auto.reply
	s.deliver(ctx)
}

// askLater sees to it that what the storage refused is asked again. Nobody else would ask,
// since the user does not know of it.
func (s *session) askLater(ctx actor.Context, server string) {
	auto := s.auto
	if auto.lacking == nil {
		auto.lacking = map[string]bool{}
	}
	auto.lacking[server] = true
	if auto.timer != nil {
		return
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	auto.timer = time.AfterFunc(auto.pause, func() { root.Send(self, &askAgain{}) })
	auto.pause = min(2*auto.pause, longestPause)
}

func (s *session) onAskAgain(ctx actor.Context) {
	if s.gone || s.auto == nil {
		return
	}
	lacking := s.auto.lacking
	s.auto.lacking, s.auto.timer = nil, nil
	for server := range lacking {
		s.askFor(ctx, question{server: server})
	}
}

// subscribeTo subscribes to a server that the user has joined later.
func (s *session) subscribeTo(ctx actor.Context, name string) {
	if !s.gone && s.auto != nil {
		s.askFor(ctx, question{server: name})
	}
}

// endIfLost ends the session when a subscription that it made by itself failed, because somebody
// crashed or had too much to do. Otherwise its client would wait for messages that never
// come; so it comes back, and is subscribed anew.
func (s *session) endIfLost(ctx actor.Context, reply any) bool {
	code := codeOf(reply)
	if code != OutcomeUnknown && code != Busy {
		return false
	}
	ctx.Stop(ctx.Self())
	return true
}
