package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// client is one connection. It reads all the time, as a good client does.
type client struct {
	t       testing.TB
	conn    net.Conn
	heard   chan json.RawMessage
	backlog []object // events put aside by call
	closing sync.Once
}

// object is one answer or event.
type object map[string]any

func (p *provider) dial() *client { return p.dialFrom("") }

// dialFrom connects from an address of this machine; "" for any. A machine
// without that address skips the test.
func (p *provider) dialFrom(address string) *client {
	p.t.Helper()
	var dialer net.Dialer
	if address != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	conn, err := dialer.Dial("tcp", p.Addr)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		p.t.Skipf("there is no address %s here", address)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	c := &client{t: p.t, conn: conn, heard: make(chan json.RawMessage, 100_000)}
	go c.read()
	p.t.Cleanup(c.close)
	return c
}

func (c *client) close() {
	c.closing.Do(func() { _ = c.conn.Close() })
}

func (c *client) read() {
	defer close(c.heard)
	decoder := json.NewDecoder(c.conn)
	for {
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return
		}
		c.heard <- raw
	}
}

// send writes text as it is. A provider that has hung up is noticed by the reader.
func (c *client) send(text string) {
	c.t.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.conn, text); err != nil && isTimeout(err) {
		c.t.Fatalf("sending: %v", err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// next is the next answer or event; ok is false when the provider hung up.
func (c *client) next() (raw json.RawMessage, ok bool) {
	c.t.Helper()
	select {
	case raw, ok = <-c.heard:
		return raw, ok
	case <-time.After(patience):
		c.t.Fatalf("nothing heard for %v", patience)
		return nil, false
	}
}

// hear is next for those who need it to be there.
func (c *client) hear() object {
	c.t.Helper()
	raw, ok := c.next()
	if !ok {
		c.t.Fatal("the provider closed the connection")
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		c.t.Fatalf("%s: %v", raw, err)
	}
	return o
}

// request makes a request of pairs: request("message", "msg", "hi", …).
func request(call string, pairs ...any) string {
	values := map[string]any{"call": call}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i].(string)] = pairs[i+1]
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// call sends a request and gives its answer; events before it are put aside.
func (c *client) call(call string, pairs ...any) object {
	c.t.Helper()
	c.send(request(call, pairs...))
	for {
		heard := c.hear()
		if _, answer := heard["resp"]; answer {
			return heard
		}
		c.backlog = append(c.backlog, heard)
	}
}

// event is the next event.
func (c *client) event() object {
	c.t.Helper()
	if len(c.backlog) > 0 {
		first := c.backlog[0]
		c.backlog = c.backlog[1:]
		return first
	}
	heard := c.hear()
	if _, answer := heard["resp"]; answer {
		c.t.Fatalf("heard an answer where an event was due: %v", heard)
	}
	return heard
}

// must is call where success is the only right answer.
func (c *client) must(call string, pairs ...any) object {
	c.t.Helper()
	answer := c.call(call, pairs...)
	if answer["resp"] != true {
		c.t.Fatalf("%s: %v", request(call, pairs...), answer)
	}
	return answer
}

// refused wants the reason.
func (c *client) refused(reason, call string, pairs ...any) {
	c.t.Helper()
	answer := c.call(call, pairs...)
	if answer["resp"] != false || answer["reason"] != reason {
		sent := request(call, pairs...)
		c.t.Errorf("%s\n got %v\nwant reason %q", sent[:min(len(sent), 300)], answer, reason)
	}
}

// hungUp wants the connection closed by the provider; events may come before.
func (c *client) hungUp() {
	c.t.Helper()
	for {
		raw, ok := c.next()
		if !ok {
			return
		}
		if !strings.HasPrefix(string(raw), `{"call"`) {
			c.t.Fatalf("heard %s where the end was due", raw)
		}
	}
}

// passwordOf is the password that the helpers give a user or a server.
func passwordOf(name string) string { return "pw-" + name }

// join registers a user, when there is none yet, and logs in.
func (p *provider) join(user string) *client {
	p.t.Helper()
	c := p.dial()
	c.call("register", "usernm", user, "passwd", passwordOf(user))
	c.must("login", "usernm", user, "passwd", passwordOf(user))
	return c
}

func (c *client) makeServer(server string) {
	c.t.Helper()
	c.must("createserver", "servername", server, "serverpasswd", passwordOf(server))
}

func (c *client) joinServer(server string) {
	c.t.Helper()
	c.must("joinserver", "servername", server, "serverpasswd", passwordOf(server))
}

func (c *client) post(server, channel, text string) object {
	c.t.Helper()
	return c.must("message", "servername", server, "channel", channel, "msg", text)
}

func (p *provider) history(user, server, channel string) []string {
	p.t.Helper()
	return p.join(user).history(server, channel)
}

// history is all texts of a channel, read in pages.
func (c *client) history(server, channel string) []string {
	c.t.Helper()
	const page = 400
	where := []any{"servername", server, "channel", channel}
	amount := int(c.must("gettotalmessages", where...)["amount"].(float64))
	var texts []string
	for begin := 0; begin < amount; begin += page {
		end := min(begin+page, amount)
		answer := c.must("getmessages", append(where, "begin", begin, "end", end)...)
		for _, message := range answer["messages"].([]any) {
			texts = append(texts, message.(map[string]any)["message"].(string))
		}
	}
	if len(texts) != amount {
		c.t.Errorf("%d messages were announced, %d came", amount, len(texts))
	}
	return texts
}
