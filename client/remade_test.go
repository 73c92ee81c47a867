package client_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// TestMadeAnewWhileAway deletes a channel and makes it again while the listener is offline. The
// listener is told of that and gets the new channel from its first message, also if it is as long
// as the old one was.
func TestMadeAnewWhileAway(t *testing.T) {
	for name, whole := range map[string]string{"the channel": "tea", "the whole server": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := providertest.Start(t, program)
			cut := newCutter(t, p.Addr)
			ctx := within(t)
			alice := member(t, p.Addr, "alice", "s", quick())
			must(t, alice.CreateChannel(ctx, "s", "tea"))
			bob := member(t, cut.addr(), "bob", "s", quick())
			s := subscribe(t, bob, "s", whole)
			for _, texts := range [][]string{{"a", "b"}, {"c", "d", "e"}, {"f"}} {
				for i, text := range texts {
					post(t, alice, "s", "tea", text)
					hear(t, s, "tea", int64(i), text)
				}
				hold := cut.hold()
				must(t, alice.DeleteChannel(ctx, "s", "tea"))
				must(t, alice.CreateChannel(ctx, "s", "tea"))
				first := []string{"x", "y", "z"}
				for _, text := range first {
					post(t, alice, "s", "tea", text)
				}
				hold()
				if e := next(t, s); e.Kind != client.Deleted || e.Channel != "tea" {
					t.Fatalf("heard %+v where the channel was made anew", e)
				}
				hear(t, s, "tea", 0, first...)
				must(t, alice.DeleteChannel(ctx, "s", "tea"))
				must(t, alice.CreateChannel(ctx, "s", "tea"))
				if whole != "" {
					if err := ends(t, s); client.CodeOf(err) != client.ChannelGone {
						t.Fatal(err)
					}
					s = subscribe(t, bob, "s", whole)
				} else if e := next(t, s); e.Kind != client.Deleted {
					t.Fatalf("heard %+v where the channel was deleted", e)
				}
			}
		})
	}
}

// TestGoneWhileAway checks that a subscription ends whose channel was deleted while the client
// was offline.
func TestGoneWhileAway(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	must(t, alice.CreateChannel(ctx, "s", "tea"))
	bob := member(t, cut.addr(), "bob", "s", quick())
	tea, all := subscribe(t, bob, "s", "tea"), subscribe(t, bob, "s", "")
	post(t, alice, "s", "tea", "a")
	hear(t, tea, "tea", 0, "a")
	hear(t, all, "tea", 0, "a")
	hold := cut.hold()
	must(t, alice.DeleteChannel(ctx, "s", "tea"))
	must(t, alice.CreateChannel(ctx, "s", "new"))
	post(t, alice, "s", "new", "made while away")
	hold()
	if err := ends(t, tea); client.CodeOf(err) != client.NoSuchChannel {
		t.Errorf("the channel's subscription ended with %v", err)
	}
	heard := map[client.Kind]client.Event{}
	for range 2 {
		e := next(t, all)
		heard[e.Kind] = e
	}
	if heard[client.Deleted].Channel != "tea" || heard[client.Posted].Text != "made while away" {
		t.Errorf("the server's subscription heard %+v", heard)
	}
	hold = cut.hold()
	must(t, alice.DeleteServer(ctx, "s", "pw"))
	hold()
	for range all.Events() { // what is told of channels before the end does not matter
	}
	if code := client.CodeOf(all.Err()); code != client.NoSuchServer {
		t.Errorf("the server's subscription ended with %v", all.Err())
	}
}

// TestMadeAnewUnheard checks that the client notices a channel that was made again even if
// nothing of the old one was delivered.
func TestMadeAnewUnheard(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	bob := member(t, cut.addr(), "bob", "s", quick())
	post(t, alice, "s", "general", "old")
	s, all := subscribe(t, bob, "s", "general"), subscribe(t, bob, "s", "")
	hold := cut.hold()
	must(t, alice.DeleteChannel(ctx, "s", "general"))
	must(t, alice.CreateChannel(ctx, "s", "general"))
	post(t, alice, "s", "general", "new0")
	post(t, alice, "s", "general", "new1")
	hold()
	for _, one := range []*client.Subscription{s, all} {
		if e := next(t, one); e.Kind != client.Deleted {
			t.Fatalf("heard %+v where the channel was made anew", e)
		}
		hear(t, one, "general", 0, "new0", "new1")
	}
}

// TestOwnPostIntoNewChannel repeats a post on the next connection, where the channel is another
// one of the same name, before the subscription has found that out.
func TestOwnPostIntoNewChannel(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	bob := member(t, cut.addr(), "bob", "s", quick())
	for range 5 {
		s := subscribe(t, bob, "s", "general")
		post(t, alice, "s", "general", "old")
		hear(t, s, "general", 0, "old")
		hold := cut.hold()
		must(t, alice.DeleteChannel(ctx, "s", "general"))
		must(t, alice.CreateChannel(ctx, "s", "general"))
		post(t, alice, "s", "general", "new")
		posted := make(chan error, 1)
		go func() {
			_, err := bob.Post(ctx, "s", "general", "own")
			posted <- err
		}()
		hold()
		must(t, <-posted)
		if e := next(t, s); e.Kind != client.Deleted {
			t.Fatalf("heard %+v where the channel was made anew", e)
		}
		hear(t, s, "general", 0, "new", "own")
		s.Close()
		must(t, alice.DeleteChannel(ctx, "s", "general"))
		must(t, alice.CreateChannel(ctx, "s", "general"))
	}
}

// TestPushBeforeItIsFoundOut pushes a message of the channel that was made again before the
// subscription can know that it is another one.
func TestPushBeforeItIsFoundOut(t *testing.T) {
	texts := func(which string) func(int) string {
		return func(i int) string { return which + strconv.Itoa(i) }
	}
	f := newFake(t, func(a *asked) bool {
		which, total := texts("old"), 0
		if a.n > 1 {
			which, total = texts("new"), 4
		}
		switch a.call() {
		case "subscribe":
			a.yes("")
			if a.n > 1 {
				a.push(3, "new3")
			}
		case "getlatestmessages":
			a.messages(which, total)
			for i := range 3 {
				if a.n == 1 {
					a.push(i, which(i))
				}
			}
		case "getmessages":
			a.messages(which, total)
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	s := subscribe(t, c, "s", "general")
	hear(t, s, "general", 0, "old0", "old1", "old2")
	c.Reconnect()
	if e := next(t, s); e.Kind != client.Deleted {
		t.Fatalf("heard %+v where the channel was made anew", e)
	}
	hear(t, s, "general", 0, "new0", "new1", "new2", "new3")
}

// TestEndBeforeTheSurvey tells of a channel's end while the subscription begins anew, before the
// client finds the next channel of that name with a message of its own, which is not pushed.
func TestEndBeforeTheSurvey(t *testing.T) {
	told := false
	f := newFake(t, func(a *asked) bool {
		anew := func(i int) string { return fmt.Sprint("new", i) }
		switch a.call() {
		case "subscribe":
			if a.n == 2 && !told {
				told = true
				a.say(`{"call":"unsubscribed","servername":"s","channel":"general","reason":"…","code":"channel_gone"}`)
				a.push(0, anew(0))
			}
			return false
		case "getserverchannels":
			a.yes(`"channels":["general"]`)
		case "getmessages", "getlatestmessages":
			if a.n == 1 {
				a.messages(func(int) string { return "old" }, 1)
			} else {
				a.messages(anew, 2)
			}
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	s := subscribe(t, c, "s", "")
	c.Reconnect()
	e := next(t, s)
	for ; e.Kind == client.Deleted; e = next(t, s) {
	}
	if e.Kind != client.Posted || e.Index != 0 || e.Text != "new0" {
		t.Fatalf("heard %+v where the new channel begins", e)
	}
	hear(t, s, "general", 1, "new1")
}

// TestHeldOverReconnect has a push of the old channel held while its history is read, and lets
// the client find another channel before anything was delivered.
func TestHeldOverReconnect(t *testing.T) {
	asking := make(chan struct{}, 1)
	f := newFake(t, func(a *asked) bool {
		which, total := "old", 3
		if a.n > 1 {
			which, total = "new", 6
		}
		text := func(i int) string { return which + strconv.Itoa(i) }
		switch {
		case a.call() == "getmessages" && a.n == 1:
			a.push(3, "old3")
			asking <- struct{}{} // and no answer
		case a.call() == "getmessages" || a.call() == "getlatestmessages":
			a.messages(text, total)
		default:
			return false
		}
		return true
	})
	o := quick()
	heard := make(chan struct{}, 1)
	o.Trace = func(traffic client.Traffic) {
		if strings.Contains(string(traffic.JSON), "old3") {
			heard <- struct{}{}
		}
	}
	c := connect(t, f.addr(), o)
	s, err := c.SubscribeFrom(within(t), "s", "general", 0)
	must(t, err)
	<-asking
	<-heard // and taken before the connection ends
	c.Reconnect()
	hear(t, s, "general", 0, "new0", "new1", "new2", "new3", "new4", "new5")
}

// TestPageOverReconnect loses the answer to a page of the history and lets the client find
// another channel: no page of that one is taken for one of the old channel.
func TestPageOverReconnect(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		which := func(i int) string { return fmt.Sprint("connection ", a.n, " message ", i) }
		switch a.call() {
		case "getmessages":
			if a.n == 1 && a.values["begin"] != 0.0 {
				_ = a.conn.Close()
				return true
			}
			a.messages(which, 350)
		case "getlatestmessages":
			a.messages(which, 350)
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	s, err := c.SubscribeFrom(within(t), "s", "general", 0)
	must(t, err)
	for i := range 100 {
		hear(t, s, "general", int64(i), fmt.Sprint("connection 1 message ", i))
	}
	if e := next(t, s); e.Kind != client.Deleted {
		t.Fatalf("heard %+v where the channel was made anew", e)
	}
	for i := range 350 {
		hear(t, s, "general", int64(i), fmt.Sprint("connection 2 message ", i))
	}
}

// TestShortPages checks that the client pauses before it asks again when a page is not what it
// asked for.
func TestShortPages(t *testing.T) {
	var pages atomic.Int64
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "getmessages":
			if pages.Add(1) < 3 {
				a.yes(`"messages":[]`)
				return true
			}
			fallthrough
		case "getlatestmessages":
			a.messages(strconv.Itoa, 10)
			return true
		}
		return false
	})
	c := connect(t, f.addr(), quick())
	began := time.Now()
	s, err := c.SubscribeFrom(within(t), "s", "general", 0)
	must(t, err)
	hear(t, s, "general", 0, "0", "1")
	if time.Since(began) < 300*time.Millisecond { // two pauses of 200 ms, whatever the machine
		t.Error("it asked again at once")
	}
}

// TestSlowConsumerOfADeletedChannel checks that a subscription whose channel was deleted ends with
// that channel's messages, also if the client hears those of the next one of that name before the
// consumer takes them.
func TestSlowConsumerOfADeletedChannel(t *testing.T) {
	p := providertest.Start(t, program)
	ctx := within(t)
	alice := member(t, p.Addr, "alice", "s", quick())
	bob := member(t, p.Addr, "bob", "s", quick())
	all, slow := subscribe(t, bob, "s", ""), subscribe(t, bob, "s", "general")
	const old, anew = 100, 110 // the first more than Events has room for
	for i := range old {
		post(t, alice, "s", "general", fmt.Sprint("old", i))
		hear(t, all, "general", int64(i), fmt.Sprint("old", i))
	}
	must(t, alice.DeleteChannel(ctx, "s", "general"))
	must(t, alice.CreateChannel(ctx, "s", "general"))
	if e := next(t, all); e.Kind != client.Deleted {
		t.Fatalf("heard %+v where the channel was deleted", e)
	}
	for i := range anew {
		post(t, alice, "s", "general", fmt.Sprint("new", i))
		hear(t, all, "general", int64(i), fmt.Sprint("new", i))
	}
	for i := range old {
		hear(t, slow, "general", int64(i), fmt.Sprint("old", i))
	}
	if err := ends(t, slow); client.CodeOf(err) != client.ChannelGone {
		t.Error(err)
	}
}

// TestEndOfAnEarlierSubscription tells a subscription that is about to begin of the end of the
// channel that had its name before.
func TestEndOfAnEarlierSubscription(t *testing.T) {
	total := 0
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "subscribe":
			if a.values["id"] == 2.0 {
				a.say(`{"call":"unsubscribed","servername":"s","channel":"general","reason":"channel was deleted","code":"channel_gone"}`)
			}
			a.yes(`"amount":0`)
		case "getlatestmessages", "getmessages":
			a.messages(func(int) string { return "in the new one" }, total)
		case "getserverimage":
			total = 1
			a.push(0, "in the new one")
			a.yes(`"img":"aGk="`)
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	s := subscribe(t, c, "s", "general")
	_, err := c.Image(within(t), "s")
	must(t, err)
	hear(t, s, "general", 0, "in the new one")
}

// TestPushBeforeTheAnswer pushes a message for an earlier subscription before a new one to the
// whole server is answered. Its channel may have ended since without this connection's being told,
// so the message is not taken for one of the present channel.
func TestPushBeforeTheAnswer(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "subscribe":
			a.push(4, "old4")
			return false
		case "getserverchannels":
			a.yes(`"channels":["general"]`)
		case "getlatestmessages":
			a.messages(func(i int) string { return fmt.Sprint("new", i) }, 3)
		case "message":
			for i := 3; i < 6; i++ {
				a.push(i, fmt.Sprint("new", i))
			}
			return false
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	s := subscribe(t, c, "s", "")
	post(t, c, "elsewhere", "general", "which makes it push")
	hear(t, s, "general", 3, "new3", "new4", "new5")
}
