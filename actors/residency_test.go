package actors

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestTooMuchStateLeavesMemory makes more of everything than may be in memory:
// what is idle leaves long before its usual time, and is there when it is wanted.
func TestTooMuchStateLeavesMemory(t *testing.T) {
	const most = 1 << 20
	p := startNode(t, persistence.Config{}, func(c *Config) { c.StateBytes = most })
	alice := enter(t, p, "alice")
	text := strings.Repeat("x", 16_000)
	within := func(what string) {
		t.Helper()
		for begun := time.Now(); p.node.state.used.Load() > most; time.Sleep(5 * time.Millisecond) { // a pace for looking
			if time.Since(begun) > time.Minute {
				t.Fatalf("%d bytes of %s are in memory", p.node.state.used.Load(), what)
			}
		}
	}
	post := func(server, channel string, times int) {
		t.Helper()
		for range times {
			if reply, ok := alice.ask(&Post{Server: server, Channel: channel, Text: text}).(*Posted); !ok {
				t.Fatal(reply)
			}
		}
	}
	alice.ask(CreateServer{"s", ""})
	post("s", "general", 80)
	within("one channel")
	for i := range 40 {
		alice.ask(CreateChannel{"s", fmt.Sprint(i)})
		post("s", fmt.Sprint(i), 4)
	}
	within("many channels")
	for i := range 10 {
		alice.ask(CreateServer{fmt.Sprint("s", i), ""})
		alice.ask(SetServerImage{fmt.Sprint("s", i), strings.Repeat("aGVsbG8h", 24<<10)})
	}
	within("images")
	if reply, ok := alice.ask(GetMessages{Server: "s", Channel: "general", Begin: 79, End: 80, BeginIsInt: true, EndIsInt: true}).(Messages); !ok || reply.List[0].Text != text {
		t.Errorf("read %v", reply)
	}
	for i := range 40 {
		if reply := alice.ask(CountMessages{Server: "s", Channel: fmt.Sprint(i)}); reply != any(Amount{Amount: 4}) {
			t.Errorf("channel %d: %v", i, reply)
		}
	}
}

// TestAStartKeepsNobodyInMemory starts on a journal that knows many users, servers
// and channels. All are to be saved: they come a few at a time, and leave again,
// but for those that somebody uses.
func TestAStartKeepsNobodyInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const users = 300
		files := vfstest.NewMem()
		p, stop := startStoppable(t, persistence.Config{FS: files}, nil)
		for i := range users {
			name := fmt.Sprint("user", i)
			g := enter(t, p, name)
			if i%3 == 0 {
				g.ask(CreateServer{name, ""})
				g.ask(&Post{Server: name, Channel: "general", Text: "x"})
			}
		}
		stop()
		c := &census{live: map[Kind]int{}, told: map[string]int{}}
		p = startNode(t, persistence.Config{FS: files}, func(cfg *Config) { cfg.Fault = c.note })
		alice := enter(t, p, "alice")
		if reply, ok := alice.ask(&Post{Server: "user3", Channel: "general", Text: "y"}).(Refused); !ok || reply.Code != NotInServer {
			t.Errorf("a stranger's post: %v", reply)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		saved, live := c.told["*persistence.SnapshotSaved"], fmt.Sprint(c.live[KindUser], c.live[KindServer], c.live[KindChannel])
		if t.Logf("%d saved, %d in memory at a time at the most", saved, c.most); saved < users*5/3 || c.most > 150 {
			t.Error("those are too few, or these too many")
		}
		if live != "1 1 0" {
			t.Errorf("%s users, servers and channels are in memory, not alice and user3 alone", live)
		}
	})
}

// TestASubscriptionBegunLateIsAnswered: the server needs so long to recover that its parent has
// it rest meanwhile, behind a request that it then says more about to itself.
func TestASubscriptionBegunLateIsAnswered(t *testing.T) {
	const enough = 8 * sweepsToRest // of both directories
	var imaged, settled, begun, slow atomic.Bool
	var sweeps atomic.Int32
	noted, left, swept := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	p := startNode(t, persistence.Config{SnapshotInterval: 20 * time.Millisecond}, func(c *Config) {
		c.Passivate = 20 * time.Millisecond
		c.FaultAfter = func(kind Kind, msg any) {
			switch msg.(type) {
			case *membershipNoted:
				once.Do(func() { close(noted) })
			case *persistence.SnapshotSaved:
				if kind == KindServer && imaged.Load() {
					settled.Store(true)
				}
			case *actor.Stopped:
				if kind == KindServer && settled.Load() && begun.CompareAndSwap(false, true) {
					close(left)
				}
			case *sweep:
				if kind == KindDirectory && slow.Load() && sweeps.Add(1) == enough {
					close(swept)
				}
			}
		}
		c.Fault = func(kind Kind, msg any) {
			if _, is := msg.(*persistence.Recovered); is && kind == KindServer && begun.Load() {
				slow.Store(true)
				await(t, swept)
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	await(t, noted)
	imaged.Store(true)
	alice.ask(SetServerImage{"s", "aGVsbG8h"}) // so that there is a snapshot that owes no user anything
	await(t, left)
	if reply, ok := alice.ask(Subscribe{Server: "s", Channel: "general", HasChannel: true}).(Subscribed); !ok {
		t.Errorf("%+v", reply)
	}
}

// TestWhoIsHeavyLeavesAtOnce: when too much is in memory, a server with a large image does not stay until
// it was idle for a moment.
func TestWhoIsHeavyLeavesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) { c.StateBytes = 1 })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		image := strings.Repeat("x", heavy)
		alice.ask(SetServerImage{"s", image})
		synctest.Wait()
		if used := p.node.state.used.Load(); used >= heavy {
			t.Errorf("%d bytes are in memory", used)
		}
		if reply := alice.ask(GetServerImage{"s"}); reply != (Image{Image: image}) {
			t.Error("the image is lost")
		}
	})
}

// TestNobodyStaysInMemory: who guesses keys of users that do not exist fills no memory with them.
func TestNobodyStaysInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
		alice := enter(t, p, "alice")
		before := p.node.state.used.Load()
		for i := range 10 {
			if reply := alice.ask(LoginByKey{fmt.Sprint("nobody", i), "k"}); codeOf(reply) != NoSuchUser {
				t.Fatal(reply)
			}
		}
		synctest.Wait()
		if used := p.node.state.used.Load(); used != before {
			t.Errorf("%d bytes are in memory, before there were %d", used, before)
		}
	})
}

// TestACrashBeforeASqueezeDoesNotPreventTheNext: otherwise the limit of memory would hold no more.
func TestACrashBeforeASqueezeDoesNotPreventTheNext(t *testing.T) {
	n := &node{dir: &localDirectory{}}
	n.state.most = -1
	u := newUser(n, "alice")
	midway(t, func(ctx actor.Context) { u.weigh(ctx) })
	ctx := &fallible{}
	u.account.Keys = make([]sessionKey, 1)
	u.weigh(ctx)
	if len(ctx.sent) != 2 {
		t.Errorf("the two directories were sent %v", ctx.sent)
	}
}
