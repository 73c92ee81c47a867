package transport_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/transport/housetest"
)

// crowd are more subscribers than the router sends a message to at a time.
const crowd = 150

// hall is a house whose channel general has a crowd of subscribers.
func hall(t *testing.T, set housetest.Settings) (h *housetest.House, alice *housetest.Line, listeners []*housetest.Line) {
	t.Helper()
	h = housetest.New(t, set)
	alice = h.Founder()
	h.Dial().Yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	h.Login("bob").Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
	for range crowd {
		l := h.Login("bob")
		l.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
		listeners = append(listeners, l)
	}
	return h, alice, listeners
}

// hear wants the messages from first to last in order, and nothing else.
func hear(l *housetest.Line, first, last int) {
	l.T.Helper()
	for i := first; i <= last; i++ {
		if event := l.Next(); event == nil || event["index"] != float64(i) {
			l.T.Fatalf("message %d: %v", i, event)
		}
	}
}

// TestACrowdHearsAllInOrder has two post at once into a channel with many
// subscribers; one of them subscribes to it again in between.
func TestACrowdHearsAllInOrder(t *testing.T) {
	h, alice, listeners := hall(t, housetest.Settings{})
	const each = 30
	var posting sync.WaitGroup
	for _, c := range []*housetest.Line{alice, h.Login("bob")} {
		posting.Go(func() {
			for i := range each {
				c.Yes(`{"call":"message","servername":"s","channel":"general","msg":"m%d"}`, i)
			}
		})
	}
	posting.Go(func() {
		l := h.Login("bob")
		for range 20 {
			amount := l.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)["amount"].(float64)
			if amount < 2*each {
				hear(l, int(amount), int(amount))
			}
			_ = l.Conn.Close() // there may be more that it has not heard
			l = h.Login("bob")
		}
	})
	for _, l := range listeners {
		hear(l, 0, 2*each-1)
	}
	posting.Wait()
}

// TestACrashInAFanOut crashes the router in the middle of a crowd: who posted
// is answered, and all hear the next message.
func TestACrashInAFanOut(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%v", after), func(t *testing.T) {
			var fired atomic.Int32
			strike := func(_ actors.Kind, msg any) {
				if fmt.Sprintf("%T", msg) == "*actors.fan" && fired.Add(1) == 2 {
					panic("injected")
				}
			}
			_, alice, listeners := hall(t, housetest.Settings{Actor: func(cfg *actors.Config) {
				if after {
					cfg.FaultAfter = strike
				} else {
					cfg.Fault = strike
				}
			}})
			for i := range 3 {
				alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"m%d"}`, i)
			}
			for _, l := range listeners {
				for event := l.Next(); event["index"] != float64(2); event = l.Next() {
					if event == nil {
						t.Fatal("a connection has ended")
					}
				}
			}
			if fired.Load() < 2 {
				t.Error("there was no crash")
			}
		})
	}
}

// TestACrashOverAMessageThatNobodyHears has a crowd leave while a message is on its way
// to it, which a router that crashes at each turn does not send. The next message has
// nobody to go to, and its own turn crashes: who posted it is answered all the same.
func TestACrashOverAMessageThatNobodyHears(t *testing.T) {
	var published, turns atomic.Int32
	var once sync.Once
	fanning := make(chan struct{})
	h, alice, _ := hall(t, housetest.Settings{Actor: func(cfg *actors.Config) {
		cfg.Deadline = time.Minute
		cfg.Fault = func(kind actors.Kind, msg any) {
			switch fmt.Sprintf("%T", msg) {
			case "*actors.publish":
				published.Add(1)
			case "*actors.fan":
				once.Do(func() { close(fanning) })
				if published.Load() < 2 || turns.Add(1) == 4 { // the first takes three
					panic("injected")
				}
			}
		}
	}})
	other := h.Login("alice")
	alice.Write(`{"call":"message","servername":"s","channel":"general","msg":"first"}`)
	<-fanning
	h.Login("bob").Yes(`{"call":"leaveserver","servername":"s"}`)
	other.Yes(`{"call":"message","servername":"s","channel":"general","msg":"second"}`)
	if answer := alice.Next(); answer["resp"] != true {
		t.Errorf("the first: %v", answer)
	}
	if turns.Load() < 4 {
		t.Error("there was no crash")
	}
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"third"}`)
}

// TestACrashAtTheEndOfAFanOutIsNotRepeated has somebody follow a post who panics when it has been handed
// to all. That is tried once more, and given up: the post behind it goes on.
func TestACrashAtTheEndOfAFanOutIsNotRepeated(t *testing.T) {
	h, alice, _ := hall(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.Deadline = 5 * time.Second }})
	other := h.Login("alice")
	var crashes atomic.Int32
	crashed := make(chan struct{})
	stop := h.Provider.Follow(telemetry.Filter{Call: "message"}, func(hop telemetry.Hop) {
		if hop.Where == "router" {
			if crashes.Add(1) == 1 {
				close(crashed)
			}
			panic("injected")
		}
	})
	defer stop()
	alice.Write(`{"call":"message","servername":"s","channel":"general","msg":"first"}`)
	<-crashed
	other.Yes(`{"call":"message","servername":"s","channel":"general","msg":"second"}`)
	if crashes.Load() != 2 {
		t.Errorf("%d crashes", crashes.Load())
	}
	if answer := alice.Next(); answer["code"] != "outcome_unknown" {
		t.Errorf("the first post was answered %v", answer)
	}
}

// TestTheEndOfAnEarlierSubscriptionComesFirst has a channel deleted and made again, and a client
// subscribe to the new one, before the disk has any of it: the client must not take the old one's
// end for the new one's.
func TestTheEndOfAnEarlierSubscriptionComesFirst(t *testing.T) {
	disk := newStuckDisk()
	h := housetest.New(t, housetest.Settings{FS: disk, Actor: longPatience})
	owner := h.Founder()
	again, bob := h.Login("alice"), h.Login("alice")
	bob.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)

	came := make(chan string, 9)
	h.Strike(func(kind actors.Kind, msg any) {
		if kind == actors.KindServer {
			select {
			case came <- fmt.Sprintf("%T", msg):
			default:
			}
		}
	})
	ask := func(line *housetest.Line, request, msg string) {
		line.Write(request)
		for <-came != msg {
		}
	}
	disk.hold(true)
	ask(owner, `{"call":"deletechannel","servername":"s","name":"general"}`, "*actors.deleteChannel")
	ask(again, `{"call":"createchannel","servername":"s","name":"general"}`, "*actors.createChannel")
	ask(bob, `{"call":"subscribe","servername":"s","channel":"general"}`, "*actors.subscribe")
	disk.hold(false)

	if got := bob.Next(); got["call"] != "unsubscribed" || got["code"] != "channel_gone" {
		t.Errorf("first comes %v", got)
	}
	if got := bob.Next(); got["resp"] != true || got["amount"] != 0.0 {
		t.Errorf("then comes %v", got)
	}
	h.Login("alice").Yes(`{"call":"message","servername":"s","channel":"general","msg":"x"}`)
	if got := bob.Next(); got["call"] != "newmessage" || got["index"] != 0.0 {
		t.Errorf("at last comes %v", got)
	}
}

// TestALoginAsTheSameUserEndsNoSubscription, by password and by key.
func TestALoginAsTheSameUserEndsNoSubscription(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	alice, bob := h.Founder(), h.Login("alice")
	bob.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
	key := bob.Yes(`{"call":"login","usernm":"alice","passwd":"pw"}`)["key"]
	bob.Yes(`{"call":"login","usernm":"alice","key":%q}`, key)
	alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"x"}`)
	bob.Write(`{"call":"ping"}`) // is answered after the push, if there is one
	if got := bob.Next(); got["call"] != "newmessage" {
		t.Errorf("no push, but %v", got)
	}
}

// TestSubscriptionsAreLimited: one client may have many connections, and each could subscribe to
// each of very many channels. Each may have an eighth of what the others leave.
func TestSubscriptionsAreLimited(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.Subscriptions = 8 * 18 }})
	alice := h.Founder()
	for i := range 19 {
		alice.Yes(`{"call":"createchannel","servername":"s","name":"c%d"}`, i)
	}
	subscribe := `{"call":"subscribe","servername":"s","channel":"c%d"}`
	for i := range 18 {
		alice.Yes(subscribe, i)
	}
	refused := func(what string) {
		t.Helper()
		if no := alice.Ask("%s", what); no["code"] != "too_many_subscriptions" || no["reason"] != "too many subscriptions" {
			t.Error(no)
		}
	}
	refused(fmt.Sprintf(subscribe, 18))
	refused(`{"call":"subscribe","servername":"s"}`)
	alice.Yes(subscribe, 2) // again: it is one of the eighteen

	poster := h.Login("alice")
	poster.Yes(`{"call":"message","servername":"s","channel":"c18","msg":"not heard"}`)
	poster.Yes(`{"call":"message","servername":"s","channel":"c2","msg":"heard"}`)
	if event := alice.Next(); event["message"] != "heard" {
		t.Error(event)
	}
	for i := range 3 { // enough is left
		poster.Yes(subscribe, i)
	}

	alice.Yes(`{"call":"unsubscribe","servername":"s","channel":"c0"}`)
	alice.Yes(subscribe, 18)
	refused(fmt.Sprintf(subscribe, 0))
	poster.Yes(`{"call":"logout"}`)
	h.Login("alice").Yes(`{"call":"deletechannel","servername":"s","name":"c1"}`)
	if event := alice.Next(); event["call"] != "unsubscribed" {
		t.Error(event)
	}
	alice.Yes(subscribe, 0)
	refused(`{"call":"subscribe","servername":"s"}`)
}

// TestEachConnectionMayHaveSomeSubscriptions however many the others have.
func TestEachConnectionMayHaveSomeSubscriptions(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) { cfg.Subscriptions = 1 }})
	alice := h.Founder()
	for i := range 17 {
		alice.Yes(`{"call":"createchannel","servername":"s","name":"c%d"}`, i)
	}
	subscribe := `{"call":"subscribe","servername":"s","channel":"c%d"}`
	for _, c := range []*housetest.Line{alice, h.Login("alice")} {
		for i := range 16 {
			c.Yes(subscribe, i)
		}
		if no := c.Ask(subscribe, 16); no["code"] != "too_many_subscriptions" {
			t.Error(no)
		}
	}
}
