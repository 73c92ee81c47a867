package actors

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
)

// TestALookKeepsNobodyInMemory looks at a user, a server and a channel every minute, for
// hours in which nobody else wants them.
func TestALookKeepsNobodyInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, func(cfg *Config) {
			cfg.Fault = func(kind Kind, msg any) {
				if _, look := msg.(*telemetry.Inspection); look {
					t.Errorf("a %s is asked itself", kind)
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		looks := 0
		for range 120 {
			for id := range checkRoll(t, p) {
				if text, err := p.View(t.Context(), id); err != nil || text[0] != '{' {
					t.Errorf("%s shows %s, %v", id, text, err)
				}
				looks++
			}
			time.Sleep(time.Minute)
		}
		counts := p.KindCounts()
		for _, kind := range []Kind{KindUser, KindServer, KindChannel} {
			if counts[kind].Alive != 0 || counts[kind].Started != 1 {
				t.Errorf("%s: %+v after %d looks", kind, counts[kind], looks)
			}
		}
	})
}

// TestWhoRecoversShowsItToo looks at a user whose stream is being read, and then cannot be.
func TestWhoRecoversShowsItToo(t *testing.T) {
	d := newDisk(t, nil)
	d.n.record = telemetry.NewRecorder(d.n.system, telemetry.Options{Inspect: true})
	p, root := &Provider{Look: d.n.record.Look(), node: d.n}, d.n.system.Root
	asked := make(chan *persistence.Recover, 1)
	d.n.disk = root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*persistence.Recover); ok {
			asked <- m
		}
	}))
	bob := root.Spawn(d.n.props(KindUser, nil, func() actor.Actor { return newUser(d.n, "bob") }))
	m := <-asked
	root.Send(bob, &joinedServers{Caller: Caller{PID: d.pid}, User: "bob"})
	shows := func(parts ...string) {
		t.Helper()
		text, err := p.View(t.Context(), bob.Id)
		for _, part := range parts {
			if err != nil || !strings.Contains(string(text), part) {
				t.Errorf("it shows %s, %v, and not %s", text, err, part)
			}
		}
	}
	shows(`"phase":"recovering"`, `"held":{"count":1,"first":[{"message":"joinedServers"}]}`)
	root.Send(bob, &persistence.Recovered{Stream: m.Stream, Ref: m.Ref, Err: persistence.ErrUnavailable})
	shows(`"phase":"broken"`, `"held":{"count":0,"first":[]}`)
}

// TestALookEndsWithTheActor: who has asked is not left to wait when the actor stops before
// its turn comes, and not for ever when the turn does not come.
func TestALookEndsWithTheActor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		s.tell(slow, errors.New("held"))
		hear(t, s.said)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.View(impatient, slow.Id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits no longer: %v", err)
		}
		asked := make(chan error, 1)
		go func() {
			_, err := p.View(t.Context(), slow.Id)
			asked <- err
		}()
		synctest.Wait()
		s.node.system.Root.Stop(slow)
		close(s.hold)
		if err := <-asked; !errors.Is(err, telemetry.ErrNoActor) {
			t.Errorf("who waits for one that stops: %v", err)
		}
	})
}

// TestACrashThatStrikesIsNotRefused, also when the actor has ended of it before Crash
// returns: here whoever crashes it gives it its turns.
func TestACrashThatStrikesIsNotRefused(t *testing.T) {
	s := newStage(t, dispatch.LongTurn)
	s.inspect()
	frail := s.node.system.Root.Spawn(s.node.props(KindSession, nil, func() actor.Actor {
		return actor.ReceiveFunc(func(actor.Context) {})
	}).Configure(actor.WithGuardian(stopChild{})))
	s.untilAsleep()
	p := &Provider{Look: s.node.record.Look(), node: s.node}
	var turns *dispatch.Turns
	give := func() {
		for turns.Begin(); !turns.End(); {
			turns.Give()
		}
	}
	turns = p.Turns(func(bool) bool { return false }, give)
	defer turns.Leave()
	give() // from now on he is counted on
	if err := p.Crash(frail.Id); err != nil {
		t.Error(err)
	}
	if err := p.Crash(frail.Id); !errors.Is(err, telemetry.ErrNoActor) {
		t.Errorf("crashed a dead one: %v", err)
	}
}

// wrong is an actor that cannot show itself.
type wrong struct{ actor.Actor }

func (wrong) view() any { panic("injected") }

// TestAViewThatFailsHarmsNobody: it is told, and the actor goes on.
func TestAViewThatFailsHarmsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, _ := watchedStage(t)
		pid := s.node.system.Root.Spawn(s.node.props(KindUser, nil, func() actor.Actor {
			return wrong{actor.ReceiveFunc(func(actor.Context) {})}
		}))
		if _, err := p.View(t.Context(), pid.Id); err == nil || !strings.Contains(err.Error(), "injected") {
			t.Errorf("it shows, %v", err)
		}
		if i, lives := p.Actor(pid.Id); !lives || i.Restarts != 0 {
			t.Errorf("%+v", i)
		}
	})
}

// TestTheSameIsShownOfALargeTable each time: its first entries, of however many.
func TestTheSameIsShownOfALargeTable(t *testing.T) {
	table := map[int]bool{}
	for _, size := range []int{0, 1, shownMost - 1, shownMost, shownMost + 1, 5000} {
		for len(table) < size {
			table[len(table)] = true
		}
		for range 3 {
			shown := someOf(table, func(key int, _ bool) int { return key })
			for i, key := range shown.First {
				if key != i {
					t.Fatalf("of %d it shows %v", size, shown.First)
				}
			}
			if shown.Count != size || len(shown.First) != min(size, shownMost) {
				t.Errorf("of %d it shows %d, and counts %d", size, len(shown.First), shown.Count)
			}
		}
	}
}
