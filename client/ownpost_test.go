package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"elemental/client"
)

// These tests are about a client's own posts. They are not pushed to it, so that a subscription
// knows of them only by their answers.

// TestPostWaitsWhileSubscribing subscribes while a post is refused for the moment: it is posted
// afterwards, and delivered, also where a subscription was there before.
func TestPostWaitsWhileSubscribing(t *testing.T) {
	var total atomic.Int64
	var open atomic.Bool
	busy := make(chan struct{}, 1)
	f := newFake(t, func(a *asked) bool {
		switch a.call() {
		case "message":
			if open.Load() {
				a.yes(fmt.Sprintf(`"index":%d,"timestamp":1000.5`, total.Add(1)-1))
				return true
			}
			a.say(`{"resp":false,"reason":"busy, try again","code":"busy","id":%v}`, a.values["id"])
			select {
			case busy <- struct{}{}:
			default:
			}
		case "subscribe":
			a.yes(fmt.Sprintf(`"amount":%d`, total.Load()))
		case "getserverchannels":
			a.yes(`"channels":["general"]`)
		case "getlatestmessages", "getmessages":
			a.messages(func(int) string { return "own" }, int(total.Load()))
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	must(t, c.Login(within(t), "a", "pw"))
	early := subscribe(t, c, "s", "general")
	posted := make(chan error, 1)
	go func() {
		_, err := c.Post(within(t), "s", "general", "own")
		posted <- err
	}()
	<-busy
	s, all := subscribe(t, c, "s", "general"), subscribe(t, c, "s", "")
	open.Store(true)
	must(t, <-posted)
	hear(t, early, "general", 0, "own")
	hear(t, s, "general", 0, "own")
	hear(t, all, "general", 0, "own")
}

// TestDoubtWhileAttaching gives up a post that was made, when the subscription is about to get a
// count that does not include it.
func TestDoubtWhileAttaching(t *testing.T) {
	var total atomic.Int64
	counting, made := make(chan *asked, 1), make(chan struct{})
	own := func(int) string { return "own" }
	var counts atomic.Int64
	f := newFake(t, func(a *asked) bool {
		switch {
		case a.call() == "message": // and no answer
			total.Add(1)
			close(made)
		case a.call() == "subscribe":
			a.yes(fmt.Sprintf(`"amount":%d`, total.Load()))
		case a.call() == "getlatestmessages" && a.n == 2 && counts.Add(1) == 1:
			counting <- a
		case a.call() == "getlatestmessages" || a.call() == "getmessages":
			a.messages(own, int(total.Load()))
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	must(t, c.Login(within(t), "a", "pw"))
	s := subscribe(t, c, "s", "general")
	c.Reconnect()
	first := <-counting
	ctx, cancel := context.WithCancel(within(t))
	posted := make(chan error, 1)
	go func() {
		_, err := c.Post(ctx, "s", "general", "own")
		posted <- err
	}()
	<-made
	cancel()
	if err := <-posted; !errors.Is(err, client.ErrUncertain) {
		t.Fatal(err)
	}
	first.messages(own, 0)
	hear(t, s, "general", 0, "own")
}

// TestOwnPostBeforeTheEnd sends the answer to a post, the end of its channel and the messages of
// the next channel of that name in one go. The poster may get the answer last; it must not be
// taken for a message of the new channel.
func TestOwnPostBeforeTheEnd(t *testing.T) {
	for range 30 {
		var remade atomic.Bool
		f := newFake(t, func(a *asked) bool {
			which, total := "old", 3
			if remade.Load() {
				which, total = "new", 6
			}
			text := func(i int) string { return fmt.Sprint(which, i) }
			switch a.call() {
			case "message":
				remade.Store(true)
				var all strings.Builder
				fmt.Fprintf(&all, `{"resp":true,"index":3,"timestamp":1003.5,"id":%v}`, a.values["id"])
				all.WriteString(`{"call":"unsubscribed","servername":"s","channel":"general","reason":"channel was deleted","code":"channel_gone"}`)
				for i := range 6 {
					all.WriteString(`{"call":"newmessage","servername":"s","channel":"general",` + fakeMessage(i, fmt.Sprint("new", i))[1:])
				}
				a.say("%s", all.String())
			case "getserverchannels":
				a.yes(`"channels":["general"]`)
			case "getlatestmessages", "getmessages":
				a.messages(text, total)
			default:
				return false
			}
			return true
		})
		c := connect(t, f.addr(), quick())
		must(t, c.Login(within(t), "a", "pw"))
		s := subscribe(t, c, "s", "")
		post(t, c, "s", "general", "own")
		e := next(t, s)
		if e.Kind == client.Posted && e.Text == "own" { // heard in time
			e = next(t, s)
		}
		if e.Kind != client.Deleted {
			t.Fatalf("heard %+v where the channel was deleted", e)
		}
		hear(t, s, "general", 0, "new0", "new1", "new2", "new3", "new4", "new5")
	}
}

// TestOwnPostBeforeTheSubscription repeats a post on the next connection before the subscription
// is there, and deletes its channel in between, of which nobody is told.
func TestOwnPostBeforeTheSubscription(t *testing.T) {
	for range 10 { // the post is not always sent early enough
		ownPostBeforeTheSubscription(t)
	}
}

func ownPostBeforeTheSubscription(t *testing.T) {
	returned := make(chan struct{})
	var message atomic.Pointer[asked]
	f := newFake(t, func(a *asked) bool {
		text := func(i int) string { return fmt.Sprint("new", i) }
		switch {
		case a.n == 1 && a.call() == "message": // and no answer
		case a.n == 1 && a.call() == "getlatestmessages":
			a.messages(text, 0)
		case a.call() == "message":
			message.Store(a)
		case a.n > 1 && a.call() == "subscribe" && (message.Load() == nil || message.Load().n != a.n):
			_ = a.conn.Close() // once more, until the post comes first
		case a.n > 1 && a.call() == "subscribe":
			message.Load().yes(`"index":7,"timestamp":1.5`)
			<-returned // the channel is deleted and made again
			a.yes(`"amount":10`)
		case a.call() == "getlatestmessages" || a.call() == "getmessages":
			a.messages(text, 10)
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	must(t, c.Login(within(t), "a", "pw"))
	s := subscribe(t, c, "s", "general")
	posted := make(chan error, 1)
	go func() {
		_, err := c.Post(within(t), "s", "general", "own")
		posted <- err
	}()
	c.Reconnect()
	err := <-posted
	close(returned)
	must(t, err)
	for i := range 10 {
		hear(t, s, "general", int64(i), fmt.Sprint("new", i))
	}
}
