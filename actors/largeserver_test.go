package actors

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// holdTellingOutbox also tells when it is to hold what is pushed.
type holdTellingOutbox struct{ slowOutbox }

func (o holdTellingOutbox) Hold() { o.stage.said <- "hold" }

// manySubscribed is a router and a session that is subscribed to the server s and to many channels
// of it, of whose end the router has just begun to tell: it waits at the first word.
func manySubscribed(t *testing.T) (*stage, *actor.PID) {
	s, router := routerOnStage(t)
	old := topic{server: "s", serverIncarnation: 1}
	s.tell(router, &online{1, nil, slowOutbox{stage: s}, "bob", 0}, &attach{1, "bob", old, 0, 0})
	for i := range uint64(2 * endsAtOnce) {
		channel := topic{"s", 1, fmt.Sprint("c", i), i + 2}
		s.tell(router, &attach{1, "bob", channel, 0, 0}, &begin{1, channel})
	}
	s.tell(router, &revoke{Seq: 9000, Topic: old, Reason: ServerGone})
	if word := hear(t, s.said); !strings.HasPrefix(word, "unsubscribed") {
		t.Fatalf("at the end of a server: %s", word)
	}
	return s, router
}

// TestNobodyWaitsForTheEndOfALargeServer posts to another server while the router ends subscriptions.
func TestNobodyWaitsForTheEndOfALargeServer(t *testing.T) {
	s, router := manySubscribed(t)
	another := topic{"another", 1, "c", 1}
	s.tell(router,
		&online{2, nil, slowOutbox{stage: s}, "carol", 0}, &attach{2, "carol", another, 0, 0}, &begin{2, another},
		&publish{Topic: another, NewMessage: NewMessage{Server: "another", Channel: "c", Message: Message{Text: "x"}}})
	close(s.hold)
	told := 1
	for hear(t, s.said) != "new x" {
		told++
	}
	if told > 2*endsAtOnce {
		t.Error("the message came after all the ends")
	}
	for ; told <= 2*endsAtOnce; told++ {
		hear(t, s.said)
	}
}

// TestOldEndsComeBeforeANewSubscription deletes a server, makes one of that name, and subscribes
// to it while ends of the old one are still to be told.
func TestOldEndsComeBeforeANewSubscription(t *testing.T) {
	s, router := manySubscribed(t)
	again := topic{"s", 9001, "c0", 9001}
	s.tell(router,
		&online{2, nil, holdTellingOutbox{slowOutbox{stage: s}}, "carol", 0}, // she has nothing to hear of
		&attach{2, "carol", again, 9001, 0}, &begin{2, again},
		&attach{1, "bob", again, 9001, 0}, &begin{1, again},
		&publish{Topic: again, NewMessage: NewMessage{Server: "s", Channel: "c0", Message: Message{Text: "x"}}})
	close(s.hold)
	heard := map[string]int{}
	for told := 1; heard["new x"] < 2; {
		word := hear(t, s.said)
		if heard[word]++; strings.HasPrefix(word, "unsubscribed") {
			told++
		}
		if word == "new x" && told != 2*endsAtOnce+1 {
			t.Fatalf("%d ends came before the first message of the new channel", told)
		}
	}
	if heard["hold"] != 1 {
		t.Errorf("carol's pushes were held %d times", heard["hold"])
	}
}

// TestOldEndsSpareANewServerOfTheSameIncarnation subscribes to a server while ends of a former one are
// still to be told. Nothing of that one was left on disk, so the new one has its incarnation again.
func TestOldEndsSpareANewServerOfTheSameIncarnation(t *testing.T) {
	s, router := manySubscribed(t)
	again := topic{"s", 1, "c0", 2}
	s.tell(router,
		&online{2, nil, slowOutbox{stage: s}, "carol", 0}, &attach{2, "carol", again, 3, 0}, &begin{2, again},
		&attach{1, "bob", again, 3, 0}, &begin{1, again})
	close(s.hold)
	for range 2 * endsAtOnce { // the first one was told before
		if word := hear(t, s.said); !strings.HasPrefix(word, "unsubscribed") {
			t.Fatalf("before the end of the former server: %s", word)
		}
	}
	s.tell(router, &publish{Topic: again, NewMessage: NewMessage{Server: "s", Channel: "c0", Message: Message{Text: "x"}}})
	for range 2 {
		if word := hear(t, s.said); word != "new x" {
			t.Fatalf("in the new server: %s", word)
		}
	}
}

// TestACrashInTheEndOfALargeServer crashes the router between two portions. The session could
// not know what it is subscribed to, so its connection ends, and it hears nothing more.
func TestACrashInTheEndOfALargeServer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var struck sync.Once
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(_ Kind, msg any) {
				if _, is := msg.(*endMore); is {
					struck.Do(func() { panic("injected") })
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		makeChannels(alice, 2*endsAtOnce, func(name string) { bob.ask(Subscribe{"s", name, true}) })
		if reply := alice.ask(DeleteServer{"s", ""}); reply != (Done{}) {
			t.Errorf("deletion: %v", reply)
		}
		synctest.Wait()
		if !bob.out.closed.Load() {
			t.Error("the connection of who was to be told goes on")
		}
		if told := strings.Count(bob.heard(), "unsubscribed"); told != endsAtOnce {
			t.Errorf("%d were told before the crash", told)
		}
		carol := enter(t, p, "carol")
		carol.ask(CreateServer{"s", ""})
		if reply := carol.ask(Subscribe{"s", "general", true}); codeOf(reply) != "" {
			t.Errorf("a new server of that name: %v", reply)
		}
	})
}

// makeChannels makes channels of the server s, and does something with each.
func makeChannels(owner *guest, count int, each func(name string)) {
	for i := range count {
		name := fmt.Sprint("c", i)
		owner.ask(CreateChannel{"s", name})
		each(name)
	}
}

// TestNobodyWaitsForTheChannelsOfALargeServer has many in memory, and asks the server something when
// all of them are about to leave it: because the server is deleted, or because they are idle. Some
// may say that they stay.
func TestNobodyWaitsForTheChannelsOfALargeServer(t *testing.T) {
	idle := func(*guest) { time.Sleep(DefaultConfig().Passivate * 13 / 10) } // until one sweep finds them idle
	deleted := func(owner *guest) { owner.ask(DeleteServer{"s", ""}) }
	for name, tt := range map[string]struct {
		ends func(owner *guest)
		by   any // what makes the server end them
		stay int
	}{
		"deleted":             {deleted, &retireAll{}, 0},
		"idle":                {idle, &sweep{}, 0},
		"idle, and some stay": {idle, &sweep{}, restingAtOnce},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { askAmongEnds(t, tt.ends, reflect.TypeOf(tt.by), tt.stay) })
		})
	}
}

func askAmongEnds(t *testing.T, end func(*guest), by reflect.Type, stay int) {
	const many = 4 * max(retiringAtOnce, restingAtOnce)
	c := &census{live: map[Kind]int{}, told: map[string]int{}}
	channels := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.live[KindChannel]
	}
	var p *Provider
	remain, answered, waited := stay, 0, 0 // with some of the channels in memory, and when all have left
	p = startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
		cfg.Processors = 1
		cfg.Fault = func(kind Kind, msg any) {
			c.note(kind, msg)
			if _, is := msg.(*rest); is && kind == KindChannel && stay > 0 {
				stay--
				panic("injected") // it stays
			}
		}
		cfg.FaultAfter = func(kind Kind, msg any) {
			switch left := channels(); {
			case kind != KindServer:
			case reflect.TypeOf(msg) == by && left == many:
				p.node.dir.Tell(p.node.system.Root, &serverChannels{User: "alice", Server: "s"})
			case reflect.TypeOf(msg) != reflect.TypeFor[*serverChannels]():
			case left == 0:
				waited++
			case left < many:
				answered++
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	makeChannels(alice, many, func(name string) { alice.ask(&Post{Server: "s", Channel: name, Text: "x"}) })
	end(alice)
	synctest.Wait()
	if answered+remain == 0 || waited != 0 {
		t.Errorf("%d answers came while the channels ended, %d after that", answered, waited)
	}
	if n := channels(); n != remain {
		t.Errorf("%d channels live on", n)
	}
}
