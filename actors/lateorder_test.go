package actors

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestAnEndedChannelDoesNotComeBack crashes a channel that its server, which has crashed too, has
// just told to stop. So the server's orders for the crashed one come after the one to stop.
func TestAnEndedChannelDoesNotComeBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		goOn := make(chan struct{})
		lives := 0
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Processors, c.Inspect = 4, true
			c.Fault = crashBothInStop(&armed, goOn, &lives)
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		post := &Post{Server: "s", Channel: "general", Text: "x"}
		alice.ask(post)
		armed.Store(true)
		const posts = 20
		for range posts {
			alice.send(post)
		}
		time.Sleep(time.Second) // until somebody steps in for the one who is held up
		bob.ask(ServerChannels{"s"})
		synctest.Wait()
		close(goOn)
		begun := time.Now()
		for i := range posts {
			want := Busy
			if i == 0 {
				want = OutcomeUnknown
			}
			if reply := alice.hear(); reply != (Refused{Code: want}) {
				t.Errorf("post %d: %v", i, reply)
			}
		}
		if waited := time.Since(begun); waited > 2*time.Second {
			t.Errorf("after %v", waited)
		}
		for range 2 {
			if reply, ok := alice.ask(post).(*Posted); !ok {
				t.Errorf("posted %v", reply)
			}
		}
		time.Sleep(time.Minute)
		if lives != 2 {
			t.Errorf("%d channels were started", lives)
		}
		checkRoll(t, p)
	})
}

// crashBothInStop crashes the server, and then the channel at the first post once armed, which waits
// for goOn. It counts the channel's lives.
func crashBothInStop(armed *atomic.Bool, goOn chan struct{}, lives *int) func(Kind, any) {
	return func(kind Kind, msg any) {
		switch msg.(type) {
		case *post:
			if kind == KindChannel && armed.CompareAndSwap(true, false) {
				<-goOn
				panic("injected")
			}
		case *serverChannels:
			if kind == KindServer {
				panic("injected")
			}
		case *actor.Stopping:
			if kind == KindChannel {
				time.Sleep(time.Second) // until the server has heard of the channel's crash
			}
		case *actor.Started:
			if kind == KindChannel {
				*lives++
			}
		}
	}
}
