package actors

import (
	"errors"
	"fmt"
	"log/slog"
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

// Crashes, and what restarts and stops make of them. Those that any message at an actor's door
// brings about are struck one by one in transport (TestAPanicInEachHandler).

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

// TestAPauseForAnotherRestartsNothing crashes a channel until the pause before its restart is long,
// and then its server, which stops it. Another one of that name has begun when the pause is over.
func TestAPauseForAnotherRestartsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var restarts atomic.Int32
		p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
			c.Fault = func(kind Kind, msg any) {
				switch msg.(type) {
				case *countMessages:
					if kind == KindChannel {
						panic("injected")
					}
				case *serverChannels:
					if kind == KindServer {
						panic("injected")
					}
				case *actor.Restarting:
					if kind == KindChannel {
						restarts.Add(1)
					}
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		const crashes = 5
		for range crashes {
			alice.ask(CountMessages{"s", "general"})
		}
		alice.ask(ServerChannels{"s"})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		time.Sleep(maxRestartDelay)
		if n := restarts.Load(); n != crashes-1 {
			t.Errorf("after %d crashes, of which the last was its end: %d restarts", crashes, n)
		}
	})
}

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

// TestALostWordIsMadeUpFor crashes the handling of messages that nobody would
// send again: the entity and the journal must stay reachable, at once and after an hour in which nothing happens.
func TestALostWordIsMadeUpFor(t *testing.T) {
	for name, lost := range map[string]string{
		"rest": "*actors.rest", "gathering": "*persistence.gathering", "wake": "*persistence.wake",
	} {
		for _, rest := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprint(name, " and ", rest), func(t *testing.T) {
				bubble(t, func(t *testing.T) { loseWord(t, lost, rest) })
			})
		}
	}
}

func loseWord(t *testing.T, lost string, rest time.Duration) {
	var armed atomic.Bool
	fired := make(chan struct{})
	p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
		c.Fault = func(_ Kind, msg any) {
			if fmt.Sprintf("%T", msg) == lost && armed.CompareAndSwap(true, false) {
				close(fired)
				panic("injected")
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	armed.Store(true)
	alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
	<-fired
	time.Sleep(rest)
	if reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: "x"}).(*Posted); !ok {
		t.Errorf("a post after the crash: %v", reply)
	}
	if _, ok := alice.ask(JoinedServers{}).(Servers); !ok {
		t.Error("the user is not reachable")
	}
}
