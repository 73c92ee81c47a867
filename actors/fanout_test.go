package actors

import (
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
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
	r := newRouter(&node{cfg: DefaultConfig()}).(*router)
	join := func(id uint64) weak.Pointer[outbox] {
		out := &outbox{}
		r.onOnline(&online{id, nil, out, "bob", 0})
		for _, to := range topics {
			r.onAttach(nil, &attach{id, "bob", to, 0, 0})
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

// TestTheRouterGoesOnAfterACrashAtAPublish: it has noted that a message is to be pushed in turns, and
// would wait for the next turn forever, with the messages of all channels.
func TestTheRouterGoesOnAfterACrashAtAPublish(t *testing.T) {
	s := newStage(t, time.Hour)
	s.node.encoder = plainEncoder{}
	r := newRouter(s.node).(*router)
	const crowd = portion + 1
	close(s.hold)
	for id := range uint64(crowd) {
		r.onOnline(&online{id, nil, slowOutbox{stage: s}, "bob", 0})
		r.onAttach(nil, &attach{id, "bob", t1.whole(), 0, 0})
	}
	m := &publish{Poster: Caller{Session: crowd}, Topic: t1}
	midway(t, func(ctx actor.Context) { r.onPublish(ctx, m) })
	ctx := &fallible{}
	for r.mend(ctx, m); len(ctx.sent) > 0; {
		ctx.sent = ctx.sent[1:]
		r.onFan(ctx)
	}
	if n := len(s.said); n != crowd {
		t.Errorf("of %d it was pushed to %d", crowd, n)
	}
}

// badEncoder cannot encode some messages.
type badEncoder struct{ plainEncoder }

func (e badEncoder) EncodeNewMessage(m *NewMessage) *Event {
	if m.Message.Text == "bad" {
		panic("injected")
	}
	return e.plainEncoder.EncodeNewMessage(m)
}

func TestAPushThatCannotBeEncodedIsLeftOut(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	p.node.encoder = badEncoder{}
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	alice.ask(CreateServer{"s", ""})
	bob.ask(JoinServer{"s", ""})
	bob.ask(Subscribe{"s", "general", true})
	for i, text := range []string{"good", "bad", "better"} {
		if reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: text}).(*Posted); !ok || reply.Index != int64(i) {
			t.Errorf("%s: %v", text, reply)
		}
	}
	for _, want := range []string{"new good", "new better"} {
		if got := <-bob.out.pushes; got != want {
			t.Errorf("pushed %q, want %q", got, want)
		}
	}
}

// brokenOutbox is a connection where a push may panic.
type brokenOutbox struct {
	*outbox
	strike func()
}

func (o brokenOutbox) Push(event *Event) bool {
	o.strike()
	return o.outbox.Push(event)
}

// TestACrashInTheLastPortion crashes the router at the last hearer of a message, with
// another message behind it: both are answered as posted, and all hear the other one.
func TestACrashInTheLastPortion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		enter(t, p, "bob").ask(JoinServer{"s", ""})
		var pushes atomic.Int32
		crowd := make([]*guest, portion+1)
		for i := range crowd {
			out := newOutbox()
			broken := brokenOutbox{out, func() {
				if pushes.Add(1) == portion+1 {
					panic("injected")
				}
			}}
			crowd[i] = &guest{t, "bob", out, p.Connect(broken, netip.Addr{})}
			crowd[i].ask(Login{"bob", "p"})
			crowd[i].ask(Subscribe{"s", "general", true})
		}
		alice.send(&Post{Server: "s", Channel: "general", Text: "first"})
		alice.send(&Post{Server: "s", Channel: "general", Text: "last"})
		for i := range int64(2) {
			reply := alice.hear()
			if posted, ok := reply.(*Posted); !ok || posted.Index != i {
				t.Errorf("post %d: %v", i, reply)
			}
		}
		synctest.Wait()
		heard := map[string]int{}
		for _, bob := range crowd {
			close(bob.out.pushes)
			for push := range bob.out.pushes {
				heard[push]++
			}
		}
		if heard["new first"] != portion || heard["new last"] != len(crowd) {
			t.Errorf("of %d heard %v", len(crowd), heard)
		}
	})
}
