package torture

import (
	"errors"
	"fmt"
)

// writer posts into one room, with a window of unanswered posts, each under a
// nonce. After a kill it repeats what was not answered, or lets it be.
type writer struct {
	persona
	m       *mob
	room    room
	window  int
	repeats bool
	n       int
	open    []string // posts without an answer, in order
	old     int      // of them, those made before the last connection
}

func (w *writer) idle() bool { return len(w.open) == 0 }

func (w *writer) session(c *talker, back func()) error {
	if w.settle(); !w.repeats {
		w.open, w.old = nil, 0
	}
	for _, text := range w.open {
		if err := w.post(c, text); err != nil {
			return err
		}
	}
	back()
	for {
		for len(w.open) < w.window && !w.m.leaving.Load() {
			text := postText(w.user, w.n, 0)
			w.n++
			w.m.book.sending(w.room, text)
			w.open = append(w.open, text)
			if err := w.post(c, text); err != nil {
				return err
			}
		}
		if len(w.open) == 0 {
			return nil
		}
		if err := w.acknowledge(c); err != nil {
			return err
		}
	}
}

func (w *writer) post(c *talker, text string) error {
	return c.send("message", "servername", w.room.server, "channel", w.room.channel, "msg", text, "nonce", text)
}

func (w *writer) acknowledge(c *talker) error {
	answer, err := c.hear("message")
	if err != nil {
		return err
	}
	w.m.book.acknowledged(w.room, w.open[0], answer.Index)
	w.open = w.open[1:]
	if w.old > 0 {
		w.old--
		w.m.repeatedPost(answer.Timestamp)
	}
	return nil
}

// settle counts what the last connection left open.
func (w *writer) settle() {
	w.old = len(w.open)
	if !w.repeats {
		w.m.mu.Lock()
		defer w.m.mu.Unlock()
		w.m.abandoned = append(w.m.abandoned, w.open...)
	}
}

// repeatedPost counts a repeated post: its time tells whether it had been done.
func (m *mob) repeatedPost(timestamp float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.repeated++
	if int64(timestamp*1e6) < m.killedAt.UnixMicro() {
		m.landed++
	}
}

// listener is pushed all messages of a server, without a gap on a connection.
type listener struct {
	persona
	m      *mob
	server string
}

func (l *listener) session(c *talker, back func()) error {
	due := map[string]int64{}
	for i := range mobChannels {
		channel := mobRoom(i).channel
		if err := c.send("subscribe", "servername", l.server, "channel", channel); err != nil {
			return err
		}
		for answered := false; !answered; {
			s, err := c.next()
			switch {
			case err != nil:
				return err
			case s.Resp == nil:
				l.heard(due, s)
			case !*s.Resp:
				return refusal{"subscribe", s.Code}
			default:
				due[channel], answered = s.Amount, true
			}
		}
	}
	back()
	for {
		s, err := c.next()
		if err != nil {
			return err
		}
		l.heard(due, s)
	}
}

func (l *listener) heard(due map[string]int64, s said) {
	if want, known := due[s.Channel]; s.Call != "newmessage" || !known || s.Index != want {
		l.m.t.Errorf("%s heard %+v where %d was due", l.user, s, want)
	}
	due[s.Channel] = s.Index + 1
	l.m.book.heard(room{s.Server, s.Channel}, s.Text, s.Index)
}

// reader looks at the newest messages of all rooms in turn.
type reader struct {
	persona
	m    *mob
	next int
}

func (r *reader) session(c *talker, back func()) error {
	back()
	for ; ; r.next++ {
		at := mobRoom(r.next)
		answer, err := c.ask("getlatestmessages", "servername", at.server, "channel", at.channel, "count", 5)
		if err != nil {
			return err
		}
		for _, m := range answer.Messages {
			r.m.book.seen(at, m.Text, m.Index)
		}
	}
}

// churner makes and removes channels, members, accounts and keys, one call
// after the other. What was answered holds over every kill.
type churner struct {
	persona
	m     *mob
	n     int
	facts map[fact]bool // what was acknowledged; without an answer there is none
	keys  []string      // the newest ones
}

// fact is something that holds or does not.
type fact struct{ kind, name string }

func newChurner(m *mob, name string) *churner {
	return &churner{persona: persona{user: name}, m: m, facts: map[fact]bool{}}
}

func (c *churner) own() string { return "own-" + c.user }

func (c *churner) session(conn *talker, back func()) error {
	if c.n++; c.n == 1 {
		_, err := conn.ask("createserver", "servername", c.own(), "serverpasswd", passwordFor(c.own()))
		if no, refused := errors.AsType[refusal](err); err != nil && (!refused || no.code != "server_exists") {
			return err
		}
	}
	if err := c.verify(conn); err != nil {
		return err
	}
	back()
	for {
		if err := c.churn(conn); err != nil {
			return err
		}
		c.n++
	}
}

// change makes a call after which a fact holds, or does not.
func (c *churner) change(conn *talker, f fact, holds bool, call string, pairs ...any) (said, error) {
	delete(c.facts, f)
	answer, err := conn.ask(call, pairs...)
	if err == nil {
		c.facts[f] = holds
	}
	return answer, err
}

// churn does one round of changes.
func (c *churner) churn(conn *talker) error {
	channel, user := fmt.Sprint("x", c.n), fmt.Sprint(c.user, "-", c.n)
	if _, err := c.change(conn, fact{"channel", channel}, true, "createchannel", "servername", c.own(), "name", channel); err != nil {
		return err
	}
	if _, err := c.change(conn, fact{"user", user}, true, "register", "usernm", user, "passwd", passwordFor(user)); err != nil {
		return err
	}
	if c.n%8 > 0 { // some stay
		if _, err := c.change(conn, fact{"channel", channel}, false, "deletechannel", "servername", c.own(), "name", channel); err != nil {
			return err
		}
	}
	if err := c.moveOn(conn); err != nil {
		return err
	}
	return c.renewKey(conn)
}

// moveOn leaves a server, or joins it again.
func (c *churner) moveOn(conn *talker) error {
	server := mobServer(c.n)
	f := fact{"member", server}
	if c.n/mobServers%2 == 0 {
		_, err := c.change(conn, f, false, "leaveserver", "servername", server)
		if no, refused := errors.AsType[refusal](err); refused && no.code == "not_in_server" {
			c.facts[f], err = false, nil // the call before the kill had been done
		}
		return err
	}
	_, err := c.change(conn, f, true, "joinserver", "servername", server, "serverpasswd", passwordFor(server))
	return err
}

// renewKey logs in anew, and out every other time.
func (c *churner) renewKey(conn *talker) error {
	answer, err := conn.ask("login", "usernm", c.user, "passwd", passwordFor(c.user))
	if err != nil {
		return err
	}
	c.facts[fact{"key", answer.Key}] = true
	c.keys = append(c.keys, answer.Key)[max(0, len(c.keys)-2):]
	if c.n%2 == 0 {
		return nil
	}
	if _, err = c.change(conn, fact{"key", answer.Key}, false, "logout"); err != nil {
		return err
	}
	_, err = conn.ask("login", "usernm", c.user, "key", c.key)
	return err
}

// verify holds the facts against the provider.
func (c *churner) verify(conn *talker) error {
	channels, err := conn.ask("getserverchannels", "servername", c.own())
	if err != nil {
		return err
	}
	servers, err := conn.ask("getjoinedservers")
	if err != nil {
		return err
	}
	there := map[fact]bool{}
	for _, name := range channels.Channels {
		there[fact{"channel", name}] = true
	}
	for _, name := range servers.Servers {
		there[fact{"member", name}] = true
	}
	if err := c.verifyLogins(there); err != nil {
		return err
	}
	checked := 0
	for f, holds := range c.facts {
		if _, asked := there[f]; !asked && (f.kind == "key" || f.kind == "user") {
			continue // only the newest are asked for
		}
		if checked++; there[f] != holds {
			c.m.t.Errorf("%s: %v was acknowledged to be %v, it is %v", c.user, f, holds, there[f])
		}
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.checked += checked
	return nil
}

// verifyLogins tries the newest keys and accounts.
func (c *churner) verifyLogins(there map[fact]bool) error {
	conn, err := dialTalker(c.m.addr)
	if err != nil {
		return err
	}
	defer conn.close()
	try := func(f fact, pairs ...any) error {
		_, err := conn.ask("login", pairs...)
		_, refused := errors.AsType[refusal](err)
		if there[f] = err == nil; refused {
			return nil
		}
		return err
	}
	for _, key := range c.keys {
		if err := try(fact{"key", key}, "usernm", c.user, "key", key); err != nil {
			return err
		}
	}
	for n := max(0, c.n-1); n <= c.n; n++ {
		user := fmt.Sprint(c.user, "-", n)
		if err := try(fact{"user", user}, "usernm", user, "passwd", passwordFor(user)); err != nil {
			return err
		}
	}
	return nil
}
