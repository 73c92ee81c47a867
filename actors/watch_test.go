package actors

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
)

// watchedStage is a stage with a roll, and an actor that takes a second for each word. It
// is in a bubble, where time goes by for nobody else.
func watchedStage(t *testing.T) (*stage, *Provider, *actor.PID) {
	s := newStage(t, dispatch.LongTurn)
	s.inspect()
	t.Cleanup(func() { time.Sleep(time.Hour) }) // who steps in goes again
	slow := s.node.system.Root.Spawn(s.node.props(KindChannel, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch word := ctx.Message().(type) {
			case string:
				time.Sleep(time.Second)
			case *sweep:
				panic("injected")
			case error:
				s.said <- word.Error()
				<-s.hold
			}
		})
	}).Configure(actor.WithGuardian(resume{})))
	synctest.Wait()
	return s, &Provider{Look: s.node.record.Look(), node: s.node}, slow
}

// near tells whether a time is told as it was, to a sixteenth.
func near(got, want time.Duration) bool { return (got - want).Abs() <= want/16 }

// TestAWatchTellsHowLongMessagesWait has words come while the actor is held up: three
// before the watch begins, of which nobody knows how long they have waited, and five later.
func TestAWatchTellsHowLongMessagesWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		s.tell(slow, errors.New("held"))
		hear(t, s.said)
		s.tell(slow, "a", "b", "c")
		w, err := p.Watch(slow.Id)
		if err != nil {
			t.Fatal(err)
		}
		s.tell(slow, &actor.MessageEnvelope{Message: "d"}, "e", "f", "g", "h")
		if seen := w.Take(); seen.Depth != 8 || len(seen.Types) != 0 || seen.Ended {
			t.Errorf("before anything is handled: %+v", seen)
		}
		time.Sleep(10 * time.Second)
		close(s.hold)
		time.Sleep(time.Minute)
		seen := w.Take()
		if len(seen.Types) != 1 || seen.Span != 70*time.Second || seen.Busy != 8*time.Second || seen.Depth != 0 {
			t.Fatalf("%+v", seen)
		}
		words := seen.Types[0]
		if words.Message != "string" || words.Count != 8 {
			t.Errorf("%+v", words)
		}
		// The five waited 10 seconds, and for all before them: 13 to 17 seconds.
		if w := words.Waited; !near(w.P50, 15*time.Second) || w.P99 != 17*time.Second || w.Max != 17*time.Second {
			t.Errorf("waited %+v", w)
		}
		if h := words.Handled; !near(h.P50, time.Second) || h.P99 != time.Second || h.Max != time.Second {
			t.Errorf("handled %+v", h)
		}
		s.tell(slow, "i")
		time.Sleep(time.Minute)
		if seen := w.Take(); len(seen.Types) != 1 || seen.Types[0].Count != 1 || seen.Types[0].Waited.Max != 0 {
			t.Errorf("of another span: %+v", seen)
		}
	})
}

// TestEachWatchHasItsOwnSpan has two, and one that comes later; then none is left, and
// another begins anew.
func TestEachWatchHasItsOwnSpan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		watch := func() *telemetry.Watch {
			w, err := p.Watch(slow.Id)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		count := func(w *telemetry.Watch) (n uint64) {
			for _, seen := range w.Take().Types {
				n += seen.Count
			}
			return n
		}
		say := func(n int) {
			for range n {
				s.tell(slow, "x")
			}
			time.Sleep(time.Minute)
		}
		a, b := watch(), watch()
		say(3)
		first := count(a)
		say(4)
		c := watch()
		say(5)
		if got := fmt.Sprint(first, count(a), count(b), count(c)); got != "3 9 12 5" {
			t.Errorf("seen %s", got)
		}
		a.Stop()
		say(1)
		b.Stop()
		b.Stop()
		c.Stop()
		say(7)
		d := watch()
		say(2)
		if got := fmt.Sprint(count(a), count(b), count(c), count(d)); got != "0 1 1 2" {
			t.Errorf("seen %s", got)
		}
	})
}

// TestAWatchSeesCrashesAndTheEnd of the actor.
func TestAWatchSeesCrashesAndTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		w, err := p.Watch(slow.Id)
		if err != nil {
			t.Fatal(err)
		}
		s.tell(slow, &sweep{}, "x")
		time.Sleep(time.Minute)
		seen := w.Take()
		if len(seen.Restarts) != 1 || seen.Restarts[0].Message != "sweep" || seen.Restarts[0].Reason != "injected" {
			t.Errorf("crashes: %+v", seen.Restarts)
		}
		names := map[string]uint64{}
		for _, each := range seen.Types {
			names[each.Message] = each.Count
		}
		if names["sweep"] != 1 || names["string"] != 1 || names["SuspendMailbox"] != 1 || names["ResumeMailbox"] != 1 {
			t.Errorf("seen %v", names)
		}
		s.tell(slow, "y")
		s.node.system.Root.Stop(slow)
		time.Sleep(time.Minute)
		if seen := w.Take(); !seen.Ended {
			t.Errorf("after the end: %+v", seen)
		}
		w.Stop()
		if _, err := p.Watch(slow.Id); !errors.Is(err, telemetry.ErrNoActor) {
			t.Errorf("watches a dead one: %v", err)
		}
	})
}

// TestTooManyDoNotWatchOneActor, which has to write for each of them.
func TestTooManyDoNotWatchOneActor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, p, slow := watchedStage(t)
		for range 32 {
			if _, err := p.Watch(slow.Id); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Watch(slow.Id); !errors.Is(err, telemetry.ErrWatched) {
			t.Errorf("one more: %v", err)
		}
	})
}

// TestAWatchCountsKnownTraffic watches each actor on the path of posts.
func TestAWatchCountsKnownTraffic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		const posts = 300
		want := map[Kind]string{
			KindSession: "Request", KindDirectory: "post", KindServer: "post", KindChannel: "post",
			KindPersistence: "Append", KindRouter: "publish",
		}
		watches := map[string]*telemetry.Watch{}
		before := p.KindCounts()
		for id, i := range checkRoll(t, p) {
			if want[i.Kind] == "" || id == "provider/users" {
				continue
			}
			w, err := p.Watch(id)
			if err != nil {
				t.Fatal(err)
			}
			watches[id] = w
		}
		for range posts {
			alice.send(&Post{Server: "s", Channel: "general", Text: "x"})
		}
		for range posts {
			alice.hear()
		}
		synctest.Wait()
		for id, w := range watches {
			i, _ := p.Actor(id)
			seen := w.Take()
			checkSeen(t, id, seen, want[i.Kind], posts)
			if n := p.KindCounts()[i.Kind].Messages - before[i.Kind].Messages; n < posts {
				t.Errorf("%s: its kind has handled %d messages", id, n)
			}
		}
		if len(watches) != len(want) {
			t.Errorf("watched %d actors", len(watches))
		}
	})
}

// checkSeen sees that a type was counted, and the types are in order.
func checkSeen(t *testing.T, id string, seen telemetry.Observation, message string, count uint64) {
	t.Helper()
	got := uint64(0)
	for i, each := range seen.Types {
		if each.Message == message {
			got = each.Count
		}
		if i > 0 && each.Count > seen.Types[i-1].Count {
			t.Errorf("%s: %s is not in order", id, each.Message)
		}
	}
	if got != count {
		t.Errorf("%s: %d of %s: %+v", id, got, message, seen.Types)
	}
}

// TestTheEffortForWatchesIsCounted message by message, once for each watch, and no more
// when nobody watches.
func TestTheEffortForWatchesIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		say := func(n int) {
			for range n {
				s.tell(slow, "x")
			}
			time.Sleep(time.Minute)
		}
		expect := func(when string, messages, sights uint64) {
			t.Helper()
			if got := p.Effort(); got != (telemetry.Effort{Messages: messages, Sights: sights}) {
				t.Errorf("%s: %+v", when, got)
			}
		}
		say(3)
		expect("unwatched", 0, 0)
		a, err := p.Watch(slow.Id)
		b, other := p.Watch(slow.Id)
		if err != nil || other != nil {
			t.Fatal(err, other)
		}
		say(5)
		a.Take()
		b.Take()
		expect("watched by two", 5, 10)
		a.Stop()
		say(2)
		b.Stop()
		expect("watched by one", 7, 12)
		say(4)
		expect("unwatched again", 7, 12)
	})
}
