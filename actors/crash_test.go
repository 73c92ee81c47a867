package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
)

// Crashes that no message at an actor's door brings about; those are struck one
// by one in transport (TestAPanicInEachHandler).

func TestACrashAtTheStartIsAnError(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	store, err := persistence.Open(persistence.Config{FS: vfstest.NewMem(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Fault = func(kind Kind, msg any) {
		if _, starting := msg.(*actor.Started); starting && kind == KindProvider {
			panic("injected")
		}
	}
	if _, err := Start(cfg, store, plainEncoder{}, log); !errors.Is(err, errCrashed) {
		t.Errorf("started with %v", err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// brokenHasher panics as long as it is told to.
type brokenHasher struct {
	Hasher
	broken *atomic.Bool
}

func (h brokenHasher) Hash(password string) (string, error) {
	if h.broken.Load() {
		panic("injected")
	}
	return h.Hasher.Hash(password)
}

func TestACrashInAHashWorkerIsRefused(t *testing.T) {
	var broken atomic.Bool
	p := startNode(t, persistence.Config{}, func(cfg *Config) {
		cfg.NewHasher = func(here Argon2id) Hasher { return brokenHasher{here, &broken} }
	})
	alice := enter(t, p, "alice")
	broken.Store(true)
	for range 2 * p.node.cfg.HashWorkers {
		if reply := alice.ask(Register{"bob", "p"}); reply != (Refused{Code: Busy}) {
			t.Errorf("register: %v", reply)
		}
	}
	broken.Store(false)
	enter(t, p, "bob")
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

// TestACrashAtTheWordOfAnEnd crashes the router as it tells that a subscription has ended:
// who was not told is cut off.
func TestACrashAtTheWordOfAnEnd(t *testing.T) {
	for name, end := range map[string]func(alice, other *guest) any{
		"membership": func(_, other *guest) any { return other.ask(LeaveServer{"s"}) },
		"channel":    func(alice, _ *guest) any { return alice.ask(DeleteChannel{"s", "general"}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, nil)
				alice, other := enter(t, p, "alice"), enter(t, p, "bob")
				alice.ask(CreateServer{"s", ""})
				other.ask(JoinServer{"s", ""})
				out := newOutbox()
				bob := &guest{t, "bob", out, p.Connect(brokenOutbox{out, func() { panic("injected") }}, netip.Addr{})}
				bob.ask(Login{"bob", "p"})
				bob.ask(Subscribe{"s", "general", true})
				if reply := end(alice, other); reply != (Done{}) {
					t.Fatal(reply)
				}
				synctest.Wait()
				if !out.closed.Load() {
					t.Error("the subscription has ended, the connection goes on, and nothing was told")
				}
			})
		})
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

// panicky is a disk whose calls panic when they are told to: the writer and the
// workers of persistence meet that in the midst of their work.
type panicky struct {
	vfs.FS
	create, rename, open atomic.Bool
}

func strikeOnce(armed *atomic.Bool) {
	if armed.CompareAndSwap(true, false) {
		panic("injected")
	}
}

func (f *panicky) Create(name string) (vfs.File, error) {
	strikeOnce(&f.create)
	file, err := f.FS.Create(name)
	return &panickyFile{file, f, strings.HasPrefix(name, "journal/")}, err
}

func (f *panicky) Rename(from, to string) error {
	strikeOnce(&f.rename)
	return f.FS.Rename(from, to)
}

func (f *panicky) Open(name string) (vfs.File, error) {
	strikeOnce(&f.open)
	return f.FS.Open(name)
}

type panickyFile struct {
	vfs.File
	fs      *panicky
	journal bool
}

func (f *panickyFile) Write(b []byte) (int, error) {
	if f.journal {
		strikeOnce(&f.fs.create)
	}
	return f.File.Write(b)
}

// TestAPanicInAFileJob strikes the journal's writer, a snapshot's worker and a
// reader: who waits for it is refused, and the next attempt is served.
func TestAPanicInAFileJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := &panicky{FS: vfstest.NewMem()}
		c := &census{live: map[Kind]int{}, told: map[string]int{}}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: time.Minute}, func(cfg *Config) { cfg.Fault = c.note })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		const posts = persistence.PageItems + 1
		for range posts - 1 {
			alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		}

		files.create.Store(true)
		if reply := alice.ask(&Post{Server: "s", Channel: "general", Text: "lost"}); reply != (Refused{Code: StorageDown}) {
			t.Errorf("post: %v", reply)
		}
		time.Sleep(time.Second)
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		files.rename.Store(true)
		time.Sleep(time.Hour) // a snapshot crashes; all leave memory
		if files.rename.Load() || c.durable() != 0 {
			t.Errorf("no snapshot was struck, or %d actors stayed", c.durable())
		}
		files.open.Store(true)
		alice.ask(CountMessages{"s", "general"})
		time.Sleep(2 * retryBroken)
		read := GetMessages{"s", "general", 0, posts, true, true}
		if reply, ok := alice.ask(read).(Messages); !ok || len(reply.List) != posts || files.open.Load() {
			t.Errorf("read %d messages", len(reply.List))
		}
		if reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: "x"}).(*Posted); !ok || reply.Index != posts {
			t.Errorf("posted %v", reply)
		}
	})
}

// middle is an actor with a child that takes its time to stop.
type middle struct{ leaf *lingerer }

func (m *middle) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		ctx.Spawn(actor.PropsFromProducer(func() actor.Actor { return m.leaf }))
	case *sweep:
		panic("injected")
	}
}

// TestARestartDoesNotUndoAStop crashes an actor that waits for its child to
// stop. The engine restarts it then, and it would live on for ever.
func TestARestartDoesNotUndoAStop(t *testing.T) {
	n := &node{cfg: DefaultConfig(), log: slog.New(slog.DiscardHandler), scheduler: dispatch.New(2, dispatch.LongTurn)}
	defer n.scheduler.Stop()
	system := actor.NewActorSystemWithConfig(actor.Configure(engineLog(n.log)))
	defer system.Shutdown()
	n.record = telemetry.NewRecorder(system, telemetry.Options{})
	leaf := &lingerer{asked: make(chan struct{}), stopping: make(chan struct{}), mayStop: make(chan struct{})}
	again := &lingerer{asked: make(chan struct{}), stopping: make(chan struct{}), mayStop: make(chan struct{})}
	close(again.mayStop)
	leaves := []*lingerer{leaf, again}
	props := n.props(KindServer, nil, func() actor.Actor {
		m := &middle{leaves[0]}
		leaves = leaves[1:]
		return m
	})
	crashed := make(chan struct{})
	pid := system.Root.Spawn(props.Configure(actor.WithGuardian(&told{restartLater{}, crashed})))
	stopped := system.Root.StopFuture(pid)
	<-leaf.stopping
	system.Root.Send(pid, &sweep{})
	<-crashed
	close(leaf.mayStop)
	if _, err := stopped.Result(); err != nil {
		t.Fatal("it lives on: ", err)
	}
}

// told is restartLater, and tells when it has been at work.
type told struct {
	restartLater
	done chan struct{}
}

func (t *told) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, msg any) {
	t.restartLater.HandleFailure(system, s, child, rs, reason, msg)
	close(t.done)
}

// TestACrashInARestartIsAnsweredAtOnce lets the restart after a crash crash too:
// who waited for the hash of a password need not wait for the deadline.
func TestACrashInARestartIsAnsweredAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				switch msg.(type) {
				case *hashDone, *actor.Restarting:
					if kind == KindUser {
						panic("injected")
					}
				}
			}
		})
		alice := connect(t, p, "alice")
		asked := time.Now()
		if reply := alice.ask(Register{"alice", "p"}); reply != (Refused{Code: Busy}) || time.Since(asked) >= p.node.cfg.Deadline {
			t.Errorf("heard %v after %v", reply, time.Since(asked))
		}
	})
}

// TestASubscriptionLostInACrashEndsTheConnection crashes what a session asks
// on its own account, and what the router hears of it.
func TestASubscriptionLostInACrashEndsTheConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		kind Kind
		msg  string
		do   func(bob *guest)
	}{
		"the list at login":  {KindUser, "*actors.joinedServers", func(bob *guest) { bob.send(Login{"bob", "p"}) }},
		"a server at login":  {KindServer, "*actors.subscribe", func(bob *guest) { bob.send(Login{"bob", "p"}) }},
		"a server joined":    {KindServer, "*actors.subscribe", func(bob *guest) { bob.send(JoinServer{"t", ""}) }},
		"its beginning":      {KindRouter, "*actors.attach", func(bob *guest) { bob.send(JoinServer{"t", ""}) }},
		"a channel's":        {KindRouter, "*actors.begin", func(bob *guest) { bob.send(Subscribe{"s", "general", true}) }},
		"that it was joined": {KindRouter, "*actors.memberWelcome", func(bob *guest) { bob.send(JoinServer{"t", ""}) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := &census{live: map[Kind]int{}, told: map[string]int{}}
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
					cfg.AutoSubscribe = true
					cfg.Fault = func(kind Kind, msg any) {
						if kind == tt.kind {
							c.note(kind, msg)
						}
					}
				})
				alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
				alice.ask(CreateServer{"s", ""})
				alice.ask(CreateServer{"t", ""})
				bob.ask(JoinServer{"s", ""})
				synctest.Wait()
				c.mu.Lock()
				c.crash = tt.msg
				c.mu.Unlock()
				tt.do(bob)
				synctest.Wait()
				if !bob.out.closed.Load() {
					t.Error("the connection is kept, and lacks a subscription")
				}
			})
		})
	}
}

// TestACrashDuringARecovery has a channel ask twice for what is on disk, before and after its
// restart, while many post: the first answer is of an epoch that may not write any more.
func TestACrashDuringARecovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		files.Before = func(_ vfstest.Op, name string) {
			if strings.HasPrefix(name, "servers/s/channels/") {
				time.Sleep(time.Millisecond) // a recovery takes longer than a post
			}
		}
		var crashed atomic.Bool
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) {
			c.FaultAfter = func(kind Kind, msg any) {
				if _, ok := msg.(*actor.Started); ok && kind == KindChannel && !crashed.Swap(true) {
					panic("injected")
				}
			}
		})
		guests := []*guest{enter(t, p, "alice")}
		guests[0].ask(CreateServer{"s", ""})
		for len(guests) < 10 {
			g := connect(t, p, "alice")
			g.login()
			guests = append(guests, g)
		}
		for range 20 {
			for _, g := range guests {
				g.send(&Post{Server: "s", Channel: "general", Text: "x"})
			}
			for _, g := range guests {
				if reply := g.hear(); codeOf(reply) != "" {
					t.Fatalf("post: %v", reply)
				}
			}
		}
	})
}

// TestWhoseEndCrashesItsParentComesBack has a user, a server and a channel leave memory, and each parent
// crash as it hears of that.
func TestWhoseEndCrashesItsParentComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		var crashes atomic.Int32
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				_, ends := msg.(*actor.Terminated)
				if ends && armed.Load() && (kind == KindDirectory || kind == KindServer) {
					crashes.Add(1)
					panic("injected")
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		armed.Store(true)
		time.Sleep(time.Hour)
		armed.Store(false)
		if n := crashes.Load(); n != 3 {
			t.Fatalf("%d crashes", n)
		}
		for _, ask := range []any{JoinedServers{}, ServerChannels{"s"}, CountMessages{"s", "general"}} {
			if reply := alice.ask(ask); codeOf(reply) != "" {
				t.Errorf("%T: %v", ask, reply)
			}
		}
	})
}

// TestASessionThatCrashesAtItsEndHangsUp: its client is not left alone, and its user is not online.
func TestASessionThatCrashesAtItsEndHangsUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				_, asks := msg.(*Request)
				_, ends := msg.(*actor.Stopping)
				if kind == KindSession && (asks || ends) && armed.Load() {
					panic("injected")
				}
			}
		})
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		bob.ask(CreateServer{"s", ""})
		alice.ask(JoinServer{"s", ""})
		armed.Store(true)
		alice.send(Ping{})
		synctest.Wait()
		armed.Store(false)
		members, _ := bob.ask(ServerMembers{"s"}).(Members)
		if got := fmt.Sprint(members.Members); !alice.out.closed.Load() || got != "[{bob true} {alice false}]" {
			t.Errorf("the connection is closed: %v; members %s", alice.out.closed.Load(), got)
		}
	})
}
