package powercuttest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// powerMessage is one message as getmessages tells it.
type powerMessage struct {
	Message   string
	Timestamp float64
	Author    string
}

// powerFrame is an answer, or an event when it has a Call.
type powerFrame struct {
	powerMessage
	Resp     bool
	Reason   string
	Call     string
	Channel  string
	Index    int
	Amount   int
	Key      string
	Messages []struct {
		powerMessage
		Index int // with getlatestmessages
	}
	Servers    []string
	Channels   []string
	Members    []struct{ Usernm string }
	ServerName string
}

// powerLine is one connection. It is used by one goroutine.
type powerLine struct {
	book *powerBook
	conn net.Conn
	in   *json.Decoder
	next int // index of the next push from general, -1 when not known
}

// dial connects; nil when the power is off.
func (l *powerLife) dial() *powerLine {
	dialed, err := net.Dial("tcp", l.house.Addr)
	if err != nil {
		l.book.wrong("dial: %v", err)
		return nil
	}
	conn := dialed.(*net.TCPConn)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns = append(l.conns, conn); l.ended {
		breakOff(conn) // hangUp came between
	}
	return &powerLine{book: l.book, conn: conn, in: json.NewDecoder(conn), next: -1}
}

// read gives the next answer or event.
func (p *powerLine) read() (f powerFrame, ok bool) {
	err := p.conn.SetReadDeadline(time.Now().Add(patience))
	if err == nil {
		err = p.in.Decode(&f)
	}
	if err != nil {
		p.book.wrong("the connection ended before the power did: %v", err)
		return f, false
	}
	return f, true
}

// answer gives the next answer; events before it are noted.
func (p *powerLine) answer() (powerFrame, bool) {
	for {
		f, ok := p.read()
		if !ok || f.Call == "" {
			return f, ok
		}
		p.event(f)
	}
}

// event notes a push. Those of general come without a gap, in order, as long as
// the subscription lasts.
func (p *powerLine) event(f powerFrame) {
	if f.Call == "unsubscribed" && f.Channel == "" {
		p.next = -1
	}
	if f.Call != "newmessage" {
		return
	}
	p.book.note(func() {
		p.book.observe("push", p.book.rooms[f.Channel], f.powerMessage, f.Index)
		if f.Channel != "general" {
			return
		}
		if p.next >= 0 && p.next != f.Index {
			p.book.t.Errorf("message %d was pushed, %d was due", f.Index, p.next)
		}
		p.next = f.Index + 1
	})
}

func (p *powerLine) send(format string, args ...any) bool {
	if _, err := fmt.Fprintf(p.conn, format, args...); err != nil {
		p.book.wrong("the connection ended before the power did: %v", err)
		return false
	}
	return true
}

// ask sends a request and gives its answer; ok is false when there is none,
// since the power went.
func (p *powerLine) ask(format string, args ...any) (f powerFrame, ok bool) {
	if !p.send(format, args...) {
		return f, false
	}
	return p.answer()
}

// must is ask for what has to succeed.
func (p *powerLine) must(format string, args ...any) (powerFrame, bool) {
	f, ok := p.ask(format, args...)
	if ok && !f.Resp {
		p.book.wrong("%s was refused: %s", fmt.Sprintf(format, args...), f.Reason)
		return f, false
	}
	return f, ok
}

// login connects as a user with the password "pw".
func (l *powerLife) login(name string) *powerLine {
	p := l.dial()
	if p == nil {
		return nil
	}
	if _, ok := p.must(`{"call":"login","usernm":%q,"passwd":"pw"}`, name); !ok {
		return nil
	}
	return p
}

var powerPosters = []string{"anna", "bert", "cora"}

// foundWorld makes users, server and members; the power does not go meanwhile.
func (l *powerLife) foundWorld() {
	for _, name := range append([]string{"owner", "wanderer", "clerk", "reader", "listener", "watcher"}, powerPosters...) {
		p := l.dial()
		p.must(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
		if name == "owner" {
			owner := l.login(name)
			owner.must(`{"call":"createserver","servername":"s","serverpasswd":"spw"}`)
		} else if name != "wanderer" && name != "clerk" {
			l.login(name).must(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
		}
	}
	for _, name := range powerPosters {
		l.book.posters[name] = &poster{}
	}
	l.book.account.settle("pw")
}

// crowd lets all clients loose. Each goes on until the book is closed.
func (l *powerLife) crowd() {
	for _, name := range powerPosters {
		l.run(name, l.post)
	}
	l.run("listener", l.listen)
	l.run("watcher", l.watch)
	l.run("reader", l.read)
	l.run("owner", l.own)
	l.run("wanderer", l.wander)
	l.running.Go(func() { l.clerk(rand.New(rand.NewPCG(l.seed, 9))) })
}

func (l *powerLife) run(name string, work func(p *powerLine, name string, rng *rand.Rand)) {
	l.running.Go(func() {
		if p := l.login(name); p != nil {
			rng := rand.New(rand.NewPCG(l.seed, uint64(name[0])))
			work(p, name, rng)
		}
	})
}

// post keeps some posts under way.
func (l *powerLife) post(p *powerLine, name string, rng *rand.Rand) {
	window := 1 + rng.IntN(8)
	for waiting := 0; ; waiting++ {
		if waiting == window {
			f, ok := p.answer()
			if !ok || !l.book.answered(name, f) {
				return
			}
			waiting--
		}
		post, open := l.book.compose(name, rng.IntN(1000))
		if !open || !p.post(post) {
			return
		}
	}
}

func (p *powerLine) post(post powerPost) bool {
	if post.nonce == "" {
		return p.send(`{"call":"message","servername":"s","channel":%q,"msg":%q}`, post.room, post.text)
	}
	return p.send(`{"call":"message","servername":"s","channel":%q,"msg":%q,"nonce":%q}`, post.room, post.text, post.nonce)
}

// listen hears all channels of the server.
func (l *powerLife) listen(p *powerLine, _ string, _ *rand.Rand) {
	_, ok := p.must(`{"call":"subscribe","servername":"s"}`)
	for ok {
		_, ok = p.answer()
	}
}

// watch hears one channel, from a known message on.
func (l *powerLife) watch(p *powerLine, _ string, _ *rand.Rand) {
	if !p.send(`{"call":"subscribe","servername":"s","channel":"general"}`) {
		return
	}
	f, ok := p.read()
	first := f.Index
	for early := 0; ok && f.Call != ""; early++ {
		if p.event(f); early == 0 {
			first = f.Index
		}
		f, ok = p.read()
	}
	if p.next >= 0 && ok && first != f.Amount {
		p.book.wrong("the first push is %d, the amount was %d", first, f.Amount)
	}
	if p.next < 0 {
		p.next = f.Amount
	}
	for ok {
		_, ok = p.answer()
	}
}

// read asks for pieces of the history, by place and by age.
func (l *powerLife) read(p *powerLine, _ string, rng *rand.Rand) {
	for ok := true; ok; {
		if rng.IntN(2) == 0 {
			ok = l.readPiece(p, rng)
		} else {
			ok = l.readLatest(p)
		}
	}
}

func (l *powerLife) readPiece(p *powerLine, rng *rand.Rand) bool {
	least := 0
	if !l.book.note(func() { least = l.book.rooms["general"].top }) {
		return false
	}
	f, ok := p.must(`{"call":"gettotalmessages","servername":"s","channel":"general"}`)
	if !ok {
		return false
	}
	if f.Amount < least {
		l.book.wrong("%d messages were told of, then %d", least, f.Amount)
	}
	begin := rng.IntN(f.Amount + 1)
	end := min(f.Amount, begin+50)
	f, ok = p.must(`{"call":"getmessages","servername":"s","channel":"general","begin":%d,"end":%d}`, begin, end)
	return ok && l.book.note(func() {
		for i, m := range f.Messages {
			l.book.observe("read", l.book.rooms["general"], m.powerMessage, begin+i)
		}
	})
}

func (l *powerLife) readLatest(p *powerLine) bool {
	f, ok := p.must(`{"call":"getlatestmessages","servername":"s","channel":"general","count":20}`)
	return ok && l.book.note(func() {
		for _, m := range f.Messages {
			l.book.observe("latest", l.book.rooms["general"], m.powerMessage, m.Index)
		}
	})
}

// own makes and deletes a channel.
func (l *powerLife) own(p *powerLine, _ string, rng *rand.Rand) {
	c := l.book.rooms["c"]
	for {
		call := "createchannel"
		if !l.book.note(func() {
			if c.exists.change(!c.exists.is); c.exists.is {
				call = "deletechannel"
			}
		}) {
			return
		}
		if _, ok := p.must(`{"call":%q,"servername":"s","name":"c"}`, call); !ok {
			return
		}
		if !l.book.note(func() { c.become(c.exists.next) }) {
			return
		}
		for range rng.IntN(20) { // the others need some time to post
			if _, ok := p.must(`{"call":"getserverchannels","servername":"s"}`); !ok {
				return
			}
		}
	}
}

// become settles whether the channel is there.
func (r *powerRoom) become(there bool) {
	if r.exists.is && !there {
		r.epoch++
		r.top = 0
	}
	r.exists.settle(there)
}

// wander joins and leaves. A stranger cannot post.
func (l *powerLife) wander(p *powerLine, _ string, rng *rand.Rand) {
	m := &l.book.member
	for {
		call := "joinserver"
		if !l.book.note(func() {
			if m.change(!m.is); m.is {
				call = "leaveserver"
			}
		}) {
			return
		}
		if _, ok := p.must(`{"call":%q,"servername":"s","serverpasswd":"spw"}`, call); !ok {
			return
		}
		if !l.book.note(func() { m.settle(m.next) }) {
			return
		}
		for range 1 + rng.IntN(5) {
			if !l.wanderIn(p, call == "joinserver") {
				return
			}
		}
	}
}

// wanderIn does what depends on the membership.
func (l *powerLife) wanderIn(p *powerLine, member bool) bool {
	call := `{"call":"message","servername":"s","channel":"general","msg":"from a stranger"}`
	if member {
		call = `{"call":"subscribe","servername":"s"}`
	}
	f, ok := p.ask("%s", call)
	if ok && f.Resp != member {
		l.book.wrong("member %v: %s was answered %v %s", member, call, f.Resp, f.Reason)
	}
	return ok
}
