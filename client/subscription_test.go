package client_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// TestSubscription checks that messages are delivered that are posted from now on, by others and
// by the client itself.
func TestSubscription(t *testing.T) {
	p := providertest.Start(t, program)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	bob := member(t, p.Addr, "bob", "s", client.Options{})
	post(t, alice, "s", "general", "before")
	s := subscribe(t, bob, "s", "general")
	for i := range 20 {
		from, who := alice, "alice"
		if i%3 == 0 {
			from, who = bob, "bob"
		}
		m := post(t, from, "s", "general", fmt.Sprint(i))
		if e := next(t, s); e.Message != m || e.Author != who || e.Index != int64(i+1) {
			t.Fatalf("heard %+v, posted %+v", e, m)
		}
	}
	s.Close()
	if err := ends(t, s); !errors.Is(err, client.ErrClosed) {
		t.Errorf("closed with %v", err)
	}
}

// TestNamesAsTheyAreTyped uses names that are written in another form than the one that the
// provider keeps.
func TestNamesAsTheyAreTyped(t *testing.T) {
	p := providertest.Start(t, program)
	zoe := member(t, p.Addr, "zoe\u0308", "s\u00e4", quick())
	must(t, zoe.CreateChannel(within(t), "sa\u0308", "u\u0308"))
	for _, channel := range []string{"u\u0308", ""} {
		s := subscribe(t, zoe, "sa\u0308", channel)
		posted := post(t, zoe, "sa\u0308", "u\u0308", "hello")
		e := next(t, s)
		if e.Message != posted || e.Author != "zo\u00eb" || e.Server != "s\u00e4" || e.Channel != "\u00fc" {
			t.Errorf("posted %+v, heard %+v", posted, e.Message)
		}
		zoe.Reconnect()
		again := post(t, zoe, "s\u00e4", "\u00fc", "again")
		if e = next(t, s); e.Kind != client.Posted || e.Message != again {
			t.Errorf("posted %+v, heard %+v", again, e)
		}
	}
}

// TestSubscribeFrom checks that the history and new messages come without a gap between them.
func TestSubscribeFrom(t *testing.T) {
	p := providertest.Start(t, program)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	var texts []string
	for i := range 250 {
		texts = append(texts, fmt.Sprint(i))
		post(t, alice, "s", "general", texts[i])
	}
	s, err := alice.SubscribeFrom(within(t), "s", "general", 3)
	must(t, err)
	beyond, err := alice.SubscribeFrom(within(t), "s", "general", 1000)
	must(t, err)
	post(t, alice, "s", "general", "now")
	hear(t, s, "general", 3, append(texts[3:], "now")...)
	hear(t, beyond, "general", 250, "now")
	if _, err := alice.SubscribeFrom(within(t), "s", "", 3); err == nil {
		t.Error("a place in no channel was accepted")
	}
}

// TestWholeServer listens to all channels of a server, also to later ones, and through a
// deletion.
func TestWholeServer(t *testing.T) {
	p := providertest.Start(t, program)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	bob := member(t, p.Addr, "bob", "s", client.Options{})
	s, one := subscribe(t, bob, "s", ""), subscribe(t, bob, "s", "general")
	post(t, alice, "s", "general", "a")
	hear(t, s, "general", 0, "a")
	hear(t, one, "general", 0, "a")
	must(t, alice.CreateChannel(ctx, "s", "tea"))
	post(t, alice, "s", "tea", "b")
	hear(t, s, "tea", 0, "b")
	post(t, bob, "s", "tea", "c")
	hear(t, s, "tea", 1, "c")
	must(t, alice.DeleteChannel(ctx, "s", "tea"))
	if e := next(t, s); e.Kind != client.Deleted || e.Channel != "tea" {
		t.Fatalf("heard %+v where a channel was deleted", e)
	}
	must(t, alice.CreateChannel(ctx, "s", "tea"))
	post(t, alice, "s", "tea", "anew")
	hear(t, s, "tea", 0, "anew")
	must(t, alice.DeleteChannel(ctx, "s", "general"))
	if err := ends(t, one); client.CodeOf(err) != client.ChannelGone {
		t.Errorf("the deleted channel's subscription ended with %v", err)
	}
	must(t, alice.DeleteServer(ctx, "s", "pw"))
	for e := range s.Events() {
		if e.Kind == client.Posted {
			t.Errorf("heard %+v after the end", e)
		}
	}
	if client.CodeOf(s.Err()) != client.ServerGone {
		t.Errorf("the deleted server's subscription ended with %v", s.Err())
	}
}

// TestSubscriptionEnds checks that a subscription ends when what it depends on ends.
func TestSubscriptionEnds(t *testing.T) {
	p := providertest.Start(t, program)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	bob := login(t, p.Addr, "bob", client.Options{})
	if _, err := bob.Subscribe(ctx, "s", "general"); client.CodeOf(err) != client.NotInServer {
		t.Errorf("a stranger's subscription: %v", err)
	}
	if _, err := alice.Subscribe(ctx, "s", "nowhere"); client.CodeOf(err) != client.NoSuchChannel {
		t.Errorf("a missing channel's subscription: %v", err)
	}
	left := subscribe(t, alice, "s", "")
	must(t, alice.LeaveServer(ctx, "s"))
	if err := ends(t, left); client.CodeOf(err) != client.MembershipEnded {
		t.Errorf("after leaving: %v", err)
	}
	must(t, alice.JoinServer(ctx, "s", "pw"))
	out := subscribe(t, alice, "s", "general")
	must(t, alice.Logout(ctx))
	if err := ends(t, out); client.CodeOf(err) != client.NotLoggedIn {
		t.Errorf("after logout: %v", err)
	}
	must(t, alice.Login(ctx, "alice", "pw-alice"))
	closed := subscribe(t, alice, "s", "general")
	alice.Close()
	if err := ends(t, closed); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestAgainAtOnce subscribes while an earlier subscription to the same place ends.
func TestAgainAtOnce(t *testing.T) {
	p := providertest.Start(t, program)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	bob := member(t, p.Addr, "bob", "s", client.Options{})
	for i := range 50 {
		s := subscribe(t, bob, "s", "general")
		text := fmt.Sprint(i)
		post(t, alice, "s", "general", text)
		hear(t, s, "general", int64(i), text)
		s.Close()
	}
}

// TestSlowConsumer does not read its events for long: everybody else goes on, and all events are
// there when it does.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	p := providertest.Start(t, program)
	alice := member(t, p.Addr, "alice", "s", client.Options{})
	bob := member(t, p.Addr, "bob", "s", client.Options{})
	slow, fast := subscribe(t, bob, "s", "general"), subscribe(t, bob, "s", "")
	const amount = 2000
	for i := range amount {
		from := alice
		if i%5 == 0 {
			from = bob // its calls and posts are not held up
		}
		text := fmt.Sprint(i)
		post(t, from, "s", "general", text)
		hear(t, fast, "general", int64(i), text)
	}
	for i := range amount {
		hear(t, slow, "general", int64(i), fmt.Sprint(i))
	}
}

// TestBeginsWherePushesBegin checks that messages are delivered that are posted between the
// answer to the subscription and the question after it.
func TestBeginsWherePushesBegin(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "subscribe":
			a.yes(`"amount":2`)
		case "getmessages", "getlatestmessages":
			a.messages(strconv.Itoa, 4)
		default:
			return false
		}
		return true
	})
	s := subscribe(t, connect(t, f.addr(), quick()), "s", "general")
	hear(t, s, "general", 2, "2", "3")
}

// TestPushesWhileItBegins has more messages pushed than are kept, each time that the subscription
// looks at the channel: to look once is enough.
func TestPushesWhileItBegins(t *testing.T) {
	const more = 1500
	var attached atomic.Int64
	total := 0
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "subscribe":
			attached.Add(1)
			a.yes(`"amount":0`)
		case "getlatestmessages":
			for range more {
				a.push(total, strconv.Itoa(total))
				total++
			}
			a.messages(strconv.Itoa, total-more)
		case "getmessages":
			a.messages(strconv.Itoa, total)
		default:
			return false
		}
		return true
	})
	s := subscribe(t, connect(t, f.addr(), quick()), "s", "general")
	for i := range more {
		hear(t, s, "general", int64(i), strconv.Itoa(i))
	}
	if attached.Load() != 1 {
		t.Errorf("attached %d times", attached.Load())
	}
}

// TestChannelMadeAnewWhileItBegins checks that messages of one channel that were only counted do
// not hide the next channel of that name.
func TestChannelMadeAnewWhileItBegins(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "getserverchannels":
			a.yes(`"channels":["general"]`)
		case "getlatestmessages":
			if a.n == 1 {
				a.messages(strconv.Itoa, 0)
				return true
			}
			for i := range 1500 {
				a.push(i, fmt.Sprint("old", i))
			}
			a.say(`{"call":"unsubscribed","servername":"s","channel":"general","reason":"…","code":"channel_gone"}`)
			a.push(0, "new0")
			fallthrough
		case "getmessages":
			a.messages(func(i int) string { return fmt.Sprint("new", i) }, 1)
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	s := subscribe(t, c, "s", "")
	c.Reconnect()
	e := next(t, s)
	for ; e.Kind == client.Posted; e = next(t, s) {
		if e.Text != fmt.Sprint("old", e.Index) {
			t.Fatalf("heard %+v of the old channel", e)
		}
	}
	hear(t, s, "general", 0, "new0")
}

// TestManyBeginAtOnce checks that subscriptions do not wait for each other's answers: here no
// answer comes before the last question.
func TestManyBeginAtOnce(t *testing.T) {
	const many = 16
	var held []*asked
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "subscribe":
			if held = append(held, a); len(held) == many {
				for _, one := range held {
					one.yes(`"amount":0`)
				}
			}
		case "getlatestmessages":
			a.messages(strconv.Itoa, 0)
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	begun := make(chan error, many)
	for i := range many {
		go func() {
			_, err := c.Subscribe(within(t), fmt.Sprint("s", i), "general")
			begun <- err
		}()
	}
	for range many {
		must(t, <-begun)
	}
}

// TestBusyWhileItBegins checks that, if a provider refuses one question in ten as busy, only
// those questions are asked again.
func TestBusyWhileItBegins(t *testing.T) {
	const channels = 40
	var looks, subscribed atomic.Int64
	names := make([]string, channels)
	for i := range names {
		names[i] = strconv.Quote(fmt.Sprint("c", i))
	}
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "subscribe":
			subscribed.Add(1)
			return false
		case "getserverchannels":
			a.yes(fmt.Sprintf(`"channels":[%s]`, strings.Join(names, ",")))
		case "getlatestmessages":
			if looks.Add(1)%10 == 0 {
				a.say(`{"resp":false,"reason":"…","code":"busy","id":%v}`, a.values["id"])
			} else {
				a.messages(strconv.Itoa, 0)
			}
		default:
			return false
		}
		return true
	})
	subscribe(t, connect(t, f.addr(), quick()), "s", "")
	if subscribed.Load() != 1 || looks.Load() != channels+channels/9 {
		t.Errorf("subscribed %d times, asked %d times", subscribed.Load(), looks.Load())
	}
}

// TestClosedWhileItBeginsAnew ends a subscription, or its client, while the provider owes an
// answer that the subscription needs after a reconnect.
func TestClosedWhileItBeginsAnew(t *testing.T) {
	for _, end := range []func(*client.Client, *client.Subscription){
		func(_ *client.Client, s *client.Subscription) { s.Close() },
		func(c *client.Client, _ *client.Subscription) { c.Close() },
	} {
		asking := make(chan bool, 1)
		f := newFake(t, func(a *asked) bool {
			switch {
			case a.call() == "subscribe" && a.n == 2:
				asking <- true // there will be no answer
			case a.call() == "subscribe":
				a.yes(`"amount":0`)
			case a.call() == "getlatestmessages":
				a.messages(strconv.Itoa, 0)
			default:
				return false
			}
			return true
		})
		c := connect(t, f.addr(), quick())
		s := subscribe(t, c, "s", "general")
		c.Reconnect()
		<-asking
		end(c, s)
		if err := ends(t, s); !errors.Is(err, client.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	}
}

// TestAChannelThatIsDeletedWhileItIsListed is in the list of a server's channels, and gone when the
// subscription to the server looks at it.
func TestAChannelThatIsDeletedWhileItIsListed(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch {
		case a.call() == "getserverchannels":
			a.yes(`"channels":["gone","general"]`)
		case a.values["channel"] == "gone":
			a.say(`{"resp":false,"reason":"channel does not exist","code":"no_such_channel","id":%v}`, a.values["id"])
		case a.call() == "getlatestmessages" || a.call() == "getmessages":
			a.messages(func(int) string { return "x" }, 1)
			a.push(1, "y")
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	must(t, c.Login(within(t), "a", "pw"))
	hear(t, subscribe(t, c, "s", ""), "general", 1, "y")
}
