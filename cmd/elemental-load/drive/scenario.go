package drive

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"elemental/cmd/elemental-load/wire"
	"elemental/protocol"
)

// scenario is the behaviour of the clients of a plan.Scenario.
type scenario struct {
	alone   bool                     // a client does one thing at a time
	absent  bool                     // its clients hold no connection between actions
	does    []string                 // its operations, besides those that connecting and listening have
	listens func(*client) bool       // which clients subscribe; nil for none
	acts    func(number int) bool    // which clients act, by number; nil for all
	act     func(*client, time.Time) // does one action, which was due at that moment; returns after its last answer
}

// scenarios has an entry for each of plan.Scenarios, by name.
var scenarios = map[string]scenario{
	"chat":      {does: posting, listens: everybody, act: (*client).chat},
	"fanout":    {does: posting, listens: allButPosters, acts: postsAlone, act: (*client).chat},
	"history":   {does: []string{opPage}, act: (*client).readBack},
	"poll":      {does: []string{opCount, opPage, opSeen, opPost}, alone: true, act: (*client).poll},
	"login":     {does: []string{opRegister}, alone: true, absent: true, act: (*client).storm},
	"connect":   {does: []string{opPing}, act: (*client).ping},
	"churn":     {does: circling, alone: true, act: (*client).churn},
	"reconnect": {does: []string{opReturn, opPost}, alone: true, listens: everybody, act: (*client).wave},
	"slow":      {does: posting, listens: everybody, acts: readsOn, act: (*client).chat},
}

var (
	posting  = []string{opPost}
	circling = []string{opNewServer, opNewChannel, opLeave, opJoin, opEndChannel, opEndServer}
)

func everybody(*client) bool { return true }

// subscribes tells whether a client subscribes to its channel. With the original provider
// none does, since it pushes nothing.
func (s *scenario) subscribes(c *client) bool {
	return s.listens != nil && !c.part.w.world.Original && s.listens(c)
}

// posters is how many clients of the scenario fanout post. All others listen.
const posters = 4

func allButPosters(c *client) bool { return c.number >= posters }

func postsAlone(number int) bool { return number < posters }

// oneInFive: in the scenario slow every fifth client stops reading; the others chat.
const oneInFive = 5

func readsOn(number int) bool { return number%oneInFive != 0 }

// chat posts one message in the client's channel.
func (c *client) chat(due time.Time) {
	if l := c.must(opPost); l != nil {
		c.postOn(l, due)
	}
}

func (c *client) postOn(l *link, due time.Time) {
	w, stream := c.part.w, l.listening()
	a := l.post.send(l.conn, w.book, w.began(), due, func(a *wire.Answer) {
		if a.OK && a.Index >= 0 && stream != nil {
			stream.Own(a.Index)
		}
	})
	c.judge(opPost, due, a)
}

// must is the client's connection. Without one it returns nil and records that the
// operation failed.
func (c *client) must(operation string) *link {
	l := c.online()
	if l == nil {
		c.part.w.rec.Failed(c.number, operation, errAway)
	}
	return l
}

var errAway = errors.New("not connected")

// page is how many messages a reader of the scenario history asks for at once.
const page = 50

// readBack reads the page before the one it read last. After the first page of the
// channel it begins again at the end.
func (c *client) readBack(due time.Time) {
	l := c.must(opPage)
	if l == nil {
		return
	}
	page := c.part.w.world.portion(page)
	end := c.place.Add(-page) + page
	if end <= 0 {
		end = c.server.History
		c.place.Store(end - page)
	}
	begin := max(end-page, 0)
	for i, m := range c.read(l, due, begin, end) {
		c.home.Saw(begin+int64(i), []byte(m.Text))
	}
}

// read reads the messages from begin up to end, and reports an answer with another number
// of messages.
func (c *client) read(l *link, due time.Time, begin, end int64) []wire.Message {
	r := c.part.w.world.inChannel("getmessages", c.me.Name, c.home.Server, c.home.Name)
	r.Begin, r.End = protocol.Int(begin), protocol.Int(end)
	a := c.ask(l.conn, opPage, due, r)
	if a.OK && int64(len(a.Messages)) != end-begin {
		c.home.Short(begin, end, len(a.Messages))
	}
	return a.Messages
}

// poll counts the channel's messages and reads the new ones. Every tenth step it posts a
// message instead.
func (c *client) poll(due time.Time) {
	const rarely = 10
	c.steps++
	if (c.steps+c.number)%rarely == 0 {
		c.chat(due)
		return
	}
	l := c.must(opCount)
	if l == nil {
		return
	}
	known := c.home.Known()
	a := c.ask(l.conn, opCount, due, c.part.w.world.inChannel("gettotalmessages", c.me.Name, c.home.Server, c.home.Name))
	if a.OK {
		c.home.Counted(known, a.Amount)
		c.catchUp(l, a.Amount)
	}
}

// catchUp reads the messages that are new since the last time. Total is how many the
// channel has.
func (c *client) catchUp(l *link, total int64) {
	w, begin := c.part.w, c.place.Load()
	end := min(total, begin+w.world.portion(1000))
	if begin >= end {
		return
	}
	messages := c.read(l, time.Now(), begin, end)
	for i, m := range messages {
		stamp, ok := c.home.Saw(begin+int64(i), []byte(m.Text))
		if start := w.began(); ok && !start.IsZero() {
			w.rec.Done(c.number, opSeen, start.Add(stamp.Due), start.Add(stamp.Sent), time.Now())
		}
	}
	c.place.Store(begin + int64(len(messages))) // messages that had no answer are read the next time
}

// ping sends a ping, or asks the original provider, which knows no ping, for its name.
func (c *client) ping(due time.Time) {
	l := c.must(opPing)
	if l == nil {
		return
	}
	call := "ping"
	if c.part.w.world.Original {
		call = "getprovidername"
	}
	c.ask(l.conn, opPing, due, c.part.w.world.request(call, c.me.Name))
}

// newcomers numbers the users that the scenario login makes.
var newcomers atomic.Int64

// storm connects, registers a new user, logs in and disconnects. The first request's
// latency counts from due, so it includes the wait for its turn and for the connection.
func (c *client) storm(due time.Time) {
	w := c.part.w
	l := &link{c: c}
	conn, err := c.dial(w.life, l)
	if err != nil {
		c.failed(opRegister, errAway)
		_ = sleep(w.life, idle) // the closed model has no other pause
		return
	}
	defer conn.Close()
	user := protocol.String(fmt.Sprintf("%s-w%d-n%d", w.world.Run, w.number, newcomers.Add(1)))
	password := protocol.String(w.world.Password)
	register := &protocol.Request{Call: protocol.String("register"), Usernm: user, Passwd: password}
	login := &protocol.Request{Call: protocol.String("login"), Usernm: user, Passwd: password}
	if c.ask(conn, opRegister, due, register).OK {
		c.ask(conn, opLogin, time.Now(), login)
	}
}

// churn takes the next step of a cycle: make a server, make a channel in it, leave and
// rejoin the scenario's common server, delete the channel, delete the server.
func (c *client) churn(due time.Time) {
	circle := []struct{ operation, call string }{
		{opNewServer, "createserver"}, {opNewChannel, "createchannel"}, {opLeave, "leaveserver"},
		{opJoin, "joinserver"}, {opEndChannel, "deletechannel"}, {opEndServer, "deleteserver"},
	}
	step := circle[c.steps%len(circle)]
	l := c.must(step.operation)
	if l == nil {
		return
	}
	w := c.part.w.world
	r := w.inServer(step.call, c.me.Name, w.ownServer(c.number))
	switch step.operation {
	case opLeave, opJoin:
		r.ServerName = protocol.String(c.server.Name)
		r.ServerPasswd = noPassword
	case opNewServer, opEndServer:
		r.ServerPasswd = noPassword
	default:
		r.Name = protocol.String("passing")
	}
	if a := c.ask(l.conn, step.operation, due, r); a.Err == nil && !passing[a.Code] {
		c.steps++ // else the same step is tried again next time
	}
}

// wave drops all of the part's clients at once. Each reconnects and then posts a message.
func (c *client) wave(due time.Time) {
	var all sync.WaitGroup
	dropped := time.Now()
	for _, one := range c.part.clients {
		all.Go(func() {
			if one.again() != nil {
				one.part.w.rec.Failed(one.number, opReturn, errNoReturn)
				one.comeBack()
				return
			}
			one.part.w.rec.Done(one.number, opReturn, due, dropped, time.Now())
			one.chat(time.Now())
		})
	}
	all.Wait()
}

var errNoReturn = errors.New("could not return at once")
