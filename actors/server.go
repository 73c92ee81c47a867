package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// server is one chat server: its owner, password, members, list of channels and image.
// It is also the parent of its channels and forwards to them what members ask.
// Sessions send it commands; users answer its membershipChanged. Everything survives a
// restart except password hashing under way. A restart stops the channels, which start
// again when somebody needs them.

// The commands, from sessions unless they say otherwise. The comment behind each names the
// reply, which goes out once what it says is on disk.
type (
	createServer struct { // Done, once the owner's list names it too
		Caller
		User, Server, Password string
		Wrong                  Code // with the password
	}
	joinServer struct { // Done, once the user's list names it too
		Caller
		User, Server, Password string
	}
	leaveServer struct { // Done, once the user's list does not name it any more
		Caller
		User, Server string
	}
	deleteServer struct { // Done, once no member's list names it any more
		Caller
		User, Server, Password string
	}
	createChannel struct { // Done
		Caller
		User, Server, Channel string
		Wrong                 Code // with the channel's name
	}
	deleteChannel struct { // Done
		Caller
		User, Server, Channel string
	}
	setImage struct { // Done
		Caller
		User, Server, Image string
		Wrong               Code // with the image
	}
	getImage struct { // Image
		Caller
		User, Server string
	}
	serverChannels struct { // Channels
		Caller
		User, Server string
	}
	serverMembers struct { // Members, from the router, which knows who is online
		Caller
		User, Server string
	}
	subscribe struct { // Subscribed, from the router, which is told of the subscription before
		Caller
		User string
		Subscribe
	}
	// membershipNoted is a user's answer to membershipChanged: the same, sent back.
	membershipNoted membershipChanged
	// membershipRefused is the answer when the journal refused the user's event, or when the
	// user's account cannot be read. The server sends membershipChanged again from time to
	// time; whoever waits is answered now.
	membershipRefused struct{ membershipNoted }
)

func (m *createServer) entity() (Kind, string)    { return KindServer, m.Server }
func (m *joinServer) entity() (Kind, string)      { return KindServer, m.Server }
func (m *leaveServer) entity() (Kind, string)     { return KindServer, m.Server }
func (m *deleteServer) entity() (Kind, string)    { return KindServer, m.Server }
func (m *createChannel) entity() (Kind, string)   { return KindServer, m.Server }
func (m *deleteChannel) entity() (Kind, string)   { return KindServer, m.Server }
func (m *setImage) entity() (Kind, string)        { return KindServer, m.Server }
func (m *getImage) entity() (Kind, string)        { return KindServer, m.Server }
func (m *serverChannels) entity() (Kind, string)  { return KindServer, m.Server }
func (m *serverMembers) entity() (Kind, string)   { return KindServer, m.Server }
func (m *subscribe) entity() (Kind, string)       { return KindServer, m.Server }
func (m *membershipNoted) entity() (Kind, string) { return KindServer, m.Server }

type server struct {
	durable
	name       string
	guild      guild
	kids       children              // channels by incarnation; not saved
	askers     map[debt][]asker      // who waits for a debt to be paid; not saved
	lastWord   map[membership]uint64 // of the membershipChanged that are not answered; not saved
	untold     []laterWord           // words that wait for the answers to others; not saved
	closing    map[Caller]int        // how many members a deleteServer still waits for; not saved
	retiring   []channelCreated      // channels that are to end next; not saved
	sweeps     ticker                // not saved
	endsUnsaid bool                  // a crash or a refusal may have swallowed ends of subscriptions; not saved
	repeat     []revoke              // those ends, found in the replay, to be said again; not saved
	buried     uint64                // sequence of the last tombstone handed over or read; not saved
}

// makeServer returns the function that makes a server's actor, at its start and at each restart.
func makeServer(n *node, name string) func() actor.Actor {
	again := false
	return func() actor.Actor {
		s := newServer(n, name)
		s.endsUnsaid, again = again, true
		return s
	}
}

func newServer(n *node, name string) *server {
	s := &server{name: name, askers: map[debt][]asker{}, lastWord: map[membership]uint64{}, closing: map[Caller]int{}}
	s.durable = durable{node: n, kind: KindServer, entity: s, stream: persistence.StreamOf("servers", name)}
	s.kids = newChildren(n, KindChannel, s.newChannel)
	return s
}

func (s *server) command(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case channelBound:
		s.forward(ctx, m)
	case *createServer:
		s.onCreate(ctx, m)
	case *joinServer:
		s.onJoin(ctx, m)
	case *leaveServer:
		s.onLeave(ctx, m)
	case *deleteServer:
		s.onDelete(ctx, m)
	case *createChannel:
		s.onCreateChannel(ctx, m)
	case *deleteChannel:
		s.onDeleteChannel(ctx, m)
	case *setImage:
		s.onSetImage(ctx, m)
	case *getImage:
		s.onGetImage(ctx, m)
	case *serverChannels:
		s.onChannels(ctx, m)
	case *serverMembers:
		s.onMembers(ctx, m)
	case *subscribe:
		s.onSubscribe(ctx, m)
	case *membershipNoted:
		s.onNoted(ctx, m)
	case *membershipRefused:
		s.onRefused(ctx, m)
	case *subscribeChannel:
		s.onSubscribeChannel(ctx, m)
	case *hashDone:
		s.onHashDone(ctx, m)
	case *saveChannel:
		s.onSaveChannel(ctx, m)
	case *retireAll:
		s.onRetireAll(ctx, m)
	case *persistence.SnapshotSaved:
		s.onSnapshotSaved(ctx, m)
		s.leaveIfGone(ctx)
	default:
		s.parental(ctx, msg)
	}
}

// parental handles the messages between the server, its parent and its channels.
func (s *server) parental(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *squeeze:
		s.kids.squeeze(ctx)
	case *sweep:
		s.kids.sweep(ctx)
		s.payDebts(ctx)
		s.bury(ctx)
		s.sweeps.again(ctx)
	case *stayed:
		s.kids.stayed(ctx, m.name)
	case *vacant:
		s.kids.vacate(ctx, m)
	case *actor.Terminated:
		s.kids.terminated(ctx, m.Who)
		s.retireNext(ctx)
		if len(s.kids.live) == 0 && s.saved == s.seq { // the tombstone may have been saved before
			s.leaveIfGone(ctx)
		}
	case *rest:
		s.onRest(ctx, m)
	default:
		s.node.unexpected(ctx)
	}
}

// mend also notes the end of a channel. It may be the last one that a stop or restart waits for.
func (s *server) mend(ctx actor.Context, msg any) {
	if m, ended := msg.(*actor.Terminated); ended {
		s.kids.terminated(ctx, m.Who)
		return
	}
	s.durable.mend(ctx, msg)
}

func (s *server) onCreate(ctx actor.Context, m *createServer) {
	switch {
	case s.guild.Exists:
		s.refuse(ctx, m.Caller, ServerExists)
	case m.Wrong != "":
		s.refuse(ctx, m.Caller, m.Wrong)
	case !s.writable():
		s.refuse(ctx, m.Caller, StorageDown)
	case m.Password == "": // open to all: there is nothing to hash
		s.finishCreate(ctx, m, "")
	default:
		s.hash(ctx, hashing{command: m, first: true}, hashWork{Password: m.Password})
	}
}

func (s *server) onJoin(ctx actor.Context, m *joinServer) {
	if !s.guild.Exists {
		s.refuse(ctx, m.Caller, NoSuchServer)
		return
	}
	if s.guild.Password == "" {
		s.finishJoin(ctx, m, m.Password == "")
		return
	}
	s.compare(ctx, m, m.Password, s.guild.Password)
}

func (s *server) onLeave(ctx actor.Context, m *leaveServer) {
	if !s.may(ctx, m.Caller, s.guild.checkMember(m.User)) {
		return
	}
	s.commit(ctx, "memberLeft", memberLeft{User: m.User})
	s.say(ctx, s.node.router, &revoke{Topic: s.topic(), User: m.User, Seq: s.seq, Reason: MembershipEnded})
	s.tellThenReply(ctx, m.Caller, debt{s.guild.of(m.User), false})
}

func (s *server) onDelete(ctx actor.Context, m *deleteServer) {
	switch {
	case !s.guild.Exists:
		s.refuse(ctx, m.Caller, NoSuchServer)
	case s.guild.Owner != m.User:
		s.refuse(ctx, m.Caller, NotOwnerDelete)
	case s.guild.Password == "":
		s.finishDelete(ctx, m, m.Password == "")
	default:
		s.compare(ctx, m, m.Password, s.guild.Password)
	}
}

func (s *server) onSetImage(ctx actor.Context, m *setImage) {
	var code Code
	switch {
	case !s.guild.Exists:
		code = NoSuchServer
	case s.guild.Owner != m.User:
		code = NotOwnerImage
	default:
		code = m.Wrong
	}
	if !s.may(ctx, m.Caller, code) {
		return
	}
	s.commit(ctx, "imageSet", imageSet{Image: m.Image})
	s.reply(ctx, m.Caller, Done{})
}

func (s *server) onGetImage(ctx actor.Context, m *getImage) {
	switch {
	case !s.guild.Exists:
		s.refuse(ctx, m.Caller, NoSuchServer)
	case !s.guild.isMember(m.User):
		s.refuse(ctx, m.Caller, NotInServerImage)
	case s.guild.Image == "":
		s.refuse(ctx, m.Caller, NoImage)
	default:
		s.reply(ctx, m.Caller, Image{Image: s.guild.Image})
	}
}

func (s *server) onChannels(ctx actor.Context, m *serverChannels) {
	if code := s.guild.checkMember(m.User); code != "" {
		s.refuse(ctx, m.Caller, code)
		return
	}
	if !s.guild.channels.fits(s.node.cfg.AnswerBytes) {
		s.refuse(ctx, m.Caller, ListTooLong)
		return
	}
	names := make([]string, s.guild.channels.len())
	for i, c := range s.guild.channels.all() {
		names[i] = c.Channel
	}
	s.reply(ctx, m.Caller, Channels{Names: names})
}

func (s *server) onMembers(ctx actor.Context, m *serverMembers) {
	if code := s.guild.checkMember(m.User); code != "" {
		s.refuse(ctx, m.Caller, code)
		return
	}
	if !s.guild.members.fits(s.node.cfg.AnswerBytes) {
		s.refuse(ctx, m.Caller, ListTooLong)
		return
	}
	names := make([]string, s.guild.members.len())
	for i, name := range s.guild.members.all() {
		names[i] = string(name)
	}
	s.say(ctx, s.node.router, &whoIsOnline{Caller: m.Caller, Owner: s.guild.Owner, Users: names})
}

// may tells whether a change can be made. If not, because of code or because nothing can be
// made durable now, it refuses the caller.
func (s *server) may(ctx actor.Context, caller Caller, code Code) bool {
	if code == "" && !s.writable() {
		code = StorageDown
	}
	if code != "" {
		s.refuse(ctx, caller, code)
	}
	return code == ""
}

func (s *server) called() string { return s.name }

func (s *server) weight() int { return s.guild.weight() }

// idle: a server that cannot be read stays if nobody else knows that ends are unsaid, and one
// that is over until its tombstone is saved.
func (s *server) idle() bool {
	if s.phase == broken && s.endsUnsaid || s.unburied() {
		return false
	}
	return s.settled() && len(s.hashing) == 0 && len(s.guild.owed) == 0 && len(s.askers) == 0 && len(s.kids.live) == 0
}

func (s *server) onRest(ctx actor.Context, m *rest) {
	switch {
	case !s.idle():
		ctx.Send(ctx.Parent(), &stayed{name: s.name})
		if s.phase == broken { // perhaps nobody else will want it
			s.recover(ctx)
		}
	case !m.again:
		ctx.Send(ctx.Self(), &rest{name: m.name, again: true})
	default:
		ctx.Stop(ctx.Self())
	}
}

func (s *server) commit(ctx actor.Context, eventType string, event any, drops ...persistence.Stream) {
	s.guild.apply(event)
	s.recordJSON(ctx, eventType, event, drops...)
}

// topic is what a subscription to the whole server is for.
func (s *server) topic() topic {
	return topic{server: s.name, serverIncarnation: s.guild.Incarnation}
}

// topicOf is what a subscription to one of its channels is for.
func (s *server) topicOf(channel string, incarnation uint64) topic {
	return topic{s.name, s.guild.Incarnation, channel, incarnation}
}

func (s *server) reset() {
	s.guild, s.repeat, s.buried, s.untold = newGuild(), nil, 0, nil
	clear(s.lastWord)
}

func (s *server) restore(snapshot []byte) error {
	saved, err := decode[guild](snapshot)
	if err != nil {
		return err
	}
	saved.owed = s.guild.owed
	for _, name := range saved.Members {
		saved.members.put(name)
	}
	for _, c := range saved.Channels {
		saved.channels.put(c)
	}
	for _, d := range saved.Owed {
		saved.owed[d.membership] = d.Member
	}
	saved.Members, saved.Channels, saved.Owed = nil, nil, nil
	if s.guild = saved; s.over() { // it was saved as a tombstone, see snapshot
		s.buried = s.saved
	}
	return nil
}

func (s *server) replay(e persistence.Event) error {
	event, err := decodeEvent(serverEvents, e)
	if err == nil {
		if s.endsUnsaid {
			s.noteEnd(e.Seq, event)
		}
		s.guild.apply(event)
	}
	return err
}

// recovered refuses those who wait for a change that turned out not to be on disk, and pays the
// debts that a crash may have left. If there is no such server, the actor leaves.
func (s *server) recovered(ctx actor.Context) {
	s.refuseAskers(ctx, s.committed+1, OutcomeUnknown)
	s.sweeps.start(ctx, s.node.sweepEvery(), &sweep{})
	s.spareChannels(ctx)
	s.endAgain(ctx)
	s.payDebts(ctx)
	s.leaveIfGone(ctx)
}

func (s *server) rejected(ctx actor.Context, seq uint64, code Code) {
	s.endsUnsaid = true // some of the events may be on disk after all
	s.refuseAskers(ctx, seq, code)
}

func (s *server) abandoned(ctx actor.Context) {
	s.refuseHashing(ctx)
	s.refuseAskers(ctx, 0, OutcomeUnknown)
}

func (s *server) stopping(ctx actor.Context) {
	s.sweeps.stop()
	s.kids.close(ctx)
}

func (s *server) snapshot(save *persistence.SaveSnapshot) {
	state := s.guild
	state.Members, state.Channels = s.guild.members.all(), s.guild.channels.all()
	for who, member := range s.guild.owed {
		state.Owed = append(state.Owed, debt{who, member})
	}
	save.State = mustJSON(state)
	if s.over() {
		save.Gone, s.buried = true, save.Seq
	}
}

// serverView is a server's view. Of the password it only shows whether there is one.
type serverView struct {
	Durable     durableView            `json:"durable"`
	Name        string                 `json:"name"`
	Exists      bool                   `json:"exists"`
	Incarnation uint64                 `json:"incarnation"`
	Owner       string                 `json:"owner"`
	Locked      bool                   `json:"hasPassword"`
	Members     few[string]            `json:"members"`
	Channels    few[serverChannelView] `json:"channels"`
	Awake       few[childView]         `json:"awake"` // channels in memory, by incarnation
	ImageBytes  int                    `json:"imageBytes"`
	Owed        few[owedView]          `json:"owed"` // users that have not confirmed a change
	Waiting     int                    `json:"waiting"`
	Hashing     int                    `json:"hashing"`
}

type serverChannelView struct {
	Name        string `json:"name"`
	Incarnation uint64 `json:"incarnation"`
	Awake       bool   `json:"awake"`
}

type owedView struct {
	User   string `json:"user"`
	Member bool   `json:"member"`
}

func (s *server) view() any {
	g := &s.guild
	return serverView{
		Durable: s.common(), Name: s.name, Exists: g.Exists, Incarnation: g.Incarnation, Owner: g.Owner,
		Locked:  g.Password != "",
		Members: fewOf(g.members.all(), memberName.called),
		Channels: fewOf(g.channels.all(), func(c channelCreated) serverChannelView {
			return serverChannelView{c.Channel, c.Incarnation, s.actorOf(c.Incarnation) != nil}
		}),
		Awake: s.kids.view(), ImageBytes: len(g.Image), Owed: s.owedView(),
		Waiting: len(s.askers), Hashing: len(s.hashing),
	}
}

func (s *server) owedView() few[owedView] {
	f := few[owedView]{Count: len(s.guild.owed), First: []owedView{}}
	for who, member := range s.guild.owed {
		if len(f.First) == shownMost {
			break
		}
		f.First = append(f.First, owedView{who.User, member})
	}
	return f
}
