package actors

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/asynkron/protoactor-go/actor"
)

var t1 = topic{server: "s", serverIncarnation: 1, channel: "c", incarnation: 2}

func routerOnStage(t *testing.T) (*stage, *actor.PID) {
	s := newStage(t, time.Hour) // nobody steps in for the one who waits
	s.node.encoder = plainEncoder{}
	return s, s.node.system.Root.Spawn(s.node.props(KindRouter, nil, func() actor.Actor { return newRouter(s.node) }))
}

// TestWhoSubscribesAnewHearsNothingFromBefore: a message is on its way to three times
// as many subscribers as are sent it at a time, when all of them end their
// subscriptions and begin others. Two thirds are not sent it any more.
func TestWhoSubscribesAnewHearsNothingFromBefore(t *testing.T) {
	s, router := routerOnStage(t)
	const crowd = 3*portion - 1
	subscribe := func(id uint64) { s.tell(router, &attach{id, "bob", t1, 0, 0}, &begin{id, t1}) }
	for id := range uint64(crowd) {
		s.tell(router, &online{id, nil, slowOutbox{stage: s}, "bob", 0})
		subscribe(id)
	}
	poster := Caller{Session: crowd}
	message := func(text string) *publish {
		return &publish{Poster: poster, Topic: t1, NewMessage: NewMessage{Server: "s", Channel: "c", Message: Message{Text: text}}}
	}
	s.tell(router, message("first"))
	heard := map[string]int{hear(t, s.said): 1} // the first third is just being sent
	for id := range uint64(crowd) {
		s.tell(router, &detach{Caller{Session: id}, "s", "c", false})
		subscribe(id)
	}
	s.tell(router, message("second"))
	close(s.hold)
	for heard["new second"] < crowd {
		heard[hear(t, s.said)]++
	}
	if heard["new first"] != portion {
		t.Errorf("%d heard the message from before, %d were sent it in time", heard["new first"], portion)
	}
}

// TestWhoKeepsOneOfTwoSubscriptionsHears: all are subscribed to a channel and to its whole
// server, and end that while a message is on its way to them. Each hears it, and once.
func TestWhoKeepsOneOfTwoSubscriptionsHears(t *testing.T) {
	s, router := routerOnStage(t)
	const crowd = 3*portion - 1
	for id := range uint64(crowd) {
		s.tell(router, &online{id, nil, slowOutbox{stage: s}, "bob", 0})
		s.tell(router, &attach{id, "bob", t1.whole(), 0, 0}, &attach{id, "bob", t1, 0, 0}, &begin{id, t1})
	}
	post := func(text string) {
		message := NewMessage{Server: "s", Channel: "c", Message: Message{Text: text}}
		s.tell(router, &publish{Poster: Caller{Session: crowd}, Topic: t1, NewMessage: message})
	}
	post("first")
	heard := map[string]int{hear(t, s.said): 1}
	for id := range uint64(crowd) {
		s.tell(router, &detach{Caller{Session: id}, "s", "", false})
	}
	post("last")
	close(s.hold)
	for heard["new last"] < crowd {
		heard[hear(t, s.said)]++
	}
	if heard["new first"] != crowd {
		t.Errorf("%d of %d heard the first", heard["new first"], crowd)
	}
}

// TestWhoHasLeftIsLetGo: a list of hearers is made anew only when there is something to
// hear, and until then nothing of those who left is kept.
func TestWhoHasLeftIsLetGo(t *testing.T) {
	for name, topics := range map[string][]topic{"channel": {t1}, "server": {t1.whole()}, "both": {t1, t1.whole()}} {
		t.Run(name, func(t *testing.T) { whoHasLeftIsLetGo(t, topics) })
	}
}

func whoHasLeftIsLetGo(t *testing.T, topics []topic) {
	r := newRouter(nil).(*router)
	join := func(id uint64) weak.Pointer[outbox] {
		out := &outbox{}
		r.onOnline(&online{id, nil, out, "bob", 0})
		for _, to := range topics {
			r.onAttach(&attach{id, "bob", to, 0, 0})
			r.onBegin(&begin{id, to})
		}
		return weak.Make(out)
	}
	left := join(1)
	join(2)
	if n := len(r.hearers(t1)); n != 2 {
		t.Fatalf("%d hear the channel", n)
	}
	join(3)
	if n := len(r.hearers(t1)); n != 3 {
		t.Errorf("%d hear the channel after one more came", n)
	}
	r.forget(1)
	runtime.GC()
	if left.Value() != nil {
		t.Error("the connection of a session that left is kept")
	}
	if n := len(r.hearers(t1)); n != 2 {
		t.Errorf("%d hear the channel after one left", n)
	}
}

// slowOutbox tells what is pushed to it, and takes its time.
type slowOutbox struct {
	Outbox
	stage *stage
}

func (slowOutbox) Hold() {}

func (o slowOutbox) Push(event *Event) bool {
	o.stage.said <- string(event.Bytes)
	<-o.stage.hold
	return true
}

// TestAChannelIsSilentAfterItsEnd: a message is on its way to those who hear the whole server
// when its channel is deleted and another of that name is made. Who has been told of the end
// hears nothing of the old one between the messages of the new one.
func TestAChannelIsSilentAfterItsEnd(t *testing.T) {
	s, router := routerOnStage(t)
	const crowd = 3*portion - 1
	for id := range uint64(crowd) {
		s.tell(router, &online{id, nil, slowOutbox{stage: s}, "bob", 0}, &attach{id, "bob", t1.whole(), 0, 0})
	}
	again := t1
	again.incarnation++
	poster := s.node.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, is := ctx.Message().(*answer); is {
			s.said <- "answer"
		}
	}))
	post := func(to topic, text string) {
		message := NewMessage{Server: "s", Channel: "c", Message: Message{Text: text}}
		s.tell(router, &publish{Poster: Caller{PID: poster, Session: crowd}, Topic: to, NewMessage: message})
	}
	post(t1, "old")
	post(t1, "old")
	heard := map[string]int{hear(t, s.said): 1} // the first third is just being sent
	s.tell(router, &revoke{Seq: 1, Topic: t1, Reason: ChannelGone})
	post(again, "new")
	close(s.hold)
	ended := false
	for heard["new new"] < crowd || heard["answer"] < 3 {
		what := hear(t, s.said)
		heard[what]++
		ended = ended || strings.HasPrefix(what, "unsubscribed")
		if ended && what == "new old" {
			t.Fatal("a message of a channel came after its end")
		}
	}
	if heard["new old"] != portion || !ended {
		t.Errorf("heard %v", heard)
	}
}
