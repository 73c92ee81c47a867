package client_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// These tests talk to the real provider, a process of its own that they can kill. Each wait is
// for a condition; patience only limits how long a failing test takes.
const patience = 60 * time.Second

var (
	program string // the built provider
	address string // of the provider that the examples talk to
)

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "client-test")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		program, err = providertest.Build(dir, "elemental/cmd/elemental")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	p := providertest.New(program, filepath.Join(dir, "data"))
	if err = p.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	address = p.Addr
	code := m.Run()
	if err = p.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// quick are options that come back fast.
func quick() client.Options {
	return client.Options{MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond, Timeout: patience, DialTimeout: patience}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect returns a client without a login.
func connect(t testing.TB, addr string, o client.Options) *client.Client {
	t.Helper()
	c, err := client.Dial(within(t), addr, o)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// login returns a client of a user, who is registered if need be.
func login(t testing.TB, addr, user string, o client.Options) *client.Client {
	t.Helper()
	c := connect(t, addr, o)
	if err := c.Register(within(t), user, "pw-"+user); client.CodeOf(err) != client.UserExists {
		must(t, err)
	}
	must(t, c.Login(within(t), user, "pw-"+user))
	return c
}

// member does what login does and joins a server, which is made if need be.
func member(t testing.TB, addr, user, server string, o client.Options) *client.Client {
	t.Helper()
	c := login(t, addr, user, o)
	if err := c.CreateServer(within(t), server, "pw"); client.CodeOf(err) != client.ServerExists {
		must(t, err)
	}
	must(t, c.JoinServer(within(t), server, "pw"))
	return c
}

func subscribe(t testing.TB, c *client.Client, server, channel string) *client.Subscription {
	t.Helper()
	s, err := c.Subscribe(within(t), server, channel)
	must(t, err)
	return s
}

func post(t testing.TB, c *client.Client, server, channel, text string) client.Message {
	t.Helper()
	m, err := c.Post(within(t), server, channel, text)
	must(t, err)
	return m
}

// next returns the next event of a subscription.
func next(t testing.TB, s *client.Subscription) client.Event {
	t.Helper()
	select {
	case e, open := <-s.Events():
		if !open {
			t.Fatalf("the subscription has ended: %v", s.Err())
		}
		return e
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	panic("unreachable")
}

// hear checks that these texts come next in a channel, with indexes from that one on.
func hear(t testing.TB, s *client.Subscription, channel string, index int64, texts ...string) {
	t.Helper()
	for i, want := range texts {
		e := next(t, s)
		if e.Kind != client.Posted || e.Channel != channel || e.Index != index+int64(i) || e.Text != want {
			t.Fatalf("heard kind %d of %s at %d: %q\nwanted %s at %d: %q",
				e.Kind, e.Channel, e.Index, e.Text, channel, index+int64(i), want)
		}
	}
}

// ends checks that the subscription ends, with nothing more delivered.
func ends(t testing.TB, s *client.Subscription) error {
	t.Helper()
	select {
	case e, open := <-s.Events():
		if open {
			t.Fatalf("heard %+v where the end was due", e)
		}
		return s.Err()
	case <-time.After(patience):
		t.Fatal("the subscription does not end")
	}
	panic("unreachable")
}
