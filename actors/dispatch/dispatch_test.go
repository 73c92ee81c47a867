package dispatch

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// hear waits for a word.
func hear(t *testing.T, words <-chan string) string {
	t.Helper()
	select {
	case word := <-words:
		return word
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard")
		return ""
	}
}

// stage is a scheduler with one runner, and actors that tell what they do.
type stage struct {
	*Scheduler
	system *actor.ActorSystem
	said   chan string
	hold   chan struct{} // "wait" waits for it
}

// nobody steps in for the one who waits, however long that is.
const nobody = time.Hour

func newStage(t *testing.T, longTurn time.Duration) *stage {
	t.Helper()
	silent := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })
	s := &stage{New(1, longTurn), actor.NewActorSystemWithConfig(actor.Configure(silent)), make(chan string, 1000), make(chan struct{})}
	t.Cleanup(func() {
		s.system.Shutdown()
		s.Stop()
		if n, active := s.runners, s.active.Load(); n != 0 || active != 0 {
			t.Errorf("%d runners are left, %d are counted", n, active)
		}
	})
	return s
}

// spawn starts an actor that goes on after a panic.
func (s *stage) spawn(shared bool, receive actor.ReceiveFunc, more ...actor.PropsOption) *actor.PID {
	mailboxes := func() actor.Mailbox {
		m := new(Mailbox)
		m.Init(s.Scheduler, shared, nil)
		return m
	}
	resume := actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.ResumeDirective })
	return s.system.Root.Spawn(actor.PropsFromFunc(receive, append(more, actor.WithMailbox(mailboxes), actor.WithGuardian(resume))...))
}

// goesOn is what an actor says to itself to go on later.
type goesOn struct{}

func (goesOn) EndsTurn() {}

// enter starts an actor that says its name and what it hears. It waits at "wait".
func (s *stage) enter(name string, shared bool) *actor.PID {
	return s.spawn(shared, func(ctx actor.Context) {
		switch word := ctx.Message().(type) {
		case string:
			s.said <- name + " " + word
			if word == "wait" {
				<-s.hold
			}
		case goesOn:
			s.said <- name + " goes on"
		}
	})
}

// spin starts an actor that always has something to do, until the test ends.
func (s *stage) spin(t *testing.T) {
	var enough atomic.Bool
	t.Cleanup(func() { enough.Store(true) }) // before the stage's
	s.tell(s.spawn(false, func(ctx actor.Context) {
		if !enough.Load() {
			ctx.Send(ctx.Self(), "spin")
		}
	}), "spin")
}

func (s *stage) tell(who *actor.PID, words ...any) {
	for _, word := range words {
		s.system.Root.Send(who, word)
	}
}

// TestAMessageForAFormerLifeComesEarly posts to an actor when its name is known
// and nothing else of it is ready.
func TestAMessageForAFormerLifeComesEarly(t *testing.T) {
	s := newStage(t, LongTurn)
	late := actor.WithOnInit(func(ctx actor.Context) { s.tell(ctx.Self(), "late") })
	s.tell(s.spawn(false, func(ctx actor.Context) { s.said <- fmt.Sprintf("%T %[1]v", ctx.Message()) }, late), "in time")
	for _, want := range []string{"*actor.Started", "string late", "string in time"} {
		if got := hear(t, s.said); !strings.HasPrefix(got, want) {
			t.Errorf("heard %s, want %s", got, want)
		}
	}
}

// TestWhoHasLittleGoesFirst: an actor with a long line of messages leaves the
// processor to one with a single message, whoever was first.
func TestWhoHasLittleGoesFirst(t *testing.T) {
	s := newStage(t, nobody)
	busy, quiet, gate := s.enter("busy", false), s.enter("quiet", false), s.enter("gate", false)
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
	s := newStage(t, nobody)
	router, quiet, gate := s.enter("router", true), s.enter("quiet", false), s.enter("gate", false)
	s.tell(gate, "wait")
	hear(t, s.said)
	s.tell(router, "works", goesOn{}, "works on")
	s.tell(quiet, "hears")
	close(s.hold)
	for _, want := range []string{"router works", "router goes on", "quiet hears", "router works on"} {
		if got := hear(t, s.said); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

// TestNobodyWaitsForALongTurn: while all runners are busy with what takes long,
// others step in, and they go when they are not needed, also while there is work
// without pause.
func TestNobodyWaitsForALongTurn(t *testing.T) {
	s := newStage(t, LongTurn)
	for i := range 3 {
		s.tell(s.enter(fmt.Sprint("slow ", i), false), "wait")
	}
	for range 3 {
		hear(t, s.said)
	}
	s.tell(s.enter("quiet", false), "hears")
	if got := hear(t, s.said); got != "quiet hears" {
		t.Errorf("heard %q", got)
	}
	s.spin(t)
	close(s.hold)
	for deadline := time.Now().Add(time.Minute); s.State().Runners != 1; time.Sleep(time.Millisecond) { // a pace for looking
		if time.Now().After(deadline) {
			t.Fatalf("%d runners stay", s.State().Runners)
		}
	}
}

// TestARunnerTooManyDoesNotSleep while somebody waits for quiet, which one who makes work will say:
// as long as there is one too many the scheduler looks after it, also when nobody does anything.
func TestARunnerTooManyDoesNotSleep(t *testing.T) {
	s := newStage(t, LongTurn)
	turns := s.Turns(func(bool) bool { return false }, func() {})
	turns.Begin()
	for i := range 3 {
		s.tell(s.enter(fmt.Sprint("slow ", i), false), "wait")
	}
	for range 3 {
		hear(t, s.said)
	}
	s.Quiet(func() { s.said <- "quiet" })
	s.mu.Lock()
	s.asked = time.Now().Add(time.Hour)
	s.mu.Unlock()
	close(s.hold)
	state := s.State()
	for ; state.Asleep < state.Runners; state = s.State() {
		runtime.Gosched()
	}
	if state.Runners != 1 {
		t.Errorf("%d runners sleep", state.Runners)
	}
	if turns.Quiet(); hear(t, s.said) != "quiet" {
		t.Error("it was not told")
	}
	turns.Leave()
}

// TestAPanicDoesNotEndARunner, nor the actor's later messages.
func TestAPanicDoesNotEndARunner(t *testing.T) {
	s := newStage(t, LongTurn)
	broken := s.spawn(false, func(ctx actor.Context) {
		switch ctx.Message() {
		case "break":
			panic("injected")
		case "hear":
			s.said <- "heard"
		}
	})
	for range 3 {
		s.tell(broken, "break", "hear")
	}
	for range 3 {
		hear(t, s.said)
	}
}

// TestQuietIsNotWaitedForWithoutEnd by actors that always have something to do.
func TestQuietIsNotWaitedForWithoutEnd(t *testing.T) {
	s := newStage(t, LongTurn)
	s.spin(t)
	s.Quiet(func() { s.said <- "quiet" })
	hear(t, s.said)
}

// TestQuietIsSaidByWhoMakesWork: he knows when nobody is about to make a batch longer;
// but it is not waited for without end.
func TestQuietIsSaidByWhoMakesWork(t *testing.T) {
	s := newStage(t, LongTurn)
	s.untilAsleep()
	turns := s.Turns(func(bool) bool { return false }, func() {})
	ask := func(since time.Time) {
		s.Quiet(func() { s.said <- "quiet" })
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = since
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
	s := newStage(t, nobody)
	s.untilAsleep()
	calls := make(chan struct{}, 10)
	turns := s.Turns(func(bool) bool { return false }, func() { calls <- struct{}{} })
	turns.Begin()
	echo := s.echo()
	for range 2 {
		for !turns.End() {
			turns.Begin()
			turns.Give()
		}
		s.tell(echo, "a", "b")
		if len(s.said) > 0 || s.active.Load() != 1 || len(calls) != 1 {
			t.Fatalf("%d said, %d at it, %d calls", len(s.said), s.active.Load(), len(calls))
		}
		turns.Begin()
		turns.Give()
		if hear(t, s.said)+hear(t, s.said) != "ab" || s.active.Load() != 1 {
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
	s := newStage(t, nobody)
	s.untilAsleep()
	turns := func() *Turns { return s.Turns(func(bool) bool { return false }, func() {}) }
	s.untilAsleep()
	turns()
	echo := s.echo()
	s.tell(echo, "not begun")
	hear(t, s.said)

	s.untilAsleep()
	called := turns()
	called.Begin()
	for !called.End() {
		called.Give()
	}
	s.tell(echo, "called")
	called.Leave()
	hear(t, s.said)

	s.untilAsleep()
	awaited := turns()
	awaited.Begin()
	s.Quiet(func() { s.said <- "quiet" })
	awaited.Leave()
	hear(t, s.said)
	if n := s.active.Load(); n > 1 {
		t.Errorf("%d are counted", n)
	}
}

// TestQuietIsSaidDuringALongTurn of the one who makes work.
func TestQuietIsSaidDuringALongTurn(t *testing.T) {
	s := newStage(t, LongTurn)
	s.untilAsleep()
	turns := s.Turns(func(bool) bool { return false }, func() {})
	turns.Begin()
	s.Quiet(func() { s.said <- "quiet" })
	hear(t, s.said)
	turns.Leave()
}

// echo starts an actor that says what it hears.
func (s *stage) echo() *actor.PID {
	return s.spawn(false, func(ctx actor.Context) {
		if text, ok := ctx.Message().(string); ok {
			s.said <- text
		}
	})
}

// TestARunnerTooManyLeavesNothingBehind: when it goes it is the only one who is at it,
// somebody waits for quiet, and something was said.
func TestARunnerTooManyLeavesNothingBehind(t *testing.T) {
	s := newStage(t, nobody)
	s.untilAsleep()
	var handed atomic.Bool
	write := func(bool) bool {
		if handed.CompareAndSwap(true, false) {
			s.said <- "written"
		}
		return false
	}
	s.write.Store(&write)
	s.mu.Lock()
	s.runners++ // this one
	s.active.Add(1)
	s.surplus = true
	s.mu.Unlock()
	handed.Store(true)
	s.Quiet(func() { s.said <- "quiet" })
	if !s.spare(nil, false) {
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
		working = s.State().Asleep == 0
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
