package actors

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAChannelSaysNothingAfterItsEnd: a channel that has much to do comes to the word that a post
// is on disk when its server has told of its deletion already. Who hears the whole server has been
// told of the end, and hears nothing of it after that.
func TestAChannelSaysNothingAfterItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		ended := make(chan struct{})
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors = 4
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*persistence.Committed); is && kind == KindChannel && armed.Load() {
					<-ended
				}
			}
			c.FaultAfter = func(kind Kind, msg any) {
				if _, is := msg.(*revoke); is && kind == KindRouter && armed.CompareAndSwap(true, false) {
					close(ended)
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(CreateChannel{"s", "x"})
		alice.ask(Subscribe{"s", "", false})
		bob.ask(&Post{Server: "s", Channel: "x", Text: "0"})
		armed.Store(true)
		bob.send(&Post{Server: "s", Channel: "x", Text: "old"})
		synctest.Wait()
		alice.send(DeleteChannel{"s", "x"})
		alice.send(CreateChannel{"s", "x"})
		alice.hear()
		alice.hear()
		bob.hear()
		bob.ask(&Post{Server: "s", Channel: "x", Text: "new"})
		synctest.Wait()
		var heard []string
		for len(alice.out.pushes) > 0 {
			heard = append(heard, <-alice.out.pushes)
		}
		if want := fmt.Sprint([]string{"new 0", "unsubscribed channel_gone", "new new"}); fmt.Sprint(heard) != want {
			t.Errorf("heard %q", heard)
		}
	})
}

// TestWhatHasEndedIsForgotten: the router knows of a channel's end for as long as its actor lives.
func TestWhatHasEndedIsForgotten(t *testing.T) {
	s, router := routerOnStage(t)
	root := s.node.system.Root
	close(s.hold)
	channel := root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	poster := root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, is := ctx.Message().(*answer); is {
			s.said <- "answer"
		}
	}))
	post := func() (heard []string) {
		t.Helper()
		message := NewMessage{Server: "s", Channel: "c", Message: Message{Text: "x"}}
		s.tell(router, &publish{Poster: Caller{PID: poster, Session: 2}, Topic: t1, NewMessage: message})
		for what := hear(t, s.said); what != "answer"; what = hear(t, s.said) {
			heard = append(heard, what)
		}
		return heard
	}
	s.tell(router, &online{1, nil, slowOutbox{stage: s}, "bob", 0}, &attach{1, "bob", t1.whole(), 0, 0})
	s.tell(router, &revoke{Seq: 1, Topic: t1, Reason: ChannelGone, By: channel})
	if heard := post(); fmt.Sprint(heard) != "[unsubscribed channel_gone]" {
		t.Errorf("while its actor lives %q is heard", heard)
	}
	if err := root.StopFuture(channel).Wait(); err != nil {
		t.Fatal(err)
	}
	post() // by then the router knows
	if heard := post(); fmt.Sprint(heard) != "[new x]" {
		t.Errorf("afterwards %q is heard", heard)
	}
}
