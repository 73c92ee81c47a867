package actors

import (
	"net/netip"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// session is one connection: who is logged in on it, which of its requests
// are under way, and the order of its answers. Transport sends it Requests;
// users, servers, channels and the router answer it. Nothing of it survives a
// crash: then its connection is closed. When the connection ends first, the
// session stays until the work it has asked for is done, so that this work still
// counts at the gate.
//
// Requests take effect in the order of their arrival: a request begins when all
// before it are answered. Only posts to the same channel travel together, since
// every actor on their way keeps their order.

type (
	// connected is a session's first message: its connection.
	connected struct {
		out  Outbox
		from netip.Addr
		id   uint64
	}
	// closed says that the connection has ended.
	closed struct{}
	// overdue is the session's own timer: look for requests that are past their deadline.
	overdue struct{}
	// welcomed says that the user has joined a server; the router sends it to
	// sessions that subscribe by themselves (Config.AutoSubscribe).
	welcomed struct{ server string }
)

// session is open until its connection ends or it crashes. Then it is gone, and stops when its
// orphans are answered or two deadlines have passed. A request waits, flies, and is handed over
// when it and all before it have a reply.
type session struct {
	node *node
	out  Outbox
	from netip.Addr
	id   uint64

	user, key string
	waiting   []*Request // not begun; as many as the connection's window lets in
	flying    []flight   // begun, in order
	lastRef   uint64
	counted   time.Time         // when the last gettotalmessages was let through
	timer     *time.Timer       // of the oldest request's deadline
	armed     bool              // the timer runs
	auto      *autoSubscription // nil if it does not subscribe by itself

	spans map[*Request]*telemetry.Span // of the followed requests; nil mostly

	orphans map[uint64]orphan // requests that nobody waits for any more, but somebody may still work on
	gone    bool              // the connection has ended
}

// flight is a request that has begun.
type flight struct {
	req      *Request
	ref      uint64
	begun    time.Time
	admitted bool // it counts at the gate
	reply    any  // nil until it is answered
	after    any  // the reply, while it waits for the router to forget the former user
}

func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopped, *actor.Restarting:
	case *Request:
		s.onRequest(ctx, m)
	case *answer:
		s.onAnswer(ctx, m)
	case *welcomed:
		s.subscribeTo(ctx, m.server)
	case *askAgain:
		s.onAskAgain(ctx)
	case *overdue:
		s.onOverdue(ctx)
	case *connected:
		s.out, s.from, s.id = m.out, m.from, m.id
	case *closed:
		s.onClosed(ctx)
	case *actor.Stopping:
		s.onStopping(ctx)
	default:
		s.node.unexpected(ctx)
	}
}

func (s *session) onRequest(ctx actor.Context, req *Request) {
	if s.gone {
		return
	}
	s.follow(ctx, req)
	if len(s.waiting) > 0 || !s.mayBegin(req) {
		s.waiting = append(s.waiting, req)
		return
	}
	s.begin(ctx, req)
	s.deliver(ctx)
}

// deliver hands over the answers that are due, in order, and begins the requests
// that waited for them.
func (s *session) deliver(ctx actor.Context) {
	for {
		s.handOver(ctx)
		if len(s.waiting) == 0 || !s.mayBegin(s.waiting[0]) {
			break
		}
		req := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		s.beginWaiting(ctx, req)
	}
	if len(s.waiting) == 0 {
		s.waiting = nil // an idle session holds no queue
	}
}

// follow remembers the span of a followed request until its answer is handed over.
func (s *session) follow(ctx actor.Context, req *Request) {
	at := telemetry.SpanOf(ctx)
	if at == nil {
		return
	}
	if s.spans == nil {
		s.spans = map[*Request]*telemetry.Span{}
	}
	s.spans[req] = at
}

// beginWaiting begins a request that has waited for others.
func (s *session) beginWaiting(ctx actor.Context, req *Request) {
	ctx = telemetry.Within(ctx, nil)
	if span := s.spans[req]; span != nil {
		again := span.Again()
		defer again.Leave()
		s.spans[req] = again
		ctx = telemetry.Within(ctx, again)
	}
	s.begin(ctx, req)
}

// answer hands over the answer to a request.
func (s *session) answer(ctx actor.Context, req *Request, reply any) {
	span := s.spans[req]
	if span == nil {
		s.out.Answer(req, reply)
		return
	}
	if delete(s.spans, req); len(s.spans) == 0 {
		s.spans = nil
	}
	if here := telemetry.SpanOf(ctx); span.Joins(here) {
		span = here
	}
	s.out.AnswerFollowed(req, reply, span.Writing(reply, string(codeOf(reply))))
}

func (s *session) handOver(ctx actor.Context) {
	n := 0
	for ; n < len(s.flying) && s.flying[n].reply != nil; n++ {
		f := &s.flying[n]
		s.unwrap(ctx, f)
		s.count(f)
		if f.admitted {
			f.admitted = false
			s.node.gate.leave(f.req.Bytes)
		}
		s.answer(ctx, f.req, f.reply)
	}
	s.flying = slices.Delete(s.flying, 0, n)
	if len(s.flying) == 0 && cap(s.flying) > 2 {
		s.flying = nil
	}
}

// count counts an answer, if the provider counts at all. Requests that are turned away are not
// timed: they are answered at once, and many of them would make the others look quick.
func (s *session) count(f *flight) {
	if !s.node.record.Counts() {
		return
	}
	code, took := codeOf(f.reply), time.Since(f.begun)
	if code == Busy || code == StorageDown {
		took = telemetry.Untimed
	}
	s.node.record.Answered(f.req.Call, string(code), took, f.req.Bytes)
}

// unwrap turns a refusal into the Refused that the client gets, and reports to the feed that
// work was refused. Every answer passes here exactly once.
func (s *session) unwrap(ctx actor.Context, f *flight) {
	var no *refusal
	switch reply := f.reply.(type) {
	case Refused:
		no = refusalOf(ctx, reply.Code)
	case *refusal:
		no, f.reply = reply, reply.Refused
	default:
		return
	}
	if s.node.record.Heard() {
		s.node.record.Refused(string(no.Code), no.kind, no.by, f.req.Call)
	}
}

// mayBegin tells whether a request may begin while others are under way.
func (s *session) mayBegin(req *Request) bool {
	if len(s.flying) == 0 {
		return true
	}
	next, isPost := req.Command.(*Post)
	last, wasPost := s.flying[len(s.flying)-1].req.Command.(*Post)
	return isPost && wasPost && next.Server == last.Server && next.Channel == last.Channel
}

func (s *session) begin(ctx actor.Context, req *Request) {
	s.lastRef++
	s.forgetLost()
	admitted := len(s.orphans) < maxOrphans && s.node.gate.enter(req.Bytes)
	s.flying = append(s.flying, flight{req: req, ref: s.lastRef, begun: time.Now(), admitted: admitted})
	reply := any(Refused{Code: Busy})
	if admitted {
		reply = s.start(ctx, req, s.caller(ctx, s.lastRef))
	}
	s.flying[len(s.flying)-1].reply = reply
	if reply == nil {
		s.arm(ctx, s.node.cfg.Deadline)
	}
}

// caller is this session as the one who asks.
func (s *session) caller(ctx actor.Context, ref uint64) Caller {
	return Caller{PID: ctx.Self(), Session: s.id, Ref: ref, From: s.from}
}

// start sends a request on its way. It returns the reply if there is one already, else nil.
func (s *session) start(ctx actor.Context, req *Request, me Caller) any {
	command, wrong := req.Command, Code("")
	if c, is := command.(Wrong); is {
		command, wrong = c.Command, c.Code
	}
	switch c := command.(type) {
	case Refused:
		return c
	case ProviderName:
		if s.user != "" && s.impostor(req) {
			return Refused{Code: NotThatUser}
		}
		return s.node.info
	case Register:
		return s.tell(ctx, &register{me, c.User, c.Password, wrong}, InvalidUser)
	case Login:
		return s.tell(ctx, &login{me, c.User, c.Password}, s.unknownUser(WrongPassword))
	case LoginByKey:
		return s.tell(ctx, &loginByKey{me, c.User, c.Key}, s.unknownUser(WrongKey))
	}
	switch {
	case s.user == "":
		return Refused{Code: NotLoggedIn}
	case s.impostor(req):
		return Refused{Code: NotThatUser}
	}
	return s.startAsUser(ctx, command, wrong, me)
}

// impostor tells whether a request claims to be from another user than the session's.
func (s *session) impostor(req *Request) bool {
	return req.Claimed != "" && req.Claimed != s.user
}

// startAsUser sends on what only a logged-in user may ask. Only here is the user's name
// filled in. wrong is the code for a value that is not allowed, "" without one.
func (s *session) startAsUser(ctx actor.Context, command any, wrong Code, me Caller) any {
	switch c := command.(type) {
	case *Post:
		return s.tell(ctx, &post{me, s.user, c}, NoSuchServer)
	case GetMessages:
		return s.tell(ctx, &getMessages{me, s.user, c}, NoSuchServer)
	case LatestMessages:
		return s.tell(ctx, &latestMessages{me, s.user, c, wrong}, NoSuchServer)
	case CountMessages:
		return s.startCount(ctx, c, me)
	case Ping:
		return Done{}
	case Logout:
		return s.tell(ctx, &logout{me, s.user, s.key}, NoSuchUser)
	case ChangePassword:
		if wrong != "" {
			return Refused{Code: wrong}
		}
		return s.tell(ctx, &changePassword{me, s.user, c.Password, c.New}, NoSuchUser)
	case JoinedServers:
		return s.tell(ctx, &joinedServers{Caller: me, User: s.user}, NoSuchUser)
	case Unsubscribe:
		if c.Server == "" || c.HasChannel && c.Channel == "" {
			return Refused{Code: NotSubscribed} // no such name can be
		}
		ctx.Send(s.node.router, &detach{me, c.Server, c.Channel, s.mayStill(Subscribe(c))})
		return nil
	default:
		return s.startAtServer(ctx, command, wrong, me)
	}
}

func (s *session) startAtServer(ctx actor.Context, command any, wrong Code, me Caller) any {
	var m addressed
	switch c := command.(type) {
	case CreateServer:
		return s.tell(ctx, &createServer{me, s.user, c.Server, c.Password, wrong}, InvalidServer)
	case JoinServer:
		m = &joinServer{me, s.user, c.Server, c.Password}
	case LeaveServer:
		m = &leaveServer{me, s.user, c.Server}
	case DeleteServer:
		m = &deleteServer{me, s.user, c.Server, c.Password}
	case CreateChannel:
		m = &createChannel{me, s.user, c.Server, c.Channel, wrong}
	case DeleteChannel:
		m = &deleteChannel{me, s.user, c.Server, c.Channel}
	case SetServerImage:
		m = &setImage{me, s.user, c.Server, c.Image, wrong}
	case GetServerImage:
		m = &getImage{me, s.user, c.Server}
	case ServerChannels:
		m = &serverChannels{me, s.user, c.Server}
	case ServerMembers:
		m = &serverMembers{me, s.user, c.Server}
	case Subscribe:
		m = &subscribe{me, s.user, c}
	default:
		return Refused{Code: UnknownCall}
	}
	return s.tell(ctx, m, NoSuchServer)
}

// tell sends a message to the entity that it names. If no entity can have that name, it
// returns the refusal at once.
func (s *session) tell(ctx actor.Context, m addressed, nobody Code) any {
	if _, name := m.entity(); name == "" {
		return Refused{Code: nobody}
	}
	s.node.dir.Tell(ctx, m)
	return nil
}

// unknownUser is the refusal of a login whose user cannot exist.
func (s *session) unknownUser(hidden Code) Code {
	if s.node.cfg.HideUsers {
		return hidden
	}
	return NoSuchUser
}

func (s *session) startCount(ctx actor.Context, c CountMessages, me Caller) any {
	interval, now := s.node.cfg.CountInterval, time.Now()
	if now.Sub(s.counted) < interval {
		return Refused{Code: TooOften, Seconds: interval.Seconds()}
	}
	s.counted = now
	return s.tell(ctx, &countMessages{me, s.user, c}, NoSuchServer)
}

func (s *session) onAnswer(ctx actor.Context, m *answer) {
	switch {
	case s.gone:
		s.onAfterwards(ctx, m)
		return
	case s.auto.awaits(m.Ref):
		s.onSubscribed(ctx, m)
		return
	}
	f := s.find(m.Ref)
	if f == nil {
		s.orphanDone(m.Ref)
		return
	}
	reply := f.departed(m.Reply)
	if s.depart(ctx, f, reply) {
		return
	}
	if in, is := reply.(LoggedIn); is && s.arrive(ctx, f, in) {
		return
	}
	f.reply = reply
	s.deliver(ctx)
}

func (s *session) find(ref uint64) *flight {
	for i := range s.flying {
		if f := &s.flying[i]; f.ref == ref && f.reply == nil {
			return f
		}
	}
	return nil
}

// mend keeps the connection from staying open when the handler of connected or Stopping
// has crashed.
func (s *session) mend(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *connected:
		s.out = m.out
	case *actor.Stopping:
		s.onStopping(ctx)
	}
}

func (s *session) onStopping(ctx actor.Context) {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.hangUp(ctx)
	for ref := range s.orphans {
		s.orphanDone(ref)
	}
}

// sessionView is a session's view. Requests are named by our commands, not by the text that
// the client sent as the call's name.
type sessionView struct {
	ID       uint64          `json:"id"`
	User     string          `json:"user"`
	From     string          `json:"from"`
	Flying   few[flightView] `json:"flying"`   // begun, in order
	Waiting  few[string]     `json:"waiting"`  // not begun
	Late     int             `json:"late"`     // past their deadline or the connection's end, and perhaps still worked on
	Gone     bool            `json:"gone"`     // the connection has ended, and only that work is waited for
	Arriving int             `json:"arriving"` // subscriptions that a login waits for
}

type flightView struct {
	Command  string `json:"command"`
	Bytes    int    `json:"bytes"`
	AgeMs    int64  `json:"ageMs"`
	Admitted bool   `json:"admitted"`
	Answered bool   `json:"answered"`
}

// commandName is what a request asks for, also where a value of it is wrong.
func commandName(r *Request) string {
	if c, is := r.Command.(Wrong); is {
		return telemetry.MessageName(c.Command)
	}
	return telemetry.MessageName(r.Command)
}

func (s *session) view() any {
	v := sessionView{ID: s.id, User: s.user, Late: len(s.orphans), Gone: s.gone}
	if s.from.IsValid() {
		v.From = s.from.String()
	}
	v.Flying = fewOf(s.flying, func(f flight) flightView {
		return flightView{commandName(f.req), f.req.Bytes, time.Since(f.begun).Milliseconds(), f.admitted, f.reply != nil}
	})
	v.Waiting = fewOf(s.waiting, commandName)
	if s.auto != nil && s.auto.login != 0 {
		v.Arriving = len(s.auto.open) + len(s.auto.waiting)
	}
	return v
}

func (s *session) label() string { return s.user }
