package actors

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// TestAMessageForAFormerLifeComesEarly posts to an actor when its name is known
// and nothing else of it is ready.
func TestAMessageForAFormerLifeComesEarly(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	root := p.node.system.Root
	heard := make(chan string, 4)
	props := p.node.props(KindServer, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) { heard <- fmt.Sprintf("%T", ctx.Message()) })
	})
	late := actor.WithOnInit(func(ctx actor.Context) { root.Send(ctx.Self(), &sweep{}) })
	root.Send(root.Spawn(props.Configure(late)), &rest{})
	for _, want := range []string{"*actor.Started", "*actors.sweep", "*actors.rest"} {
		if got := hear(t, heard); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	}
}

// hear waits for a word.
func hear(t *testing.T, words <-chan string) string {
	t.Helper()
	select {
	case word := <-words:
		return word
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was heard")
		return ""
	}
}

// stage is a scheduler with one runner, and actors that tell what they do.
type stage struct {
	node *node
	said chan string
	hold chan struct{} // "wait" waits for it
}

func newStage(t testing.TB) *stage {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := &stage{said: make(chan string, 1000), hold: make(chan struct{})}
	s.node = &node{cfg: DefaultConfig(), log: log, scheduler: newScheduler(1), system: actor.NewActorSystemWithConfig(actor.Configure(engineLog(log)))}
	t.Cleanup(func() {
		s.node.system.Shutdown()
		s.node.scheduler.stop()
		if n, active := s.node.scheduler.runners, s.node.scheduler.active.Load(); n != 0 || active != 0 {
			t.Errorf("%d runners are left, %d are counted", n, active)
		}
	})
	return s
}

// enter starts an actor that says its name and what it hears. It waits at "wait".
func (s *stage) enter(name string, kind Kind) *actor.PID {
	return s.node.system.Root.Spawn(s.node.props(kind, restartLater{}, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch word := ctx.Message().(type) {
			case string:
				s.said <- name + " " + word
				if word == "wait" {
					<-s.hold
				}
			case *fan:
				s.said <- name + " fan"
			}
		})
	}))
}

func (s *stage) tell(who *actor.PID, words ...any) {
	for _, word := range words {
		s.node.system.Root.Send(who, word)
	}
}

// TestWhoHasLittleGoesFirst: an actor with a long line of messages leaves the
// processor to one with a single message, whoever was first.
func TestWhoHasLittleGoesFirst(t *testing.T) {
	s := newStage(t)
	s.node.scheduler.watching = true // nobody steps in for the one who waits
	busy, quiet, gate := s.enter("busy", KindChannel), s.enter("quiet", KindChannel), s.enter("gate", KindChannel)
	s.tell(gate, "wait")
	hear(t, s.said)
	for range 5 * turnLength {
		s.tell(busy, "works")
	}
	s.tell(quiet, "hears")
	close(s.hold)
	before := 0
	for hear(t, s.said) != "quiet hears" {
		before++
	}
	if before != turnLength && before != 2*turnLength { // now and then a turn is theirs who wait for another
		t.Errorf("after %d messages of the other", before)
	}
	for range 5*turnLength - before {
		hear(t, s.said)
	}
}

// TestATurnEndsWhereItSays: who goes on later lets others go first, also the
// few that everybody waits for.
func TestATurnEndsWhereItSays(t *testing.T) {
	s := newStage(t)
	s.node.scheduler.watching = true
	router, quiet, gate := s.enter("router", KindRouter), s.enter("quiet", KindChannel), s.enter("gate", KindChannel)
	s.tell(gate, "wait")
	hear(t, s.said)
	s.tell(router, "works", &fan{}, "works on")
	s.tell(quiet, "hears")
	close(s.hold)
	for _, want := range []string{"router works", "router fan", "quiet hears", "router works on"} {
		if got := hear(t, s.said); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

// TestNobodyWaitsForALongTurn: while all runners are busy with what takes long,
// others step in, and they go when they are not needed, also while there is work
// without pause.
func TestNobodyWaitsForALongTurn(t *testing.T) {
	s := newStage(t)
	for i := range 3 {
		s.tell(s.enter(fmt.Sprint("slow ", i), KindChannel), "wait")
	}
	for range 3 {
		hear(t, s.said)
	}
	s.tell(s.enter("quiet", KindChannel), "hears")
	if got := hear(t, s.said); got != "quiet hears" {
		t.Errorf("heard %q", got)
	}
	var enough atomic.Bool
	defer enough.Store(true)
	spin := s.node.system.Root.Spawn(s.node.props(KindChannel, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if !enough.Load() {
				ctx.Send(ctx.Self(), "spin")
			}
		})
	}))
	s.tell(spin, "spin")
	close(s.hold)
	settled := func() (n int) {
		s.node.scheduler.mu.Lock()
		defer s.node.scheduler.mu.Unlock()
		return s.node.scheduler.runners
	}
	for deadline := time.Now().Add(20 * time.Second); settled() != 1; time.Sleep(time.Millisecond) { // a pace for looking
		if time.Now().After(deadline) {
			t.Fatalf("%d runners stay", settled())
		}
	}
}

// TestAPanicDoesNotEndARunner, nor the actor's later messages.
func TestAPanicDoesNotEndARunner(t *testing.T) {
	s := newStage(t)
	broken := s.node.system.Root.Spawn(s.node.props(KindChannel, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message() {
			case "break":
				panic("injected")
			case "hear":
				s.said <- "heard"
			}
		})
	}).Configure(actor.WithGuardian(resume{})))
	for range 3 {
		s.tell(broken, "break", "hear")
	}
	for range 3 {
		hear(t, s.said)
	}
}

// TestQuietIsNotWaitedForWithoutEnd by actors that always have something to do.
func TestQuietIsNotWaitedForWithoutEnd(t *testing.T) {
	s := newStage(t)
	var enough atomic.Bool
	defer enough.Store(true)
	spin := s.node.system.Root.Spawn(s.node.props(KindChannel, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if !enough.Load() {
				ctx.Send(ctx.Self(), "spin")
			}
		})
	}))
	s.tell(spin, "spin")
	s.node.scheduler.quiet(func() { s.said <- "quiet" })
	hear(t, s.said)
}

// TestQuietIsSaidByWhoMakesWork: he knows when nobody is about to make a batch longer;
// but it is not waited for without end.
func TestQuietIsSaidByWhoMakesWork(t *testing.T) {
	s := newStage(t)
	s.untilAsleep()
	sched := s.node.scheduler
	turns := (&Provider{node: s.node}).Turns(func(bool) bool { return false }, func() {})
	ask := func(since time.Time) {
		sched.quiet(func() { s.said <- "quiet" })
		sched.mu.Lock()
		defer sched.mu.Unlock()
		sched.asked = since
	}
	turns.Begin()
	ask(time.Now().Add(time.Hour))
	turns.Call() // a runner looks
	s.untilAsleep()
	if len(s.said) > 0 || turns.Late() {
		t.Error("it was not waited for the one who makes work")
	}
	if turns.End() {
		t.Error("nobody says it")
	}
	if !turns.Quiet() || len(s.said) == 0 {
		t.Fatal("it was not told")
	}
	hear(t, s.said)
	ask(time.Now().Add(-time.Hour))
	if !turns.Late() {
		t.Error("it may wait for ever")
	}
	turns.Call()
	hear(t, s.said)
	turns.Leave()
}

// TestWhoMakesWorkIsCalledForIt when there are turns to give, and nobody else is: he has
// most to do then. He is counted as being there until he says that he is not.
func TestWhoMakesWorkIsCalledForIt(t *testing.T) {
	s := newStage(t)
	s.untilAsleep()
	sched := s.node.scheduler
	calls := make(chan struct{}, 10)
	turns := (&Provider{node: s.node}).Turns(func(bool) bool { return false }, func() { calls <- struct{}{} })
	turns.Begin()
	echo := s.echo()
	for range 2 {
		for !turns.End() {
			turns.Begin()
			turns.Give()
		}
		sched.mu.Lock()
		sched.watching = true // nobody steps in
		sched.mu.Unlock()
		s.tell(echo, "a", "b")
		if len(s.said) > 0 || sched.active.Load() != 1 || len(calls) != 1 {
			t.Fatalf("%d said, %d at it, %d calls", len(s.said), sched.active.Load(), len(calls))
		}
		turns.Begin()
		turns.Give()
		if hear(t, s.said)+hear(t, s.said) != "ab" || sched.active.Load() != 1 {
			t.Fatal("he does not give turns")
		}
		<-calls
	}
	turns.Leave()
	s.tell(echo, "c")
	hear(t, s.said)
}

// TestNobodyCountsOnWhoDoesNotCome: whoever has not begun yet may never do it, and who
// leaves may just have been called, or be the one who would say that all is quiet.
func TestNobodyCountsOnWhoDoesNotCome(t *testing.T) {
	s := newStage(t)
	s.untilAsleep()
	sched := s.node.scheduler
	turns := func() *Turns {
		return (&Provider{node: s.node}).Turns(func(bool) bool { return false }, func() {})
	}
	alone := func() { // nobody steps in
		s.untilAsleep()
		sched.mu.Lock()
		defer sched.mu.Unlock()
		sched.watching = true
	}
	alone()
	turns()
	echo := s.echo()
	s.tell(echo, "not begun")
	hear(t, s.said)

	alone()
	called := turns()
	called.Begin()
	for !called.End() {
		called.Give()
	}
	s.tell(echo, "called")
	called.Leave()
	hear(t, s.said)

	alone()
	awaited := turns()
	awaited.Begin()
	sched.quiet(func() { s.said <- "quiet" })
	awaited.Leave()
	hear(t, s.said)
	if n := sched.active.Load(); n > 1 {
		t.Errorf("%d are counted", n)
	}
}

// TestQuietIsSaidDuringALongTurn of the one who makes work.
func TestQuietIsSaidDuringALongTurn(t *testing.T) {
	s := newStage(t)
	s.untilAsleep()
	turns := (&Provider{node: s.node}).Turns(func(bool) bool { return false }, func() {})
	turns.Begin()
	s.node.scheduler.quiet(func() { s.said <- "quiet" })
	hear(t, s.said)
	turns.Leave()
}

// echo starts an actor that says what it hears.
func (s *stage) echo() *actor.PID {
	return s.node.system.Root.Spawn(s.node.props(KindChannel, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if text, ok := ctx.Message().(string); ok {
				s.said <- text
			}
		})
	}))
}

// TestARunnerTooManyLeavesNothingBehind: when it goes it is the only one who is at it,
// somebody waits for quiet, and something was said.
func TestARunnerTooManyLeavesNothingBehind(t *testing.T) {
	s := newStage(t)
	sched := s.node.scheduler
	s.untilAsleep()
	var handed atomic.Bool
	write := func(bool) bool {
		if handed.CompareAndSwap(true, false) {
			s.said <- "written"
		}
		return false
	}
	sched.write.Store(&write)
	sched.mu.Lock()
	sched.watching = true // nobody looks
	sched.runners++       // this one
	sched.active.Add(1)
	sched.surplus = true
	sched.mu.Unlock()
	handed.Store(true)
	sched.quiet(func() { s.said <- "quiet" })
	if !sched.spare(nil, false) {
		t.Fatal("it stays")
	}
	heard := map[string]bool{hear(t, s.said): true, hear(t, s.said): true}
	if !heard["written"] || !heard["quiet"] {
		t.Errorf("heard %v", heard)
	}
}

// untilAsleep waits until the runner sleeps.
func (s *stage) untilAsleep() {
	for working := true; working; {
		runtime.Gosched()
		s.node.scheduler.mu.Lock()
		working = len(s.node.scheduler.idle) == 0
		s.node.scheduler.mu.Unlock()
	}
}

// TestAQueueKeepsTheRoomThatItNeeds has one that is busy allocate nothing, and one
// that was busy once hold no memory for that.
func TestAQueueKeepsTheRoomThatItNeeds(t *testing.T) {
	var q messages
	burst := func(n int) {
		for range n {
			q.push(nil)
		}
		for range n {
			q.pop(false)
		}
	}
	if allocs := testing.AllocsPerRun(10, func() { burst(48) }); allocs != 0 {
		t.Errorf("a burst like the one before allocates %v times", allocs)
	}
	if burst(1); cap(q.all) > roomKept {
		t.Errorf("after one message there is room for %d", cap(q.all))
	}
	if burst(2 * mostKept); q.all != nil {
		t.Errorf("after very many there is room for %d", cap(q.all))
	}
}
