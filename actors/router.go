package actors

import (
	"github.com/asynkron/protoactor-go/actor"
)

// router knows the logged-in sessions of this node, their users, and what they are
// subscribed to. It pushes each published message to the sessions' Outboxes itself:
// a message to each session would cost more than all the rest. Sessions send it
// online, offline and detach; servers send attach, revoke, memberWelcome and
// whoIsOnline; channels send begin and publish; both send subscribed. It is transient, and keeps its state
// when it crashes, since the sessions live on.

// topic is what one subscribes to: a channel, or a whole server (channel ""). It
// contains the incarnations, so that a name that is made again has no old subscribers.
type topic struct {
	server            string
	serverIncarnation uint64
	channel           string
	incarnation       uint64
}

// whole is the topic of the server that a channel belongs to.
func (t topic) whole() topic {
	return topic{server: t.server, serverIncarnation: t.serverIncarnation}
}

// The commands.
type (
	// online: a user has logged in on a session. If the session had another user,
	// that one goes offline first.
	online struct {
		Session uint64
		PID     *actor.PID
		Out     Outbox // exists only on this node, like the session and the router
		User    string
		Ref     uint64 // the login's number in the session
	}
	// offline: a session has no user any more. Its subscriptions end without
	// unsubscribed events. The reply Done says that nothing of them is pushed from
	// here on.
	offline struct {
		Session uint64
		asker   Caller // a field, not embedded as in an asked: even after a crash the reply is Done
	}
	// attach subscribes a session, if User is logged in on it, has asked for that since the
	// login, and has not unsubscribed since. It comes from the server, as revoke does, so that
	// neither overtakes the other. A subscription to a channel begins later, when the channel
	// sends begin. If there are too many, the router refuses what was asked.
	attach struct {
		Session uint64
		User    string
		Topic   topic
		Seq     uint64 // the server's last event: ends that are older do not concern it
		Ref     uint64 // the session's number of what it asked
	}
	// begin comes from a channel: the attached session hears what is published from here on.
	begin struct {
		Session uint64
		Topic   topic
	}
	// subscribed follows what begins a subscription. The router passes the reply on, so that the
	// ends of earlier subscriptions come before it.
	subscribed struct {
		Caller
		Reply Subscribed
	}
	// detach ends a subscription because the client asked for it. The reply is Done, or
	// a refusal if there is no such subscription.
	detach struct {
		Caller
		Server, Channel string
		Late            bool // the session has asked for it before, and that may still be done
	}
	// revoke ends subscriptions and tells the clients. It ends those to the topic, and
	// if that is a whole server, those to its channels too; only those of User, if one
	// is named. After a crash the server says ends again; nobody is told of one twice.
	revoke struct {
		Topic  topic
		User   string
		Seq    uint64 // the server's event that ends them
		Reason Code
		By     *actor.PID // the actor of a channel that ends, if there is one
	}
	// endMore is what the router sends to itself while more subscriptions end with a server.
	endMore struct{ of *revoke }
	// silent is what the router sends to itself when the actor of an ended channel has
	// stopped. All that the actor has sent is handled by then.
	silent struct{ who *actor.PID }
	// publish pushes a message that is on disk to all subscribers but the session that
	// posted it, and then answers that session. So whoever posts faster than the
	// messages can be pushed has to wait.
	publish struct {
		Poster     Caller
		Topic      topic
		NewMessage NewMessage
		posted     Posted // the reply in the answer; both are here to save allocations
		answer     answer
	}
	// fan is what the router sends to itself while there is more to push.
	fan struct{}
	// whoIsOnline comes from a server for a session's ServerMembers; the reply is Members.
	whoIsOnline struct {
		Caller
		Owner string
		Users []string
	}
	// memberWelcome says that a user has joined a server, perhaps again and again. The router
	// passes it on to the user's sessions, which may subscribe by themselves.
	memberWelcome struct {
		Topic topic
		User  string
	}
)

type router struct {
	node     *node
	sessions map[uint64]*subscriber
	users    map[string]map[uint64]*subscriber
	servers  map[topic]*audience  // those who are subscribed to anything in a server
	ended    map[topic]*actor.PID // ended channels whose actors may still have sent something
	count    int                  // of subscriptions
	ending   []*revoke            // ends of servers of which not all subscribers have been told
	stamp    uint64               // counts messages and beginnings of subscriptions, to compare which came first
	fanout   fanout
}

// audience is all subscriptions to a topic, by session, also those that have not begun.
type audience struct {
	subs     map[uint64]*subscription
	list     []hearer            // the same as a list; nil after a change
	channels map[topic]*audience // of a server: the audiences of its channels
}

func newRouter(n *node) actor.Actor {
	return &router{
		node:     n,
		sessions: map[uint64]*subscriber{},
		users:    map[string]map[uint64]*subscriber{},
		servers:  map[topic]*audience{},
		ended:    map[topic]*actor.PID{},
		fanout:   fanout{lanes: map[topic]*lane{}},
	}
}

func (r *router) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	case *publish:
		r.onPublish(ctx, m)
	case *fan:
		r.onFan(ctx)
	case *online:
		r.onOnline(m)
	case *offline:
		r.onOffline(ctx, m)
	case *attach:
		r.onAttach(ctx, m)
	case *begin:
		r.onBegin(m)
	case *subscribed:
		m.answer(ctx, m.Reply)
	case *detach:
		r.onDetach(ctx, m)
	case *revoke:
		r.onRevoke(ctx, m)
	case *endMore:
		r.onEndMore(ctx, m)
	case *actor.Terminated:
		ctx.Send(ctx.Self(), &silent{m.Who}) // Terminated comes before what the actor has sent; silent comes after it
	case *silent:
		r.onSilent(m)
	case *whoIsOnline:
		r.onWhoIsOnline(ctx, m)
	case *memberWelcome:
		r.onMemberWelcome(ctx, m)
	default:
		r.node.unexpected(ctx)
	}
}

// mend makes sure that no session waits for pushes that will never come, and that none
// hears what it may not hear. If that is in doubt, the session's connection ends, and its
// client comes back. A lost push needs nothing: the index of the next one shows the gap.
func (r *router) mend(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *publish:
		r.goOn(ctx)      // otherwise nobody would, if it is the only one that has to be pushed in turns
		r.finish(ctx, m) // it is posted
	case *fan:
		ended := r.fanout.skip()
		r.goOn(ctx)
		if ended != nil {
			r.conclude(ctx, ended) // it is posted
		}
	case *online:
		ctx.Send(m.PID, &closed{})
	case *offline:
		r.onOffline(ctx, m)
	case *attach:
		r.hangUp(ctx, r.sessions[m.Session])
	case *begin:
		r.hangUp(ctx, r.sessions[m.Session])
	case *memberWelcome:
		for _, s := range r.users[m.User] {
			r.hangUp(ctx, s)
		}
	case *actor.Terminated, *silent, *subscribed:
		r.Receive(ctx)
	case *revoke:
		r.noteEnd(ctx, m)
		r.forgetDeclined(m)
		r.hangUpConcerned(ctx, m)
	case *endMore:
		r.hangUpConcerned(ctx, m.of)
		r.onEndMore(ctx, m)
	}
}

// hangUp ends a session's connection and all its subscriptions.
func (r *router) hangUp(ctx actor.Context, s *subscriber) {
	if s != nil {
		ctx.Send(s.pid, &closed{})
		r.forget(s.session)
	}
}

func (r *router) onOnline(m *online) {
	if s := r.sessions[m.Session]; s != nil && s.user == m.User {
		return // it logged in again; its subscriptions stay
	}
	r.forget(m.Session)
	s := &subscriber{session: m.Session, pid: m.PID, out: m.Out, user: m.User, since: m.Ref}
	r.sessions[m.Session] = s
	if r.users[m.User] == nil {
		r.users[m.User] = map[uint64]*subscriber{}
	}
	r.users[m.User][m.Session] = s
}

func (r *router) onOffline(ctx actor.Context, m *offline) {
	r.forget(m.Session)
	m.asker.answer(ctx, Done{})
}

func (r *router) forget(session uint64) {
	s := r.sessions[session]
	if s == nil {
		return
	}
	for sub := range s.all() {
		r.leave(sub)
	}
	delete(r.sessions, session)
	delete(r.users[s.user], session)
	if len(r.users[s.user]) == 0 {
		delete(r.users, s.user)
	}
}

func (r *router) onAttach(ctx actor.Context, m *attach) {
	s := r.sessions[m.Session]
	if s == nil || s.user != m.User || m.Ref < s.since {
		return // it has logged out meanwhile
	}
	if s.outdated(m) {
		r.decline(&subscription{of: s, topic: m.Topic, told: m.Seq})
		return
	}
	r.endFormer(s, m.Topic)
	known := s.find(m.Topic) != nil
	if !known && !r.mayHave(s) {
		Caller{PID: s.pid, Ref: m.Ref}.refuse(ctx, TooManySubs) // the session ignores the answer that follows
		return
	}
	s.out.Hold()
	delete(s.declined, m.Topic)
	if !known {
		a := r.audience(m.Topic)
		a.subs[s.session], a.list = s.add(m.Topic, m.Seq), nil
		r.count++
	}
	if m.Topic == m.Topic.whole() {
		r.begin(s, m.Topic)
	}
}

// mayHave tells whether a session may have one more subscription. Each may have some whatever the
// others have, so that nobody can take those of ordinary clients, and more of what the others leave.
func (r *router) mayHave(s *subscriber) bool {
	const always, share = 16, 8
	left := r.node.cfg.Subscriptions - (r.count - s.count)
	return s.count < max(always, (left+share-1)/share)
}

// audience finds the audience of a topic, or makes it.
func (r *router) audience(t topic) *audience {
	server := r.servers[t.whole()]
	if server == nil {
		server = &audience{subs: map[uint64]*subscription{}, channels: map[topic]*audience{}}
		r.servers[t.whole()] = server
	}
	if t == t.whole() {
		return server
	}
	if server.channels[t] == nil {
		server.channels[t] = &audience{subs: map[uint64]*subscription{}}
	}
	return server.channels[t]
}

func (r *router) onBegin(m *begin) {
	if s := r.sessions[m.Session]; s != nil {
		r.begin(s, m.Topic)
	}
}

// begin begins a subscription, if it is attached.
func (r *router) begin(s *subscriber, t topic) {
	if sub := s.find(t); sub != nil && sub.began == 0 {
		r.stamp++
		sub.began = r.stamp
	}
}

func (r *router) leave(sub *subscription) {
	s, t := sub.of, sub.topic
	sub.began = 0 // deliveries that are on their way look at it
	s.remove(sub)
	r.count--
	a := r.audience(t)
	delete(a.subs, s.session)
	a.list = nil
	server := r.servers[t.whole()]
	if len(a.subs) == 0 {
		delete(server.channels, t)
	}
	if len(server.subs)+len(server.channels) == 0 {
		delete(r.servers, t.whole())
	}
}

func (r *router) onDetach(ctx actor.Context, m *detach) {
	subscribed := false
	if s := r.sessions[m.Session]; s != nil {
		s.noteLate(m)
		for sub := range s.named(m.Server, m.Channel) {
			subscribed = subscribed || sub.began != 0 // otherwise the channel has refused it
			r.leave(sub)
			r.decline(sub)
		}
	}
	if subscribed {
		m.answer(ctx, Done{})
	} else {
		m.refuse(ctx, NotSubscribed)
	}
}

func (r *router) onWhoIsOnline(ctx actor.Context, m *whoIsOnline) {
	members := make([]Member, len(m.Users))
	for i, name := range m.Users {
		members[i] = Member{User: name, Online: len(r.users[name]) > 0}
	}
	m.answer(ctx, Members{Owner: m.Owner, Members: members})
}

// routerView is the router's view.
type routerView struct {
	Sessions few[onlineView] `json:"sessions"` // with a user
	Users    int             `json:"users"`
	Topics   few[topicView]  `json:"topics"`
	Fanning  few[laneView]   `json:"fanning"` // channels with messages on their way
}

type onlineView struct {
	Session uint64 `json:"session"`
	User    string `json:"user"`
	Topics  int    `json:"topics"`
}

type topicView struct {
	Server      string `json:"server"`
	Channel     string `json:"channel"` // "" for the whole server
	Subscribers int    `json:"subscribers"`
}

type laneView struct {
	Server   string `json:"server"`
	Channel  string `json:"channel"`
	Messages int    `json:"messages"`
	Left     int    `json:"left"` // subscribers who have not been sent the first of them
}

func (r *router) view() any {
	v := routerView{Users: len(r.users), Topics: few[topicView]{First: []topicView{}}}
	v.Sessions = someOf(r.sessions, func(id uint64, s *subscriber) onlineView { return onlineView{id, s.user, s.count} })
	for t, server := range r.servers {
		v.addTopic(t, server)
		for t, channel := range server.channels {
			v.addTopic(t, channel)
		}
	}
	v.Fanning = fewOf(r.fanout.turns, func(l *lane) laneView {
		w := laneView{Server: l.topic.server, Channel: l.topic.channel, Messages: len(l.ahead)}
		if len(l.ahead) > 0 {
			w.Left = len(l.ahead[0].to)
		}
		return w
	})
	return v
}

func (v *routerView) addTopic(t topic, a *audience) {
	if len(a.subs) == 0 {
		return
	}
	if v.Topics.Count++; v.Topics.Count <= shownMost {
		v.Topics.First = append(v.Topics.First, topicView{t.server, t.channel, len(a.subs)})
	}
}
