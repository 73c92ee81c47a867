package actors

import (
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestWhatAStoppedChannelHasNotHeardIsRefused crashes a server whose channel is busy, or has crashed
// itself and waits to be restarted. The channel stops with its server, and what waits in its mailbox
// was not done.
func TestWhatAStoppedChannelHasNotHeardIsRefused(t *testing.T) {
	for name, crashed := range map[string]bool{"busy": false, "crashed": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { stopWithServer(t, crashed) })
		})
	}
}

func stopWithServer(t *testing.T, crashed bool) {
	var armed, slow atomic.Bool
	goOn := make(chan struct{})
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.Processors, c.Inspect = 4, true
		c.Fault = func(kind Kind, msg any) {
			switch msg.(type) {
			case *post:
				if kind == KindChannel && slow.CompareAndSwap(true, false) {
					<-goOn
				}
			case *countMessages:
				if kind == KindChannel {
					strikeOnce(&armed)
				}
			case *serverChannels:
				if kind == KindServer {
					strikeOnce(&armed)
				}
			}
		}
	})
	alice, bob := enter(t, p, "alice"), enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	crash := func(command any) {
		armed.Store(true)
		bob.ask(command)
		synctest.Wait()
	}
	for range 2 { // it is restarted at once the first time
		if crashed {
			crash(CountMessages{"s", "general"})
		}
	}
	slow.Store(!crashed)
	const posts = 20
	for range posts {
		alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
	}
	if !crashed {
		time.Sleep(time.Second) // until somebody steps in for the one who is held up
	}
	synctest.Wait()
	crash(ServerChannels{"s"})
	close(goOn) // the word of its end has come
	begun, refused := time.Now(), 0
	for range posts {
		if reply := alice.hear(); reply == (Refused{Code: Busy}) {
			refused++
		}
	}
	if waited := time.Since(begun); refused != posts || waited > time.Second {
		t.Errorf("%d of %d posts were refused, after %v", refused, posts, waited)
	}
	if reply := bob.ask(CountMessages{"s", "general"}); reply != (Amount{}) {
		t.Errorf("posts that were refused are there: %v", reply)
	}
	if n := p.Counters().InFlight; n != 0 {
		t.Errorf("%d requests are under way", n)
	}
}

// TestWhatAServerHeldBackIsRefused crashes a server that waits for its state, and holds back what is
// meant for a channel that it has asked to rest. The channel is busy and ends with the server.
func TestWhatAServerHeldBackIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var slow, sick atomic.Bool
		goOn, readOn := make(chan struct{}), make(chan struct{})
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.Before = func(op vfstest.Op, name string) {
			if op == vfstest.OpOpen && strings.HasPrefix(name, "journal/") && sick.Load() {
				<-readOn
			}
		}
		files.FailAt = func(op vfstest.Op, name string) error {
			if op == vfstest.OpSync && strings.HasPrefix(name, "journal/") && sick.Load() {
				return syscall.EIO
			}
			return nil
		}
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.Processors, c.Inspect = 4, true
			c.Fault = func(kind Kind, msg any) {
				if _, is := msg.(*countMessages); is && kind == KindChannel && slow.Load() {
					<-goOn
				}
			}
		})
		alice, bob, carol := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		const id = "provider/servers/s"
		slow.Store(true)
		bob.send(CountMessages{"s", "general"})
		time.Sleep(time.Second) // until somebody steps in for the channel
		p.node.system.Root.Send(p.node.system.NewLocalPID(id), &vacant{name: "1", idle: true})
		synctest.Wait()
		const posts = 5
		for range posts {
			alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		synctest.Wait()
		sick.Store(true)
		carol.ask(SetServerImage{Server: "s", Image: "x"})
		synctest.Wait()
		if err := p.Crash(id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		sick.Store(false)
		close(goOn)
		close(readOn)
		begun := time.Now()
		for range posts {
			if reply := alice.hear(); reply != (Refused{Code: Busy}) {
				t.Errorf("post: %v after %v", reply, time.Since(begun))
			}
		}
	})
}

// TestWhatARecoveryHeldIsNotKept has a channel begin with many posts that wait for its state.
func TestWhatARecoveryHeldIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.Processors = 1 })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		var kept []weak.Pointer[Post]
		for range 100 {
			post := &Post{Server: "s", Channel: "general", Text: "x"}
			kept = append(kept, weak.Make(post))
			alice.send(post)
		}
		for range 100 {
			alice.hear()
		}
		synctest.Wait()
		runtime.GC()
		for i, each := range kept {
			if each.Value() != nil {
				t.Fatalf("post %d is still in memory", i)
			}
		}
	})
}
