package actors

import (
	"maps"

	"github.com/asynkron/protoactor-go/actor"
)

// router knows the logged-in sessions of this node, whose they are and what
// they subscribed to; it fans each published message out to their Outboxes itself,
// since a word to each session would cost more than all the rest. Sessions
// tell it online and offline; servers and channels tell it attach, revoke,
// publish, and ask whoIsOnline. Transient, and kept as it is after a crash:
// the sessions live on.

// topic is what a subscription is for: a channel, or a whole server (channel "").
// With incarnations, so that a name made again has no old subscribers.
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

func (t topic) within(server topic) bool { return t.whole() == server }

// The commands.
type (
	// online: a session is somebody's from now on. A session that was somebody
	// else's is first taken offline.
	online struct {
		Session uint64
		PID     *actor.PID
		Out     Outbox // a thing of this node, as the session and the router are
		User    string
	}
	// offline: a session is nobody's any more; its subscriptions end untold. Done: nothing
	// of them is pushed from here on.
	offline struct {
		Session uint64
		asker   Caller // is not asked's: also a crash at it ends in Done
	}
	// attach subscribes a session, if it is still User's. It comes from the
	// server, as revoke does, so that none overtakes the other. A subscription
	// to a channel begins later, when the channel says so.
	attach struct {
		Session uint64
		User    string
		Topic   topic
	}
	// begin comes from a channel for an attached session: it hears what is published from here on.
	begin struct {
		Session uint64
		Topic   topic
	}
	// detach ends a subscription at the session's own wish; Done, or refused
	// where there is none.
	detach struct {
		Caller
		Server, Channel string
	}
	// revoke ends subscriptions and tells it: to the topic, and with a whole
	// server to its channels too; of User alone when one is named.
	revoke struct {
		Topic  topic
		User   string
		Reason Code
		By     *actor.PID // the actor of a channel that ends, if there is one
	}
	// silent is the router's word to itself: all is heard of what a channel's actor has said that is no more.
	silent struct{ who *actor.PID }
	// publish fans a durable message out, to all but the session it is from, and
	// then gives that one its answer: whoever posts faster than his messages can
	// be fanned out waits for it.
	publish struct {
		Poster     Caller
		Topic      topic
		NewMessage NewMessage
		posted     Posted // the reply in the answer, to save it a place of its own
		answer     answer
	}
	// fan is the router's word to itself: there is more to fan out.
	fan struct{}
	// whoIsOnline answers a session's ServerMembers with Members.
	whoIsOnline struct {
		Caller
		Owner string
		Users []string
	}
	// memberWelcome tells the sessions of a user that subscribe by themselves
	// that there is a server more.
	memberWelcome struct{ Server, User string }
)

type router struct {
	node     *node
	sessions map[uint64]*subscriber
	users    map[string]map[uint64]*subscriber
	topics   map[topic]*audience
	ended    map[topic]*actor.PID // channels that are no more, as long as their actors may have said something yet
	stamp    uint64               // of the last message, or the last beginning of a subscription
	fanout   fanout
}

type subscriber struct {
	session uint64
	pid     *actor.PID
	out     Outbox
	user    string
	topics  map[topic]*subscription
}

// audience is the subscriptions to a topic that have begun, by session.
type audience struct {
	subs map[uint64]*subscription
	list []hearer // of them; nil after a change
}

// subscription is one subscriber's to one topic.
type subscription struct {
	of    *subscriber
	began uint64 // the stamp of the beginning; 0 before that and after the end
}

func newRouter(n *node) actor.Actor {
	return &router{
		node:     n,
		sessions: map[uint64]*subscriber{},
		users:    map[string]map[uint64]*subscriber{},
		topics:   map[topic]*audience{},
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
		r.onAttach(m)
	case *begin:
		r.onBegin(m)
	case *detach:
		r.onDetach(ctx, m)
	case *revoke:
		r.onRevoke(ctx, m)
	case *actor.Terminated:
		ctx.Send(ctx.Self(), &silent{m.Who}) // it has overtaken what is said
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

// mend sees to it that no session waits for pushes that will not come, and none
// hears what it may not: where that is not certain its connection ends, and the
// client comes back. A lost push needs nothing: the next one's index tells.
func (r *router) mend(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *publish:
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
	case *actor.Terminated, *silent:
		r.Receive(ctx)
	case *revoke:
		r.noteEnd(ctx, m)
		for _, s := range r.sessions {
			if r.concerns(m, s) {
				r.hangUp(ctx, s)
			}
		}
	}
}

// hangUp ends a session and all it subscribed to.
func (r *router) hangUp(ctx actor.Context, s *subscriber) {
	if s != nil {
		ctx.Send(s.pid, &closed{})
		r.forget(s.session)
	}
}

// concerns tells whether a session hears anything of the server whose topic ends.
func (r *router) concerns(m *revoke, s *subscriber) bool {
	if m.User != "" && m.User != s.user {
		return false
	}
	for t := range s.topics {
		if t.whole() == m.Topic.whole() {
			return true
		}
	}
	return false
}

func (r *router) onOnline(m *online) {
	if s := r.sessions[m.Session]; s != nil && s.user == m.User {
		return // it logged in again; its subscriptions stay
	}
	r.forget(m.Session)
	s := &subscriber{session: m.Session, pid: m.PID, out: m.Out, user: m.User}
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
	for t := range s.topics {
		r.leave(s, t)
	}
	delete(r.sessions, session)
	delete(r.users[s.user], session)
	if len(r.users[s.user]) == 0 {
		delete(r.users, s.user)
	}
}

func (r *router) onAttach(m *attach) {
	s := r.sessions[m.Session]
	if s == nil || s.user != m.User {
		return // it has logged out meanwhile
	}
	if s.topics == nil {
		s.topics = map[topic]*subscription{}
	}
	if _, known := s.topics[m.Topic]; !known {
		s.topics[m.Topic] = &subscription{of: s}
	}
	if m.Topic == m.Topic.whole() {
		r.begin(s, m.Topic)
	}
}

func (r *router) onBegin(m *begin) {
	if s := r.sessions[m.Session]; s != nil {
		if _, attached := s.topics[m.Topic]; attached {
			r.begin(s, m.Topic)
		}
	}
}

func (r *router) begin(s *subscriber, t topic) {
	sub := s.topics[t]
	if sub.began != 0 {
		return
	}
	r.stamp++
	sub.began = r.stamp
	if r.topics[t] == nil {
		r.topics[t] = &audience{subs: map[uint64]*subscription{}}
	}
	a := r.topics[t]
	a.subs[s.session], a.list = sub, nil
}

func (r *router) leave(s *subscriber, t topic) {
	s.topics[t].began = 0 // messages may be on their way to it
	delete(s.topics, t)
	a := r.topics[t]
	if a == nil {
		return
	}
	delete(a.subs, s.session)
	a.list = nil
	if len(a.subs) == 0 {
		delete(r.topics, t)
	}
}

func (r *router) onDetach(ctx actor.Context, m *detach) {
	s := r.sessions[m.Session]
	if s == nil {
		m.refuse(ctx, NotSubscribed)
		return
	}
	before := len(s.topics)
	for t := range s.topics {
		if t.server == m.Server && t.channel == m.Channel {
			r.leave(s, t)
		}
	}
	if len(s.topics) == before {
		m.refuse(ctx, NotSubscribed)
		return
	}
	m.answer(ctx, Done{})
}

func (r *router) onRevoke(ctx actor.Context, m *revoke) {
	r.noteEnd(ctx, m)
	if m.User != "" {
		for _, s := range r.users[m.User] {
			r.revokeFrom(s, m)
		}
		return
	}
	if m.Topic.channel != "" {
		r.fanout.silence(m.Topic)
		r.tellChannelGone(m)
	}
	for _, s := range r.sessions {
		r.revokeFrom(s, m)
	}
}

// noteEnd has nothing heard any more of a channel that has ended: its actor may only now come to
// the word that posts are on disk.
func (r *router) noteEnd(ctx actor.Context, m *revoke) {
	if m.By != nil {
		r.ended[m.Topic] = m.By
		ctx.Watch(m.By)
	}
}

func (r *router) onSilent(m *silent) {
	maps.DeleteFunc(r.ended, func(_ topic, by *actor.PID) bool { return by.Equal(m.who) })
}

// tellChannelGone tells those who hear the whole server that a channel has
// ended: one of its name may begin anew. Who is subscribed to the channel too
// hears it once, as the end of that subscription.
func (r *router) tellChannelGone(m *revoke) {
	server := r.topics[m.Topic.whole()]
	if server == nil {
		return
	}
	event := r.node.encoder.EncodeUnsubscribed(&Unsubscribed{Server: m.Topic.server, Channel: m.Topic.channel, Reason: m.Reason})
	for _, sub := range server.subs {
		if _, too := sub.of.topics[m.Topic]; !too {
			sub.of.out.Push(event)
		}
	}
}

// revokeFrom ends what one session has of the topic, each subscription told before it is
// taken away: until then mend knows the session by it.
func (r *router) revokeFrom(s *subscriber, m *revoke) {
	for t := range s.topics {
		if t == m.Topic || t.within(m.Topic) {
			s.out.Push(r.node.encoder.EncodeUnsubscribed(&Unsubscribed{Server: t.server, Channel: t.channel, Reason: m.Reason}))
			r.leave(s, t)
		}
	}
}

func (r *router) onWhoIsOnline(ctx actor.Context, m *whoIsOnline) {
	members := make([]Member, len(m.Users))
	for i, name := range m.Users {
		members[i] = Member{User: name, Online: len(r.users[name]) > 0}
	}
	m.answer(ctx, Members{Owner: m.Owner, Members: members})
}

func (r *router) onMemberWelcome(ctx actor.Context, m *memberWelcome) {
	if !r.node.cfg.AutoSubscribe {
		return
	}
	for _, s := range r.users[m.User] {
		ctx.Send(s.pid, &welcomed{server: m.Server})
	}
}

// routerView is the router's view.
type routerView struct {
	Sessions few[onlineView] `json:"sessions"` // that are somebody's
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
	Left     int    `json:"left"` // who have not been sent the first
}

func (r *router) view() any {
	v := routerView{Users: len(r.users), Topics: few[topicView]{Count: len(r.topics), First: []topicView{}}}
	v.Sessions = someOf(r.sessions, func(id uint64, s *subscriber) onlineView { return onlineView{id, s.user, len(s.topics)} })
	for t, a := range r.topics {
		if len(v.Topics.First) == shownMost {
			break
		}
		v.Topics.First = append(v.Topics.First, topicView{t.server, t.channel, len(a.subs)})
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
