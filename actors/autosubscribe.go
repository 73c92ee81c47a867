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
	login   uint64            // ref of the login, which waits until nothing is open; 0 once it is answered
	reply   LoggedIn          // the login's answer
	waiting []string          // servers to subscribe to, not asked yet; "" is the list of servers
	open    map[uint64]string // those that are asked and have not answered yet, by Ref
	lacking map[string]bool   // those that were refused for now, to be asked again
	pause   time.Duration     // how long to wait before the next time
	timer   *time.Timer       // of that pause; nil when it does not run
}

// askedTogether is how many servers a session asks by itself at a time: the gate does not count
// them, and a user may have joined thousands.
const askedTogether = 8

// What was refused for now, by the storage or because there are too many subscriptions, is asked
// again after a pause, which doubles each time: short at first, since the trouble may soon be over.
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

// asks tells whether the answer to that is open.
func (auto *autoSubscription) asks(to Subscribe) bool {
	if auto == nil {
		return false
	}
	for _, server := range auto.open {
		if to == (Subscribe{Server: server}) {
			return true
		}
	}
	return false
}

// askFor asks for servers, a few at a time.
func (s *session) askFor(ctx actor.Context, servers ...string) {
	auto := s.auto
	auto.waiting = append(auto.waiting, servers...)
	for len(auto.waiting) > 0 && len(auto.open) < askedTogether {
		server := auto.waiting[0]
		auto.waiting = auto.waiting[1:]
		s.lastRef++
		auto.open[s.lastRef] = server
		if me := s.caller(ctx, s.lastRef); server == "" {
			s.node.dir.Tell(ctx, &joinedServers{me, s.user, true})
		} else {
			s.node.dir.Tell(ctx, &subscribe{me, s.user, Subscribe{Server: server}})
		}
	}
	if len(auto.waiting) == 0 {
		auto.waiting = nil
	}
}

// onSubscribed takes an answer to what the session asks by itself: first comes the list of
// servers, then the answer of each server.
func (s *session) onSubscribed(ctx actor.Context, m *answer) {
	if s.endIfLost(ctx, m.Reply) {
		return
	}
	auto := s.auto
	if code := codeOf(m.Reply); code == StorageDown || code == TooManySubs {
		s.askLater(ctx, auto.open[m.Ref])
	}
	delete(auto.open, m.Ref)
	list, _ := m.Reply.(Servers)
	s.askFor(ctx, list.Names...)
	if len(auto.open) == 0 && auto.login != 0 {
		s.arrived(ctx)
	}
}

// arrived answers the login, when all that was asked is answered.
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

// askLater sees to it that what was refused for now is asked again. Nobody else would ask,
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
	auto.timer = sendLater(ctx, auto.pause, &askAgain{})
	auto.pause = min(2*auto.pause, longestPause)
}

func (s *session) onAskAgain(ctx actor.Context) {
	if s.gone || s.auto == nil {
		return
	}
	lacking := s.auto.lacking
	s.auto.lacking, s.auto.timer = nil, nil
	for server := range lacking {
		s.askFor(ctx, server)
	}
}

// subscribeTo subscribes to a server that the user has joined later.
func (s *session) subscribeTo(ctx actor.Context, name string) {
	if !s.gone && s.auto != nil {
		s.askFor(ctx, name)
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
