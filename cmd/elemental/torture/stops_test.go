package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// TestStoppedUnderLoad stops and starts the provider again and again while
// users of the client library post and listen. Each stop ends well, without waiting
// for any time limit; every post succeeds, and everybody who listens hears each
// message once and in order, without a gap.
func TestStoppedUnderLoad(t *testing.T) {
	const users, between = 24, 300
	stops := rounds(3, 10)
	p := providertest.Start(t, program, "--answertimeout", "1h", "--writetimeout", "1h", "--snapshotinterval", "200ms", "--segmentsize", "64KiB")
	c := gather(t, p.Addr, users)
	var longest time.Duration
	for i := range stops {
		c.awaitPosts(p, between)
		begun := time.Now()
		p.Signal([]os.Signal{syscall.SIGTERM, syscall.SIGINT}[i%2])
		if code := p.Wait(); code != 0 {
			t.Fatalf("stop %d: exit code %d\n%s", i, code, p.Stderr.Text())
		}
		longest = max(longest, time.Since(begun))
		p.Start()
	}
	c.awaitPosts(p, between)
	c.finish(p)
	t.Logf("%d stops, the longest took %v; %d users who lost their connection %d times; %s",
		stops, longest.Round(time.Millisecond), users, c.lost.Load(), c.book.figures())
}

// congregation is a number of users of the client library, all in one server
// with two channels. Each posts into one of them, and listens to it from its
// beginning or to the whole server.
type congregation struct {
	t        *testing.T
	book     *ledger
	users    []*client.Client
	ears     []*ear
	lost     atomic.Int64
	enough   atomic.Bool // nobody posts any more
	posting  sync.WaitGroup
	amount   [2]atomic.Int64 // of posts acknowledged, by channel
	channels [2]string
}

// ear is one subscription, and how much it has heard.
type ear struct {
	sub   *client.Subscription
	heard atomic.Int64
	ended chan struct{}
}

func gather(t *testing.T, addr string, users int) *congregation {
	c := &congregation{t: t, book: newLedger(t), channels: [2]string{"general", "tea"}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	for i := range users {
		u, err := c.join(ctx, addr, fmt.Sprintf("user%02d", i))
		if err != nil {
			t.Fatal(err)
		}
		c.users = append(c.users, u)
		channel := c.channels[i%2]
		e := &ear{ended: make(chan struct{})}
		if i%4 < 2 {
			e.sub, err = u.Subscribe(ctx, "s", "")
		} else {
			e.sub, err = u.SubscribeFrom(ctx, "s", channel, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.ears = append(c.ears, e)
		go c.listen(e)
	}
	for i := range c.users {
		c.posting.Go(func() { c.post(i) })
	}
	return c
}

// join makes a user, who joins the server; the first one makes it.
func (c *congregation) join(ctx context.Context, addr, name string) (*client.Client, error) {
	online := false
	u, err := client.Open(addr, client.Options{
		MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond, Timeout: patience,
		Status: func(s client.Status) {
			if s.State == client.Offline && online {
				c.lost.Add(1)
			}
			online = s.State == client.Online
		},
	})
	if err != nil {
		return nil, err
	}
	c.t.Cleanup(u.Close)
	if err := errors.Join(u.Register(ctx, name, passwordFor(name)), u.Login(ctx, name, passwordFor(name))); err != nil {
		return nil, err
	}
	if len(c.users) > 0 {
		return u, u.JoinServer(ctx, "s", passwordFor("s"))
	}
	return u, errors.Join(u.CreateServer(ctx, "s", passwordFor("s")), u.CreateChannel(ctx, "s", c.channels[1]))
}

// post posts until it is enough, each text once, under a nonce of its own.
func (c *congregation) post(user int) {
	r := room{"s", c.channels[user%2]}
	for n := 0; !c.enough.Load(); n++ {
		text := postText(fmt.Sprintf("user%02d", user), n, 0)
		c.book.sending(r, text)
		m, err := c.users[user].PostOnce(context.Background(), r.server, r.channel, text, text)
		if err != nil {
			c.t.Errorf("%s: %v", text, err)
			return
		}
		c.amount[user%2].Add(1)
		c.book.acknowledged(r, text, m.Index)
	}
}

// listen wants every message once, in order, without a gap.
func (c *congregation) listen(e *ear) {
	defer close(e.ended)
	due := map[string]int64{}
	for event := range e.sub.Events() {
		if event.Kind != client.Posted || event.Index != due[event.Channel] {
			c.t.Errorf("heard %+v where %d was due", event, due[event.Channel])
		}
		due[event.Channel] = event.Index + 1
		c.book.heard(room{event.Server, event.Channel}, event.Text, event.Index)
		e.heard.Add(1)
	}
}

func (c *congregation) awaitPosts(p *providertest.Provider, more int) {
	c.t.Helper()
	select {
	case <-c.book.untilAcked(more):
	case <-p.Exited():
		c.t.Fatal("the provider ended by itself")
	case <-time.After(patience):
		c.t.Fatal("nothing is acknowledged any more")
	}
}

// finish ends the posting, waits until everybody has heard everything, and
// holds it against the history.
func (c *congregation) finish(p *providertest.Provider) {
	c.t.Helper()
	c.enough.Store(true)
	c.posting.Wait()
	for i, e := range c.ears {
		want := c.amount[i%2].Load()
		if i%4 < 2 {
			want = c.amount[0].Load() + c.amount[1].Load()
		}
		for deadline := time.Now().Add(patience); e.heard.Load() < want && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond) // a pace for looking
		}
		e.sub.Close()
		<-e.ended
		if got := e.heard.Load(); got != want {
			c.t.Errorf("listener %d heard %d of %d messages", i, got, want)
		}
	}
	reader, err := dialTalker(p.Addr)
	if err == nil {
		defer reader.close()
		err = reader.enter("user00")
	}
	for i, channel := range c.channels {
		err = errors.Join(err, c.book.compare(reader, room{"s", channel}, true))
		if total := c.book.checks[room{"s", channel}]; total != c.amount[i].Load() {
			c.t.Errorf("%s has %d messages, %d were acknowledged", channel, total, c.amount[i].Load())
		}
	}
	if err != nil {
		c.t.Error(err)
	}
}
