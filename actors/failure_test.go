package actors

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// These tests drive sessions without a socket, to strike at a chosen moment
// between two actors.

// outbox is a connection that keeps what it is given.
type outbox struct {
	answers chan any
	pushes  chan string
	closed  atomic.Bool
}

func (o *outbox) Answer(_ *Request, reply any) { o.answers <- reply }
func (o *outbox) Push(event *Event)            { o.pushes <- string(event.Bytes) }
func (o *outbox) Hold()                        {}
func (o *outbox) Close()                       { o.closed.Store(true) }

func (o *outbox) AnswerFollowed(_ *Request, reply any, w *telemetry.Writing) {
	o.answers <- reply
	w.Ended()
}

type plainEncoder struct{}

func (plainEncoder) EncodeNewMessage(m *NewMessage) *Event {
	return &Event{[]byte("new " + m.Message.Text)}
}

func (plainEncoder) EncodeUnsubscribed(m *Unsubscribed) *Event {
	return &Event{[]byte("unsubscribed " + string(m.Reason))}
}

type guest struct {
	t       *testing.T
	name    string
	out     *outbox
	session *Session
}

func startNode(t *testing.T, store persistence.Config, change func(*Config)) *Provider {
	t.Helper()
	p, _ := startStoppable(t, store, change)
	return p
}

// startStoppable starts a provider that the test may stop before its end.
func startStoppable(t *testing.T, store persistence.Config, change func(*Config)) (p *Provider, stop func()) {
	t.Helper()
	log := cmp.Or(store.Log, slog.New(slog.DiscardHandler))
	store.Log = log
	if store.FS == nil {
		store.Dir = t.TempDir()
	}
	opened, err := persistence.Open(store)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.HashMemory, cfg.HashTime, cfg.CountInterval = 64, 1, 0
	if change != nil {
		change(&cfg)
	}
	p, err = Start(cfg, opened, plainEncoder{}, log)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

func enter(t *testing.T, p *Provider, user string) *guest {
	t.Helper()
	out := &outbox{answers: make(chan any, 1<<12), pushes: make(chan string, 1<<12)}
	g := &guest{t, user, out, p.Connect(out, netip.Addr{})}
	g.ask(Register{user, "p"})
	if reply, ok := g.ask(Login{user, "p"}).(LoggedIn); !ok {
		t.Fatalf("login: %v", reply)
	}
	return g
}

func (g *guest) send(command any) { g.session.Send(&Request{Command: command, Bytes: 10}) }

func (g *guest) hear() any {
	g.t.Helper()
	select {
	case reply := <-g.out.answers:
		return reply
	case <-time.After(time.Minute):
		g.t.Fatal("no answer")
		return nil
	}
}

func (g *guest) ask(command any) any {
	g.t.Helper()
	g.send(command)
	return g.hear()
}

// TestBusyMeansThatNothingWasDone lets the journal refuse for want of room
// while earlier posts are on their way to the disk.
func TestBusyMeansThatNothingWasDone(t *testing.T) {
	p := startNode(t, persistence.Config{MaxWaitingRecords: 1}, nil)
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	posted, busy := 0, 0
	for range 50 {
		for range 40 {
			alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		for range 40 {
			switch reply := alice.hear().(type) {
			case *Posted:
				posted++
			case Refused:
				if reply.Code != Busy {
					t.Fatalf("refused: %v", reply)
				}
				busy++
			}
		}
	}
	if total := alice.ask(CountMessages{"s", "general"}); total != (Amount{int64(posted)}) || busy == 0 {
		t.Errorf("%v messages, %d acknowledged, %d busy", total, posted, busy)
	}
}

// TestASubscriptionDoesNotOutliveTheMembership holds a channel's recovery until
// the subscriber has left the server on another connection.
func TestASubscriptionDoesNotOutliveTheMembership(t *testing.T) {
	var hold atomic.Bool
	goOn, held := make(chan struct{}), make(chan struct{}, 1)
	p := startNode(t, persistence.Config{}, func(c *Config) {
		c.Fault = func(kind Kind, msg any) {
			if _, ok := msg.(*persistence.Recovered); ok && kind == KindChannel && hold.CompareAndSwap(true, false) {
				held <- struct{}{}
				<-goOn
			}
		}
	})
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	here, there := enter(t, p, "bob"), enter(t, p, "bob")
	here.ask(JoinServer{"s", ""})
	hold.Store(true)
	here.send(Subscribe{"s", "general", true})
	<-held
	if reply := there.ask(LeaveServer{"s"}); reply != (Done{}) {
		t.Fatalf("leave: %v", reply)
	}
	close(goOn)
	here.hear()
	alice.ask(&Post{Server: "s", Channel: "general", Text: "secret"})
	alice.ask(ServerMembers{"s"}) // goes through the router after the post
	here.ask(Ping{})
	if event := <-here.out.pushes; event != "unsubscribed "+string(MembershipEnded) {
		t.Errorf("heard %q", event)
	}
	if n := len(here.out.pushes); n != 0 {
		t.Errorf("a non-member heard %q", <-here.out.pushes)
	}
}

// holdHashes takes the work of the passwords actor, which is done only once it is passed on.
func holdHashes(t *testing.T, p *Provider) (work chan *hashWork, pass func(*hashWork)) {
	work = make(chan *hashWork, 8)
	root, passwords := p.node.system.Root, p.node.passwords
	p.node.passwords = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if w, ok := ctx.Message().(*hashWork); ok {
			work <- w
		}
	}))
	t.Cleanup(func() { root.Stop(p.node.passwords) })
	return work, func(w *hashWork) { root.Send(passwords, w) }
}

// TestAPasswordIsJudgedByTheServerItWasMeantFor lets a join be hashed while the
// server is deleted and made again with another password.
func TestAPasswordIsJudgedByTheServerItWasMeantFor(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	work, pass := holdHashes(t, p)
	alice.send(CreateServer{"s", "old"})
	pass(<-work)
	alice.hear()
	bob.send(JoinServer{"s", "old"})
	join := <-work
	alice.send(DeleteServer{"s", "old"})
	pass(<-work)
	alice.hear()
	alice.send(CreateServer{"s", "new"})
	pass(<-work)
	alice.hear()
	pass(join)
	pass(<-work) // judged anew
	if reply := bob.hear(); reply != (Refused{Code: WrongServerPasswd}) {
		t.Errorf("join with the old password: %v", reply)
	}
}

// TestWhoHadAServerDoesNotDeleteTheNextOne lets a deletion and a join be compared while the server is
// deleted, and for the deletion also made again, by another owner and with the same password.
func TestWhoHadAServerDoesNotDeleteTheNextOne(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	alice, again, bob := enter(t, p, "alice"), enter(t, p, "alice"), enter(t, p, "bob")
	work, pass := holdHashes(t, p)
	alice.send(CreateServer{"s", "p"})
	pass(<-work)
	alice.hear()
	alice.send(DeleteServer{"s", "p"})
	deletion := <-work
	bob.send(JoinServer{"s", "p"})
	join := <-work
	again.send(DeleteServer{"s", "p"})
	pass(<-work)
	again.hear()
	pass(join)
	if reply := bob.hear(); reply != (Refused{Code: NoSuchServer}) {
		t.Errorf("join of a server that is deleted: %v", reply)
	}
	bob.send(CreateServer{"s", "p"})
	pass(<-work)
	bob.hear()
	pass(deletion)
	if reply := alice.hear(); reply != (Refused{Code: NotOwnerDelete}) {
		t.Errorf("deletion by the former owner: %v", reply)
	}
	if reply := bob.ask(ServerChannels{"s"}); codeOf(reply) != "" {
		t.Errorf("the next server: %v", reply)
	}
}

// TestALoginIsJudgedByThePasswordOfNow lets a login be compared while the user
// registers: the right password is not told to be wrong.
func TestALoginIsJudgedByThePasswordOfNow(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	alice := enter(t, p, "alice")
	work, pass := holdHashes(t, p)
	early := &guest{t: t, out: &outbox{answers: make(chan any, 8), pushes: make(chan string, 8)}}
	early.session = p.Connect(early.out, netip.Addr{})
	early.send(Login{"bob", "p"})
	login := <-work
	alice.send(Register{"bob", "p"})
	pass(<-work)
	if reply := alice.hear(); reply != (Done{}) {
		t.Fatalf("register: %v", reply)
	}
	pass(login)
	select {
	case again := <-work:
		pass(again)
	case reply := <-early.out.answers:
		t.Fatalf("the right password: %v", reply)
	}
	if reply, ok := early.hear().(LoggedIn); !ok {
		t.Errorf("the right password: %v", reply)
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

// disk stands in the way of a durable actor's messages to persistence.
type disk struct {
	t    *testing.T
	n    *node
	pid  *actor.PID
	seen chan any // what the actor sends, Appends aside
}

// newDisk answers each Append that all before it is on disk, and Recovers with err.
func newDisk(t *testing.T, err error) *disk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, openErr := persistence.Open(persistence.Config{Dir: t.TempDir(), Log: log})
	if openErr != nil {
		t.Fatal(openErr)
	}
	n := &node{cfg: DefaultConfig(), log: log, store: store, scheduler: dispatch.New(2, dispatch.LongTurn)}
	n.state.most = int64(n.cfg.StateBytes)
	n.system = actor.NewActorSystemWithConfig(actor.Configure(engineLog(log)))
	n.record = telemetry.NewRecorder(n.system, telemetry.Options{})
	d := &disk{t: t, n: n, seen: make(chan any, 1<<15)}
	d.pid = n.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started, *actor.Stopping, *actor.Stopped:
		case *persistence.Recover:
			ctx.Send(m.ReplyTo, &persistence.Recovered{Stream: m.Stream, Ref: m.Ref, Epoch: 1, Err: err})
		case *persistence.Append:
			ctx.Send(m.ReplyTo, &persistence.Committed{Stream: m.Stream, Epoch: 1, Seq: m.Event.Seq - 1})
		default:
			d.seen <- m
		}
	}))
	n.disk, n.router, n.dir = d.pid, d.pid, &localDirectory{users: d.pid, servers: d.pid}
	t.Cleanup(func() {
		n.system.Shutdown()
		n.scheduler.Stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// isRefused tells whether a reply, on its way to a session, is a no of that code.
func isRefused(reply any, code Code) bool {
	return codeOf(reply) == code
}

func TestAUserThatCannotBeReadConfirmsNothing(t *testing.T) {
	d := newDisk(t, persistence.ErrUnavailable)
	root := d.n.system.Root
	u := root.Spawn(d.n.props(KindUser, nil, func() actor.Actor { return newUser(d.n, "bob") }))
	root.Send(u, &membershipChanged{User: "bob", Server: "s", Incarnation: 1, Member: true})
	root.Send(u, &joinedServers{Caller: Caller{PID: d.pid}, User: "bob"})
	if word, ok := (<-d.seen).(*membershipRefused); !ok || word.Incarnation != 1 || !word.Member {
		t.Errorf("the server heard %v", word)
	}
	reply, ok := (<-d.seen).(*answer)
	if !ok || !isRefused(reply.Reply, StorageDown) {
		t.Errorf("heard %v", reply)
	}
}

func channelProps(d *disk) *actor.Props {
	return d.n.props(KindChannel, nil, func() actor.Actor {
		c := &channel{topic: topic{server: "s", channel: "g", incarnation: 1}, id: "1", reads: map[uint64]reading{}}
		c.durable = durable{node: d.n, entity: c, stream: "s"}
		return c
	})
}

// TestABusyChannelIsSaved keeps a channel's newest post always on its way to
// the disk: it has to save itself all the same, once.
func TestABusyChannelIsSaved(t *testing.T) {
	d := newDisk(t, nil)
	root := d.n.system.Root
	c := root.Spawn(channelProps(d))
	const posts = persistence.MaxPageItems + 500
	for i := range posts {
		root.Send(c, &post{Caller: Caller{PID: d.pid, Ref: uint64(i)}, Author: "a", Post: &Post{Text: "x"}})
	}
	saves := 0
	for published := 0; published < posts-1; {
		switch m := (<-d.seen).(type) {
		case *publish:
			published++
		case *persistence.SaveSnapshot:
			saves++
			if len(m.Pages) != 1 || m.Pages[0].Items.Len() != persistence.MaxPageItems {
				t.Errorf("pages %v at event %d", m.Pages, m.Seq)
			}
		}
	}
	if saves != 1 {
		t.Errorf("%d snapshots", saves)
	}
}

// TestAnUnreadableChannelLeavesMemory has a channel's snapshot end, and a post refused, while
// nothing of the channel can be read.
func TestAnUnreadableChannelLeavesMemory(t *testing.T) {
	for name, used := range map[string]bool{"used again": true, "left alone": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { breakChannel(t, used) })
		})
	}
}

func breakChannel(t *testing.T, used bool) {
	const folder = "servers/s/channels/general/1/"
	begun, goOn := make(chan struct{}), make(chan struct{})
	var sick atomic.Bool
	hold := sync.OnceFunc(func() { close(begun); <-goOn })
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.Before = func(op vfstest.Op, name string) {
		if op == vfstest.OpCreate && name == folder+"state.new.json" {
			hold()
		}
	}
	files.FailAt = func(op vfstest.Op, name string) error {
		journal := op == vfstest.OpSync && strings.HasPrefix(name, "journal/")
		if sick.Load() && (journal || op&vfstest.Reads != 0 && strings.HasPrefix(name, folder)) {
			return syscall.EIO
		}
		return nil
	}
	p := startNode(t, persistence.Config{FS: files}, func(c *Config) { c.Inspect, c.Passivate = true, time.Minute })
	alice := enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	post := &Post{Server: "s", Channel: "general", Text: "x"}
	alice.ask(post)
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	<-begun
	sick.Store(true)
	if reply := alice.ask(post); reply != (Refused{Code: StorageDown}) {
		t.Fatalf("post: %v", reply)
	}
	close(goOn)
	synctest.Wait()
	sick.Store(false)
	time.Sleep(2 * time.Second)
	if used {
		if reply, ok := alice.ask(post).(*Posted); !ok {
			t.Fatalf("post: %v", reply)
		}
	}
	time.Sleep(time.Hour)
	if n := p.KindCounts()[KindChannel].Alive; n != 0 {
		t.Errorf("%d channels that nobody uses are in memory", n)
	}
}

// TestALateLoginLeavesTheGate has the subscriptions of logins come after their deadline.
func TestALateLoginLeavesTheGate(t *testing.T) {
	for _, logins := range []int{1, 2} {
		bubble(t, func(t *testing.T) {
			var held atomic.Bool
			goOn := make(chan struct{})
			p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
				c.AutoSubscribe, c.Processors = true, 4
				c.Fault = func(kind Kind, msg any) {
					if _, ok := msg.(*subscribe); ok && kind == KindServer && held.Load() {
						<-goOn
					}
				}
			})
			alice := enter(t, p, "alice")
			alice.ask(CreateServer{"s", ""})
			held.Store(true)
			for range logins {
				if reply := alice.ask(Login{"alice", "p"}); reply != (Refused{Code: OutcomeUnknown}) {
					t.Errorf("login: %v", reply)
				}
			}
			close(goOn)
			synctest.Wait()
			if n := p.node.gate.requests.Load(); n != 0 {
				t.Errorf("after %d late logins %d requests are under way", logins, n)
			}
		})
	}
}
