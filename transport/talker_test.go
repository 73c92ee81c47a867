package transport_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/transport/housetest"
)

// patience ends a test that would wait for ever.
const patience = 40 * time.Second

// talker is a user who means it: who is refused for a reason that may pass, or
// cut off, comes back and asks again, as the client library does.
type talker struct {
	t    testing.TB
	h    *housetest.House
	name string
	pws  []string // the newest last; which of them holds, a lost answer leaves open
	key  string   // of the last login

	line   *housetest.Line  // nil without a connection
	pushes []map[string]any // of this connection
	heard  []map[string]any // of those before
}

func newTalker(t testing.TB, h *housetest.House, name string) *talker {
	t.Helper()
	c := &talker{t: t, h: h, name: name, pws: []string{"pw-secret-" + name}}
	stranger := &talker{t: t, h: h}
	stranger.must(c.call("register", "passwd", c.pws[0]), "user_exists")
	stranger.hangUp()
	return c
}

// call makes a request.
func (c *talker) call(name string, values ...any) map[string]any {
	r := map[string]any{"call": name}
	if c.name != "" {
		r["usernm"] = c.name
	}
	for i := 0; i < len(values); i += 2 {
		r[values[i].(string)] = values[i+1]
	}
	return r
}

// passing are the refusals of which a client knows that it may ask again.
var passing = map[string]bool{"outcome_unknown": true, "busy": true, "storage_unavailable": true}

// until repeats something until it is done.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal("in vain: ", what)
		}
	}
}

// must asks until the answer is yes, or one of the refusals which say that it
// was done already.
func (c *talker) must(request map[string]any, done ...string) map[string]any {
	c.t.Helper()
	var answer map[string]any
	until(c.t, fmt.Sprint(request["call"], " ", done), func() bool {
		if answer = c.ask(request); answer == nil {
			return false
		}
		code, _ := answer["code"].(string)
		if answer["resp"] != true && !passing[code] && !strings.Contains(fmt.Sprint(done), code) {
			c.t.Fatalf("%v: %v", request, answer)
		}
		if answer["resp"] != true && answer["reason"] == "" {
			c.t.Fatalf("%v: no reason in %v", request, answer)
		}
		return !passing[code]
	})
	return answer
}

// ask asks once; nil when there is no connection (any more).
func (c *talker) ask(request map[string]any) map[string]any {
	c.t.Helper()
	if c.line == nil && !c.connect() {
		return nil
	}
	c.send(request)
	return c.answer()
}

func (c *talker) send(request map[string]any) {
	c.t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.line != nil {
		if _, err := c.line.Conn.Write(text); err != nil {
			c.hangUp()
		}
	}
}

// connect dials and logs in, where there is somebody.
func (c *talker) connect() bool {
	c.t.Helper()
	c.line = c.h.Dial()
	if c.name == "" {
		return true
	}
	for i := len(c.pws) - 1; i >= 0; i-- {
		c.send(c.call("login", "passwd", c.pws[i]))
		switch answer := c.answer(); {
		case answer == nil:
			return false
		case answer["resp"] == true:
			c.key = answer["key"].(string)
			return true
		case answer["code"] != "wrong_password" && !passing[answer["code"].(string)]:
			c.t.Fatalf("login of %s: %v", c.name, answer)
		}
	}
	c.hangUp()
	return false
}

// answer reads the next answer and keeps the pushes before it; nil at the end
// of the connection.
func (c *talker) answer() map[string]any {
	c.t.Helper()
	for {
		got := c.next()
		if got == nil || got["call"] == nil {
			return got
		}
		c.pushes = append(c.pushes, got)
	}
}

func (c *talker) next() map[string]any {
	c.t.Helper()
	if c.line == nil {
		return nil
	}
	got := c.line.Next()
	if got == nil {
		c.hangUp()
	}
	return got
}

func (c *talker) hangUp() {
	if c.line != nil {
		_ = c.line.Conn.Close()
		c.line = nil
		c.heard = append(c.heard, append(c.pushes, nil)...)
		c.pushes = nil
	}
}

// hears tells whether a text was pushed on this connection.
func (c *talker) hears(text string) bool {
	return slices.ContainsFunc(c.pushes, func(p map[string]any) bool { return p["message"] == text })
}
