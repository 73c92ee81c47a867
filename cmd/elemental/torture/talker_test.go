package torture

import (
	"errors"
	"fmt"
)

// talker is a line whose answers are looked at closely. Unlike the client library it repeats
// nothing by itself, and may send before it has heard. It belongs to one goroutine.
type talker struct{ *line }

// said is an answer or a push, as far as these tests look at them.
type said struct {
	Resp     *bool  `json:"resp"`
	Code     string `json:"code"`
	Call     string `json:"call"`
	Key      string `json:"key"`
	Server   string `json:"servername"`
	Channel  string `json:"channel"`
	Text     string `json:"message"`
	Index    int64  `json:"index"`
	Amount   int64  `json:"amount"`
	Messages []struct {
		Text  string `json:"message"`
		Index int64  `json:"index"`
	} `json:"messages"`
	Servers   []string `json:"servers"`
	Channels  []string `json:"channels"`
	Timestamp float64  `json:"timestamp"`
}

// refusal is an answer that is a no. Any other error means that the connection
// has ended.
type refusal struct{ call, code string }

func (r refusal) Error() string { return fmt.Sprintf("%s: refused: %s", r.call, r.code) }

func dialTalker(addr string) (*talker, error) {
	l, err := dialLine(addr)
	return &talker{l}, err
}

func (c *talker) close() { _ = c.Close() }

// send sends a request of pairs: send("message", "msg", "hi", …).
func (c *talker) send(call string, pairs ...any) error { return c.line.send(ask(call, pairs...)) }

// next is the next answer or push.
func (c *talker) next() (s said, err error) {
	err = c.read(&s, patience)
	return s, err
}

// hear is next for where an answer to call is due, and a no is an error.
func (c *talker) hear(call string) (said, error) {
	s, err := c.next()
	switch {
	case err != nil:
		return s, err
	case s.Resp == nil:
		return s, fmt.Errorf("heard %s where the answer to %s was due", s.Call, call)
	case !*s.Resp:
		return s, refusal{call, s.Code}
	}
	return s, nil
}

// ask sends a request and gives its answer, on a connection without pushes.
func (c *talker) ask(call string, pairs ...any) (said, error) {
	if err := c.send(call, pairs...); err != nil {
		return said{}, err
	}
	return c.hear(call)
}

// passwordFor is the password of a user or server of these tests. No log may
// have it.
func passwordFor(name string) string { return "planted-secret-" + name }

// enter registers a user, when there is none yet, and logs in.
func (c *talker) enter(user string) error {
	_, err := c.ask("register", "usernm", user, "passwd", passwordFor(user))
	if no, refused := errors.AsType[refusal](err); err != nil && !(refused && no.code == "user_exists") {
		return err
	}
	_, err = c.ask("login", "usernm", user, "passwd", passwordFor(user))
	return err
}
