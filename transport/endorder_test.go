package transport_test

import (
	"fmt"
	"testing"

	"elemental/actors"
	"elemental/transport/housetest"
)

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
