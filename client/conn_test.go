package client_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"elemental/client"
	"elemental/cmd/elemental/providertest"

	"go.uber.org/goleak"
)

func connectOne(t *testing.T, addr string, o client.Options, hear func(client.Event)) *client.Conn {
	t.Helper()
	c, err := client.Connect(within(t), addr, o, hear)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// TestPipelining sends from many goroutines at once over one connection, more requests than the
// window holds: each gets its own answer.
func TestPipelining(t *testing.T) {
	p := providertest.Start(t, program)
	ctx := within(t)
	member(t, p.Addr, "alice", "s", client.Options{})
	c := connectOne(t, p.Addr, client.Options{Window: 16}, nil)
	_, err := c.Login(ctx, "alice", "pw-alice")
	must(t, err)
	var callers sync.WaitGroup
	for g := range 50 {
		callers.Go(func() {
			for i := range 20 {
				text := fmt.Sprint(g, ".", i)
				m, err := c.Post(ctx, "s", "general", text)
				if err != nil {
					t.Error(err)
					return
				}
				there, err := c.Messages(ctx, "s", "general", m.Index, m.Index+1)
				if err != nil || len(there) != 1 || there[0] != m {
					t.Errorf("posted %+v, found %+v, %v", m, there, err)
				}
			}
		})
	}
	callers.Wait()
}

// TestGivenUpCall checks that a call ends with its context, that the connection goes on, and that
// later answers still find their requests.
func TestGivenUpCall(t *testing.T) {
	p := providertest.Start(t, program)
	var o client.Options
	ctx := untilSent(t, "getprovidername", &o)
	c := connectOne(t, p.Addr, o, nil)
	p.Pause()
	_, err := c.Provider(ctx)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, client.ErrUncertain) {
		t.Errorf("given up with %v", err)
	}
	p.Resume()
	if err := c.Register(within(t), "alice", "x"); err != nil {
		t.Error(err)
	}
	if about, err := c.Provider(within(t)); err != nil || about.Name == "" {
		t.Errorf("%+v, %v", about, err)
	}
}

// TestConnEnds checks that a connection tells why it ended, and its calls what became of them.
func TestConnEnds(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		a.yes("")
		a.say(`{"resp":false,"reason":"taking too long","code":"timed_out"}`) // as the provider, when its time for a login is over
		_ = a.conn.Close()
		return true
	})
	c := connectOne(t, f.addr(), client.Options{}, nil)
	<-c.Done()
	if client.CodeOf(c.Err()) != "timed_out" {
		t.Errorf("ended with %v", c.Err())
	}
	if _, err := c.Provider(within(t)); !errors.Is(err, client.ErrLost) {
		t.Errorf("a call on it: %v", err)
	}
}

// TestCloseWaitsForWhoHears closes a connection while its hear function is being called.
func TestCloseWaitsForWhoHears(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		a.yes("")
		a.push(0, "x")
		return true
	})
	hearing, goOn := make(chan struct{}), make(chan struct{})
	var heard atomic.Bool
	c := connectOne(t, f.addr(), client.Options{}, func(client.Event) {
		close(hearing)
		<-goOn
		for range 100_000 { // whoever does not wait comes first
			runtime.Gosched()
		}
		heard.Store(true)
	})
	<-hearing
	go func() { <-c.Done(); close(goOn) }()
	if c.Close(); !heard.Load() {
		t.Error("closed before its call ended")
	}
}

// TestTooLarge checks that only the request that is too large is refused, and only once.
func TestTooLarge(t *testing.T) {
	p := providertest.Start(t, program, "--maxrequest", "20KiB")
	c := member(t, p.Addr, "alice", "s", quick())
	counted, err := c.Post(within(t), "s", "general", "before")
	must(t, err)
	huge := make(chan error, 1)
	go func() {
		_, err := c.Post(within(t), "s", "general", strings.Repeat("x", 100<<10))
		huge <- err
	}()
	post(t, c, "s", "general", "beside it")
	if err := <-huge; client.CodeOf(err) != client.TooLarge || errors.Is(err, client.ErrUncertain) {
		t.Errorf("a post beyond --maxrequest: %v", err)
	}
	if m := post(t, c, "s", "general", "after"); m.Index != counted.Index+2 {
		t.Errorf("the next post has index %d", m.Index)
	}
	if err := c.SetImage(within(t), "s", make([]byte, 100<<10)); client.CodeOf(err) != client.TooLarge {
		t.Errorf("an image beyond --maxrequest: %v", err)
	}
}

// TestOthersBesideTooLarge sends calls that may not be done twice just before and after a request
// that is too large. Those before it are answered; those behind it were not read by the provider,
// so they are made again.
func TestOthersBesideTooLarge(t *testing.T) {
	p := providertest.Start(t, program, "--maxrequest", "20KiB")
	o, sent := quick(), make(chan string, 100)
	o.Trace = func(what client.Traffic) {
		if what.Sent {
			sent <- string(what.JSON)
		}
	}
	c := member(t, p.Addr, "alice", "s", o)
	p.Pause()
	outcomes := make([]chan error, 3)
	for i, call := range []struct {
		make func() error
		tell string
	}{
		{func() error { return c.CreateChannel(within(t), "s", "one") }, `"one"`},
		{func() error { return c.SetImage(within(t), "s", make([]byte, 100<<10)) }, `"setserverimage"`},
		{func() error { return c.CreateChannel(within(t), "s", "two") }, `"two"`},
	} {
		outcomes[i] = make(chan error, 1)
		go func() { outcomes[i] <- call.make() }()
		for !strings.Contains(<-sent, call.tell) {
		}
	}
	p.Resume()
	if err := <-outcomes[0]; err != nil {
		t.Errorf("before it: %v", err)
	}
	if err := <-outcomes[1]; client.CodeOf(err) != client.TooLarge {
		t.Errorf("too large: %v", err)
	}
	if err := <-outcomes[2]; err != nil {
		t.Errorf("after it: %v", err)
	}
	channels, err := c.Channels(within(t), "s")
	must(t, err)
	if got := strings.Join(channels, " "); got != "general one two" {
		t.Errorf("the channels are %s", got)
	}
}

// TestConnHears checks that a Conn hears pushes, and the end of a subscription with its cause.
func TestConnHears(t *testing.T) {
	p := providertest.Start(t, program)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	heard := make(chan client.Event, 10)
	c := connectOne(t, p.Addr, client.Options{}, func(e client.Event) { heard <- e })
	_, err := c.Login(ctx, "alice", "pw-alice")
	must(t, err)
	post(t, alice, "s", "general", "before")
	amount, err := c.Subscribe(ctx, "s", "general")
	must(t, err)
	m := post(t, alice, "s", "general", "hello")
	if e := <-heard; amount != 1 || e.Kind != client.Posted || e.Message != m {
		t.Errorf("amount %d, heard %+v, posted %+v", amount, e, m)
	}
	must(t, alice.DeleteChannel(ctx, "s", "general"))
	if e := <-heard; e.Kind != client.Unsubscribed || e.Cause.Code != client.ChannelGone || e.Channel != "general" {
		t.Errorf("heard %+v", e)
	}
	if err := c.Unsubscribe(ctx, "s", "general"); client.CodeOf(err) != client.NotSubscribed {
		t.Errorf("unsubscribed: %v", err)
	}
}

// TestCloseLeavesNothing checks that no goroutine of a client, its connection or its
// subscriptions is left after Close.
func TestCloseLeavesNothing(t *testing.T) {
	p := providertest.Start(t, program)
	before := goleak.IgnoreCurrent()
	c, err := client.Dial(within(t), p.Addr, quick())
	must(t, err)
	must(t, c.Register(within(t), "alice", "x"))
	must(t, c.Login(within(t), "alice", "x"))
	must(t, c.CreateServer(within(t), "s", "x"))
	subscribe(t, c, "s", "")
	subscribe(t, c, "s", "general")
	post(t, c, "s", "general", "never taken")
	p.Kill()
	c.Close()
	one, err := client.Connect(within(t), address, client.Options{}, nil)
	must(t, err)
	one.Close()
	goleak.VerifyNone(t, before)
}
