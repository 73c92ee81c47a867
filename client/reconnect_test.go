package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// crowd posts to a channel as several users, each with several goroutines, whatever happens to
// the connections.
type crowd struct {
	t       *testing.T
	clients []*client.Client
	posters sync.WaitGroup
}

const postsEach, postersEach = 60, 2

func newCrowd(t *testing.T, addr string, users int) *crowd {
	c := &crowd{t: t}
	for i := range users {
		c.clients = append(c.clients, member(t, addr, fmt.Sprint("user", i), "s", quick()))
	}
	return c
}

// start makes all of them post; each text is used once. Each post has its own time limit.
func (c *crowd) start(ctx context.Context) {
	for u, one := range c.clients {
		for g := range postersEach {
			c.posters.Go(func() {
				for i := range postsEach {
					if _, err := one.Post(ctx, "s", "general", fmt.Sprintf("%d.%d.%d", u, g, i)); err != nil {
						c.t.Errorf("post %d of user %d: %v", i, u, err)
						return
					}
				}
			})
		}
	}
}

func (c *crowd) amount() int { return len(c.clients) * postersEach * postsEach }

// checkOnce checks that each post is there exactly once, in index order without gaps, and that
// the posts of each goroutine are in the order in which they were acknowledged.
func (c *crowd) checkOnce(s *client.Subscription) {
	c.t.Helper()
	seen := map[string]bool{}
	latest := map[[2]int]int{}
	for index := range c.amount() {
		e := next(c.t, s)
		var u, g, i int
		if _, err := fmt.Sscanf(e.Text, "%d.%d.%d", &u, &g, &i); err != nil || e.Index != int64(index) || seen[e.Text] {
			c.t.Fatalf("at %d heard %+v (doubled: %v)", index, e, seen[e.Text])
		}
		seen[e.Text] = true
		if i != latest[[2]int{u, g}] {
			c.t.Fatalf("heard %q when number %d was due", e.Text, latest[[2]int{u, g}])
		}
		latest[[2]int{u, g}]++
	}
	select {
	case e := <-s.Events():
		c.t.Fatalf("heard %+v beyond what was posted", e)
	default:
	}
}

// disturb causes trouble again and again until the posters are done.
func (c *crowd) disturb(bad func(round int)) {
	done := make(chan struct{})
	go func() {
		c.posters.Wait()
		close(done)
	}()
	for round := 0; ; round++ {
		select {
		case <-done:
			return
		default:
			bad(round)
		}
	}
}

// TestProviderKilled kills the provider again and again during posts: what was acknowledged is
// there once, and subscriptions deliver all of it in order.
func TestProviderKilled(t *testing.T) {
	p := providertest.Start(t, program)
	c := newCrowd(t, p.Addr, 3)
	one, all := subscribe(t, c.clients[0], "s", "general"), subscribe(t, c.clients[1], "s", "")
	watcher := member(t, p.Addr, "watcher", "s", quick())
	c.start(t.Context())
	c.disturb(func(round int) {
		total := int64(min(round*30, c.amount()-1))
		reach(t, watcher, total)
		p.Kill()
		p.Restart()
	})
	c.checkOnce(one)
	c.checkOnce(all)
}

// reach waits until the channel has more than that many messages.
func reach(t testing.TB, watcher *client.Client, total int64) {
	t.Helper()
	s, err := watcher.SubscribeFrom(within(t), "s", "general", total)
	must(t, err)
	defer s.Close()
	for next(t, s).Index < total {
	}
}

// TestCutInTheMiddle cuts every connection after some bytes, mostly in the
// middle of an answer or a push.
func TestCutInTheMiddle(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	c := newCrowd(t, cut.addr(), 3)
	one, all := subscribe(t, c.clients[0], "s", "general"), subscribe(t, c.clients[1], "s", "")
	random := rand.New(rand.NewPCG(1, 2))
	cut.limit(func() int { return 300 + random.IntN(1<<random.IntN(17)) })
	cut.cutAll()
	c.start(t.Context())
	c.posters.Wait()
	c.checkOnce(one)
	c.checkOnce(all)
	if cut.count() < 10 {
		t.Errorf("only %d connections were cut", cut.count())
	}
}

// TestAnswerLost loses the answers to requests that the provider has done: reads and posts are
// repeated and done once, and calls that may not be repeated end with an error that says so.
func TestAnswerLost(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx := within(t)
	c := member(t, cut.addr(), "alice", "s", quick())
	for i := range 10 {
		cut.swallow()
		m := post(t, c, "s", "general", fmt.Sprint(i))
		if m.Index != int64(i) {
			t.Fatalf("post %d is at %d", i, m.Index)
		}
	}
	cut.swallow()
	if page, err := c.Latest(ctx, "s", "general", 100, -1); err != nil || page.Total != 10 {
		t.Errorf("10 posts made %d messages (%v)", page.Total, err)
	}
	cut.swallow()
	err := c.CreateServer(ctx, "new", "pw")
	if !errors.Is(err, client.ErrUncertain) {
		t.Errorf("creating a server whose answer was lost: %v", err)
	}
	if err = c.CreateServer(ctx, "new", "pw"); client.CodeOf(err) != client.ServerExists {
		t.Errorf("creating it again: %v", err)
	}
	if cut.count() != 12 {
		t.Errorf("%d answers were lost", cut.count())
	}
}

// TestNotSent loses a connection while calls wait for their turn on it: whatever was not sent is
// sent on the next one.
func TestNotSent(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	o := quick()
	o.Window = 1
	sent := make(chan struct{}, 1000)
	o.Trace = func(traffic client.Traffic) {
		if traffic.Sent {
			sent <- struct{}{}
		}
	}
	c := login(t, cut.addr(), "alice", o)
	for len(sent) > 0 {
		<-sent
	}
	p.Pause()
	var callers sync.WaitGroup
	callers.Go(func() {
		if _, err := c.Servers(within(t)); err != nil {
			t.Error(err)
		}
	})
	<-sent // it has the only place in the window now
	for i := range 20 {
		callers.Go(func() {
			if err := c.CreateServer(within(t), fmt.Sprint("server ", i), "pw"); err != nil {
				t.Error(err)
			}
		})
	}
	cut.cutAll()
	p.Resume()
	callers.Wait()
}

// TestRefusedForNow checks that the client repeats what a provider refused for the moment, and
// asks for smaller pages if one was too large.
func TestRefusedForNow(t *testing.T) {
	var posts atomic.Int64
	f := newFake(t, func(a *asked) bool {
		refuse := func(code string) bool {
			a.say(`{"resp":false,"reason":"…","code":%q,"id":%v}`, code, a.values["id"])
			return true
		}
		switch a.call() {
		case "message":
			if n := posts.Add(1); n < 4 {
				return refuse([]string{"busy", "outcome_unknown", "busy"}[n-1])
			}
		case "getmessages":
			if a.values["end"].(float64)-a.values["begin"].(float64) > 10 {
				return refuse("too_many_messages")
			}
			fallthrough
		case "getlatestmessages":
			a.messages(strconv.Itoa, 100)
			return true
		}
		return false
	})
	c := connect(t, f.addr(), quick())
	post(t, c, "s", "general", "hello")
	if posts.Load() != 4 {
		t.Errorf("posted %d times", posts.Load())
	}
	s, err := c.SubscribeFrom(within(t), "s", "general", 0)
	must(t, err)
	for i := range 100 {
		hear(t, s, "general", int64(i), strconv.Itoa(i))
	}
}

// TestRefusedAfterDoubt posts with a nonce, of which the provider does not know the outcome, and
// refuses the same post the next time: the first one may be there all the same.
func TestRefusedAfterDoubt(t *testing.T) {
	var posts atomic.Int64
	f := newFake(t, func(a *asked) bool {
		if a.call() != "message" {
			return false
		}
		code := "outcome_unknown"
		if posts.Add(1) > 1 {
			code = "not_in_server"
		}
		a.say(`{"resp":false,"reason":"…","code":%q,"id":%v}`, code, a.values["id"])
		return true
	})
	_, err := connect(t, f.addr(), quick()).Post(within(t), "s", "general", "hello")
	if !errors.Is(err, client.ErrUncertain) || posts.Load() != 2 {
		t.Errorf("%d posts: %v", posts.Load(), err)
	}
}

// TestLoginRefusedForNow lets the login on a new connection be refused for the moment. The client is
// not online before it is logged in again.
func TestLoginRefusedForNow(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch {
		case a.call() == "login" && a.n == 1:
			a.yes(`"key":"k"`)
		case a.values["key"] != nil && a.n == 2:
			a.say(`{"resp":false,"reason":"busy, try again","code":"busy","id":%v}`, a.values["id"])
		case a.values["key"] != nil:
			a.yes(`"key":"k2"`)
		default:
			return false
		}
		return true
	})
	heard := make(states, 100)
	o := quick()
	o.Status = heard.hear
	c := connect(t, f.addr(), o)
	must(t, c.Login(within(t), "a", "pw"))
	heard.until(t, client.Online)
	c.Reconnect()
	if status := heard.until(t, client.Offline); client.CodeOf(status.Err) != client.Busy {
		t.Errorf("offline: %v", status.Err)
	}
	heard.until(t, client.Online)
	if c.Key() != "k2" {
		t.Errorf("online with key %q", c.Key())
	}
}
