package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// These tests are about calls that were given up or whose answers were lost, so that it is not
// known whether they were done.

// giveUp returns a context that ends soon, while the provider is halted.
func giveUp(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// untilSent returns a context that ends when the client with these options sends such a call.
func untilSent(t testing.TB, call string, o *client.Options) context.Context {
	ctx, cancel := context.WithCancel(within(t))
	t.Cleanup(cancel)
	o.Trace = func(traffic client.Traffic) {
		if traffic.Sent && bytes.Contains(traffic.JSON, fmt.Appendf(nil, `"call":%q`, call)) {
			cancel()
		}
	}
	return ctx
}

// TestLoginGivenUp gives up a login as another user: afterwards the client is logged in as the
// user that it names.
func TestLoginGivenUp(t *testing.T) {
	p := providertest.Start(t, program)
	member(t, p.Addr, "bob", "s", quick())
	c := member(t, p.Addr, "alice", "s", quick())
	p.Pause()
	if err := c.Login(giveUp(t), "bob", "pw-bob"); err == nil {
		t.Fatal("a halted provider answered")
	}
	p.Resume()
	m := post(t, c, "s", "general", "who?")
	there, err := c.Messages(within(t), "s", "general", m.Index, m.Index+1)
	must(t, err)
	if there[0].Author != c.User() || m.Author != c.User() {
		t.Errorf("%q posted as %q, answered as %q", c.User(), there[0].Author, m.Author)
	}
}

// TestLogoutGivenUp gives up a logout: afterwards there is either a login that works, or none and
// no subscription.
func TestLogoutGivenUp(t *testing.T) {
	p := providertest.Start(t, program)
	bob := member(t, p.Addr, "bob", "s", quick())
	c := member(t, p.Addr, "alice", "s", quick())
	s := subscribe(t, c, "s", "general")
	p.Pause()
	if err := c.Logout(giveUp(t)); err == nil {
		t.Fatal("a halted provider answered")
	}
	p.Resume()
	post(t, bob, "s", "general", "hi")
	hear(t, s, "general", 0, "hi")
}

// TestPostGivenUp gives up a post: if it was made, it is delivered all the same.
func TestPostGivenUp(t *testing.T) {
	p := providertest.Start(t, program)
	o := quick()
	ctx := untilSent(t, "message", &o)
	c := member(t, p.Addr, "alice", "s", o)
	s := subscribe(t, c, "s", "general")
	p.Pause()
	if _, err := c.Post(ctx, "s", "general", "hello"); !errors.Is(err, client.ErrUncertain) {
		t.Errorf("given up with %v", err)
	}
	p.Resume()
	hear(t, s, "general", 0, "hello")
}

// TestErrorsTellOfDoubt checks that errors tell of the doubt also if the last error was another
// one.
func TestErrorsTellOfDoubt(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	o, losses := quick(), atomic.Int32{}
	o.Status = func(s client.Status) {
		if s.State == client.Offline && losses.Add(1) == 2 { // the second one is of a connection that had no answer to the post
			cancel()
		}
	}
	c := member(t, cut.addr(), "alice", "s", o)
	cut.swallow()
	cut.limit(func() int { return 0 }) // no later connection brings an answer
	if _, err := c.Post(ctx, "s", "general", "hello"); !errors.Is(err, client.ErrUncertain) {
		t.Errorf("a post that was made, with its answer lost: %v", err)
	}
	if err := c.CreateServer(giveUp(t), "x", "pw"); errors.Is(err, client.ErrUncertain) || !errors.Is(err, client.ErrLost) {
		t.Errorf("a call that was never sent: %v", err)
	}
	cut.limit(func() int { return -1 })
	_, err := c.Servers(within(t))
	must(t, err)
	p.Pause()
	outcome := make(chan error, 1)
	go func() {
		_, err := c.Post(within(t), "s", "general", "on the way")
		outcome <- err
	}()
	c.Close()
	if err := <-outcome; !errors.Is(err, client.ErrClosed) {
		t.Errorf("a call under way when the client is closed: %v", err)
	}
	p.Resume()
}

// TestConnectionsEndIsNoAnswer checks that a subscription goes on when the provider ends the
// connection with a refusal: that is no answer to the subscription.
func TestConnectionsEndIsNoAnswer(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch {
		case a.call() == "subscribe" && a.n == 2:
			a.say(`{"call":"disconnected","reason":"reading too slowly","code":"slow_reader"}`)
			_ = a.conn.Close()
			return true
		case a.call() == "subscribe" && a.n == 3:
			a.yes("")
			a.push(0, "still there")
			return true
		case a.n == 3 && strings.HasSuffix(a.call(), "messages"):
			a.messages(func(int) string { return "still there" }, 1)
			return true
		}
		return false
	})
	c := connect(t, f.addr(), quick())
	s := subscribe(t, c, "s", "general")
	c.Reconnect()
	hear(t, s, "general", 0, "still there")
}

// TestFailedSubscription checks that a subscription that failed is unsubscribed on the wire.
func TestFailedSubscription(t *testing.T) {
	p := providertest.Start(t, program)
	alice := member(t, p.Addr, "alice", "s", quick())
	var pushes atomic.Int32
	unsubscribed := make(chan struct{}, 10)
	o := quick()
	ctx := untilSent(t, "subscribe", &o)
	sends := o.Trace
	o.Trace = func(traffic client.Traffic) {
		sends(traffic)
		if bytes.Contains(traffic.JSON, []byte("newmessage")) {
			pushes.Add(1)
		}
		if traffic.Sent && bytes.Contains(traffic.JSON, []byte("unsubscribe")) {
			unsubscribed <- struct{}{}
		}
	}
	bob := member(t, p.Addr, "bob", "s", o)
	p.Pause()
	if _, err := bob.Subscribe(ctx, "s", "general"); err == nil {
		t.Fatal("a halted provider answered")
	}
	p.Resume()
	<-unsubscribed
	_, err := bob.Servers(within(t)) // answered after it
	must(t, err)
	post(t, alice, "s", "general", "x")
	_, err = bob.Servers(within(t))
	must(t, err)
	if pushes.Load() > 0 {
		t.Error("a push came for nobody")
	}
}

// TestClosedAtOnce checks that Events is closed at once also while the provider is silent.
func TestClosedAtOnce(t *testing.T) {
	p := providertest.Start(t, program)
	c := member(t, p.Addr, "alice", "s", quick())
	s := subscribe(t, c, "s", "general")
	p.Pause()
	defer p.Resume()
	s.Close()
	if err := ends(t, s); !errors.Is(err, client.ErrClosed) {
		t.Error(err)
	}
}

// TestSlowAnswer has a long answer come over a slow line: while anything comes, the client takes
// the provider to be there.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()                                                       // it mostly waits
	const parts, pause, timeout = 10, time.Second / 2, 3 * time.Second // all parts together take longer than the timeout
	f := newFake(t, func(a *asked) bool {
		if a.call() != "getserverimage" {
			return a.call() == "ping" && a.values["id"] != 1.0 // only the greeting is answered
		}
		_, _ = fmt.Fprint(a.conn, `{"resp":true,"img":"`)
		for range parts {
			_, _ = fmt.Fprint(a.conn, "eHh4")
			<-time.After(pause) // this is how slow the line is
		}
		a.say(`","id":%v}`, a.values["id"])
		return true
	})
	o := quick()
	o.Timeout, o.Heartbeat = timeout, time.Millisecond
	c := connect(t, f.addr(), o)
	image, err := c.Image(within(t), "s")
	if err != nil || len(image) != 3*parts || f.conns.Load() != 1 {
		t.Errorf("%d bytes over %d connections, %v", len(image), f.conns.Load(), err)
	}
}

// TestReconnectAfterTheLoss asks for a new connection when the old one has ended and the client
// is about to pause because of that.
func TestReconnectAfterTheLoss(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		if a.call() == "createserver" {
			_ = a.conn.Close() // with the answer
			return true
		}
		return false
	})
	o := quick()
	o.MinDelay, o.MaxDelay = time.Hour, time.Hour
	lost, once := make(chan struct{}), sync.Once{}
	o.Status = func(s client.Status) {
		if s.State == client.Online {
			once.Do(func() { <-lost })
		}
	}
	c, err := client.Open(f.addr(), o)
	must(t, err)
	defer c.Close()
	if err := c.CreateServer(within(t), "s", "pw"); !errors.Is(err, client.ErrUncertain) {
		t.Error(err)
	}
	c.Reconnect()
	close(lost)
	must(t, c.Ping(within(t)))
}

// TestReconnectThenCall checks that a call is not sent on the connection that Reconnect has
// dropped.
func TestReconnectThenCall(t *testing.T) {
	p := providertest.Start(t, program)
	c := login(t, p.Addr, "alice", quick())
	for i := range 20 {
		c.Reconnect()
		must(t, c.CreateServer(within(t), fmt.Sprint("server ", i), "pw"))
	}
}

// TestEndedContextSendsNothing checks that a call whose context had ended before it began neither
// posts nor ends a connection.
func TestEndedContextSendsNothing(t *testing.T) {
	var posts atomic.Int64
	f := newFake(t, func(a *asked) bool {
		if a.call() == "message" {
			posts.Add(1)
		}
		return false
	})
	c := connect(t, f.addr(), quick())
	over, cancel := context.WithCancel(within(t))
	cancel()
	for range 50 {
		_, err := c.Post(over, "s", "general", "too late")
		if err == nil || errors.Is(err, client.ErrUncertain) {
			t.Fatalf("a post that was over before it began: %v", err)
		}
		_ = c.Login(over, "alice", "pw")
	}
	must(t, c.Ping(within(t))) // by now the provider has heard all that was sent
	if posts.Load() != 0 || f.conns.Load() != 1 {
		t.Errorf("%d posts on %d connections", posts.Load(), f.conns.Load())
	}
}
