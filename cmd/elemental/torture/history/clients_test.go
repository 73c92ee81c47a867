package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// book is the history of a run, written by all its clients.
type book struct {
	start time.Time
	mu    sync.Mutex
	ops   map[*porcupine.Model][]porcupine.Operation
	all   int
	odd   int // operations without an answer
}

func newBook() *book {
	return &book{start: time.Now(), ops: map[*porcupine.Model][]porcupine.Operation{}}
}

// now is a moment of the history.
func (b *book) now() int64 { return time.Since(b.start).Nanoseconds() }

func (b *book) add(m *porcupine.Model, op porcupine.Operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ops[m] = append(b.ops[m], op)
	b.all++
	if op.Output.(output).unknown {
		b.odd++
	}
}

func (b *book) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all
}

// client is one that comes again when its connection ends. It belongs to one
// goroutine.
type client struct {
	t      testing.TB
	id     int
	addr   string
	rng    *rand.Rand
	book   *book
	cuts   bool // it breaks its own connection now and then
	user   string
	passwd string // "" where the test logs in by itself

	conn   net.Conn
	in     *bufio.Reader
	arrive func()      // after a login, if anything
	heard  func(event) // an event came
}

// event is an answer or an event of the wire.
type event struct {
	Resp     *bool    `json:"resp"`
	Code     string   `json:"code"`
	Key      string   `json:"key"`
	Index    int      `json:"index"`
	Amount   int      `json:"amount"`
	Servers  []string `json:"servers"`
	Call     string   `json:"call"`
	Channel  string   `json:"channel"`
	Message  string   `json:"message"`
	Messages []struct {
		Message string `json:"message"`
	} `json:"messages"`
	Members []struct {
		User string `json:"usernm"`
	} `json:"members"`
}

func (e *event) texts() []string {
	list := []string{}
	for _, m := range e.Messages {
		list = append(list, m.Message)
	}
	return list
}

type object = map[string]any

// errLost says that an answer did not come.
var errLost = errors.New("the connection has ended")

// exchange asks on the connection that there is.
func (c *client) exchange(request object) (event, error) {
	text, err := json.Marshal(request)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write(text); err != nil {
		return event{}, c.lose()
	}
	if c.cuts && c.rng.IntN(25) == 0 {
		return event{}, c.lose()
	}
	for {
		line, err := c.in.ReadBytes('\n')
		if err != nil {
			return event{}, c.lose()
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			c.t.Errorf("%q: %v", line, err)
			return event{}, c.lose()
		}
		if e.Resp != nil {
			return e, nil
		}
		if c.heard != nil && e.Call == "newmessage" {
			c.heard(e)
		}
	}
}

// lose ends the connection, by a reset as often as not.
func (c *client) lose() error {
	if c.rng.IntN(2) == 0 {
		_ = c.conn.(*net.TCPConn).SetLinger(0)
	}
	_ = c.conn.Close()
	c.conn = nil
	return errLost
}

// connect makes a connection, logged in, however long the provider is away.
func (c *client) connect() {
	for deadline := time.Now().Add(patience); c.conn == nil; time.Sleep(2 * time.Millisecond) { // a pace for the attempts
		if time.Now().After(deadline) {
			c.t.Errorf("%s cannot get in any more", c.user)
			panic(errLost)
		}
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			continue
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			c.t.Error(err)
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
		if c.passwd == "" {
			return
		}
		in, err := c.exchange(object{"call": "login", "usernm": c.user, "passwd": c.passwd})
		if err == nil && !*in.Resp {
			_ = c.lose()
		}
		if c.conn != nil && c.arrive != nil {
			c.arrive()
		}
	}
}

// ask asks once and tells whether the answer is known. "busy" and "storage is
// unavailable" say that nothing was done: then it asks again.
func (c *client) ask(request object) (answer event, call, ret int64, known bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if c.conn == nil {
			c.connect()
		}
		call = c.book.now()
		answer, err := c.exchange(request)
		ret = c.book.now()
		switch {
		case err != nil || answer.Code == "outcome_unknown":
			return event{}, call, never, false
		case answer.Code != "busy" && answer.Code != "storage_unavailable":
			return answer, call, ret, true
		case time.Now().After(deadline):
			c.t.Errorf("%v: %s for %v", request, answer.Code, patience)
			return answer, call, ret, true
		}
	}
}

// do asks and writes it down. result takes what the model needs to know of the
// answer. What only looks is not worth a line when its answer is not known.
func (c *client) do(m *porcupine.Model, in input, request object, looks bool, result func(event) output) (out output) {
	answer, call, ret, known := c.ask(request)
	switch {
	case known && answer.Code != "":
		out.refused = answer.Code
	case known:
		out = result(answer)
	case looks:
		return output{unknown: true}
	default:
		out.unknown = true
	}
	c.book.add(m, porcupine.Operation{ClientId: c.id, Input: in, Call: call, Output: out, Return: ret})
	return out
}

// nothing is a result of which the model needs no more than that it is none of refusal.
func nothing(event) output { return output{} }

// must is a request of a test's preparation.
func (c *client) must(request object) event {
	c.t.Helper()
	for range 100 {
		if answer, _, _, known := c.ask(request); known {
			if answer.Code != "" {
				c.t.Fatalf("%v: %s", request, answer.Code)
			}
			return answer
		}
	}
	c.t.Fatalf("%v: no answer", request)
	return event{}
}

// crowd is some clients at the same work.
type crowd struct {
	t    *testing.T
	addr string
	book *book
	seed uint64
	next int
}

// newcomer is a client of a user who is registered already.
func (c *crowd) newcomer(user, passwd string, cuts bool) *client {
	c.next++
	return &client{t: c.t, id: c.next, addr: c.addr, rng: rand.New(rand.NewPCG(c.seed, uint64(c.next))),
		book: c.book, cuts: cuts, user: user, passwd: passwd}
}

// register makes a user and a client of it, to prepare with.
func (c *crowd) register(user string) *client {
	c.t.Helper()
	stranger := c.newcomer("", "", false)
	stranger.must(object{"call": "register", "usernm": user, "passwd": firstPassword})
	_ = stranger.lose()
	return c.newcomer(user, firstPassword, false)
}

// run lets a client work for some turns, on its own goroutine.
func (c *client) run(all *sync.WaitGroup, turns int, turn func()) {
	all.Go(func() {
		defer func() {
			if gone := recover(); gone != nil && !errors.Is(asError(gone), errLost) {
				panic(gone)
			}
		}()
		for range turns {
			turn()
		}
		if c.conn != nil {
			_ = c.lose()
		}
	})
}

func asError(v any) error {
	if err, ok := v.(error); ok {
		return err
	}
	return fmt.Errorf("%v", v)
}
