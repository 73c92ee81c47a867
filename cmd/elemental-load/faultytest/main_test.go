package faultytest_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"elemental/client"
	"elemental/cmd/elemental-load/faultytest"
	"elemental/cmd/elemental/providertest"
)

// program is the path of the real provider.
var program string

func TestMain(m *testing.M) {
	os.Exit(providertest.Main(m, func(dir string) (err error) {
		program, err = providertest.Build(dir, "elemental/cmd/elemental")
		return err
	}))
}

// chat is a server with an owner, who posts, and a member, who gets the pushes. Both
// connect through the proxy.
type chat struct {
	t     *testing.T
	ctx   context.Context
	proxy *faultytest.Proxy
	owner *client.Conn
	hears *client.Conn
	heard chan client.Message
}

const (
	server  = "gophers"
	channel = "general"
	secret  = "s3cret"
)

func newChat(t *testing.T, fault faultytest.Fault, at int) *chat {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), providertest.Patience)
	t.Cleanup(cancel)
	c := &chat{t: t, ctx: ctx, heard: make(chan client.Message, 100)}
	c.proxy = faultytest.Start(t, providertest.Start(t, program).Addr, fault, at)
	c.owner = c.connect("owner")
	c.must(c.owner.CreateServer(ctx, server, secret))
	c.hears = c.connect("member")
	c.must(c.hears.JoinServer(ctx, server, secret))
	if amount, err := c.hears.Subscribe(ctx, server, channel); amount != 0 || err != nil {
		t.Fatal(amount, err)
	}
	return c
}

func (c *chat) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// connect logs a user in, and registers the user first if needed.
func (c *chat) connect(user string) *client.Conn {
	c.t.Helper()
	o := client.Options{Timeout: providertest.Patience, DialTimeout: providertest.Patience, Heartbeat: -1}
	conn, err := client.Connect(c.ctx, c.proxy.Addr, o, func(e client.Event) {
		if e.Kind == client.Posted {
			c.heard <- e.Message
		}
	})
	c.must(err)
	c.t.Cleanup(conn.Close)
	_, err = conn.Login(c.ctx, user, secret)
	if err != nil {
		c.must(conn.Register(c.ctx, user, secret))
		_, err = conn.Login(c.ctx, user, secret)
	}
	c.must(err)
	return conn
}

// posts posts texts and returns the indexes in the answers.
func (c *chat) posts(texts ...string) []int64 {
	c.t.Helper()
	var indexes []int64
	for _, text := range texts {
		m, err := c.owner.Post(c.ctx, server, channel, text)
		c.must(err)
		indexes = append(indexes, m.Index)
	}
	return indexes
}

// pushes returns the pushes up to a text, as index and text.
func (c *chat) pushes(last string) []string {
	c.t.Helper()
	var all []string
	for {
		select {
		case m := <-c.heard:
			all = append(all, fmt.Sprintf("%d %s", m.Index, m.Text))
			if m.Text == last {
				return all
			}
		case <-c.ctx.Done():
			c.t.Fatalf("%q is not heard, but %q", last, all)
		}
	}
}

func (c *chat) total() int64 {
	c.t.Helper()
	total, err := c.owner.Total(c.ctx, server, channel)
	c.must(err)
	return total
}

// history returns all texts of the channel.
func (c *chat) history() []string {
	c.t.Helper()
	return c.pages(0, c.total())
}

func (c *chat) pages(begin, end int64) []string {
	c.t.Helper()
	messages, err := c.owner.Messages(c.ctx, server, channel, begin, end)
	c.must(err)
	texts := make([]string, len(messages))
	for i, m := range messages {
		texts[i] = m.Text
	}
	return texts
}

// same fails the test if two lists differ.
func same[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, not %v", what, got, want)
	}
}

// struck checks whether the fault has happened.
func (c *chat) struck(want bool) {
	c.t.Helper()
	if c.proxy.Struck() != want {
		c.t.Errorf("struck: %v", !want)
	}
}
