package transport_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors"
	"elemental/transport/housetest"
)

// fault makes the next message of an actor kind panic, once.
type fault struct {
	kind  actors.Kind
	fired atomic.Bool
}

func (f *fault) strike(kind actors.Kind, msg any) {
	switch msg.(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
		return
	}
	if f.kind == kind && f.fired.CompareAndSwap(false, true) {
		panic("injected")
	}
}

// TestAPanicInEachActor crashes each kind of actor in the middle of a
// conversation: the asker hears of it, nothing acknowledged is lost, and
// everything works afterwards.
func TestAPanicInEachActor(t *testing.T) {
	post := `{"call":"message","servername":"s","channel":"general","msg":"during"}`
	requests := map[actors.Kind]string{
		actors.KindSession:     post,
		actors.KindDirectory:   post,
		actors.KindServer:      post,
		actors.KindChannel:     post,
		actors.KindPersistence: post,
		actors.KindRouter:      `{"call":"getservermembers","servername":"s"}`,
		actors.KindUser:        `{"call":"getjoinedservers"}`,
		actors.KindPasswords:   `{"call":"joinserver","servername":"s","serverpasswd":"spw"}`,
	}
	for kind, request := range requests {
		t.Run(string(kind), func(t *testing.T) { crash(t, kind, request) })
	}
}

func crash(t *testing.T, kind actors.Kind, request string) {
	h := housetest.New(t, housetest.Settings{})
	alice := h.Founder()
	h.Dial().Yes(`{"call":"register","usernm":"bob","passwd":"pw"}`)
	bob := h.Login("bob")
	bob.Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
	for i := range 3 {
		alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"m%d"}`, i)
	}
	before := alice.History()

	f := &fault{kind: kind}
	h.Strike(f.strike)
	answer := alice.Ask("%s", request)
	if !f.fired.Load() {
		t.Fatal("the fault did not fire")
	}
	if kind == actors.KindSession {
		if answer != nil {
			t.Fatalf("the session answered %v after its crash", answer)
		}
		alice = h.Login("alice")
	} else if answer == nil {
		t.Fatal("the connection was closed")
	} else if answer["resp"] == false && answer["reason"] == "" {
		t.Fatalf("no reason: %v", answer)
	}

	bob.Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
	posted := alice.Yes(`{"call":"message","servername":"s","channel":"general","msg":"after"}`)
	if push := bob.Next(); push["message"] != "after" || push["index"] != posted["index"] {
		t.Fatalf("pushed %v, posted %v", push, posted)
	}
	after := alice.History()
	for i, message := range before {
		if fmt.Sprint(message) != fmt.Sprint(after[i]) {
			t.Fatalf("message %d was %v and is %v", i, message, after[i])
		}
	}
	if n := len(after); posted["index"] != float64(n-1) || n > len(before)+2 {
		t.Fatalf("%d messages after %v", n, posted)
	}
	alice.Yes(`{"call":"getservermembers","servername":"s"}`)
	if got := alice.Yes(`{"call":"getjoinedservers"}`)["servers"]; fmt.Sprint(got) != "[s]" {
		t.Fatalf("joined %v", got)
	}
	carol := h.Dial()
	carol.Yes(`{"call":"register","usernm":"carol","passwd":"pw"}`)
	carol.Yes(`{"call":"login","usernm":"carol","passwd":"pw"}`)
	carol.Yes(`{"call":"joinserver","servername":"s","serverpasswd":"spw"}`)
}
