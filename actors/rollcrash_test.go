package actors

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"elemental/actors/telemetry"
)

// TestACrashedActorKeepsItsEntry crashes one of each kind until its crashes are too many
// to be kept, with the pauses that supervision makes.
func TestACrashedActorKeepsItsEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, func(cfg *Config) { cfg.Passivate = 0 })
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		const mostCrashes = 20 // telemetry.Observation's
		const times = mostCrashes + 5
		for id, before := range checkRoll(t, p) {
			if before.Kind == KindSession || before.Kind == KindServer { // a server's channels end with it
				continue
			}
			w, err := p.Watch(id)
			if err != nil {
				t.Fatal(err)
			}
			counted := p.KindCounts()[before.Kind].Restarts
			for range times {
				if err := p.Crash(id); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * maxRestartDelay)
			}
			after, lives := p.Actor(id)
			if !lives || after.Restarts != times || after.Started != before.Started {
				t.Errorf("%s: before %+v, after %+v", id, before, after)
			}
			if n := p.KindCounts()[before.Kind].Restarts - counted; n != times {
				t.Errorf("%s: %d restarts are counted", id, n)
			}
			seen := w.Take()
			if n := len(seen.Restarts); n != mostCrashes {
				t.Fatalf("%s: %d crashes are known", id, n)
			}
			if last := seen.Restarts[mostCrashes-1]; last.Reason != crashReason || time.Since(last.At) != 2*maxRestartDelay || seen.Ended {
				t.Errorf("%s: %+v", id, last)
			}
			w.Stop()
		}
		if reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: "x"}).(*Posted); !ok || reply.Index != 1 {
			t.Errorf("posted %v", reply)
		}
		checkRoll(t, p)
	})
}

// TestCrashesDoNotQueue: who wants an actor to crash while it has not gone on since the
// last time is refused, so that it is back as soon as supervision lets it.
func TestCrashesDoNotQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, func(cfg *Config) { cfg.Passivate = 0 })
		enter(t, p, "alice")
		const id = "provider/users/alice"
		struck, refused := 0, 0
		for range 10 {
			for range 100 { // it may have gone on in between, at once after the first
				switch err := p.Crash(id); {
				case err == nil:
					struck++
				case errors.Is(err, telemetry.ErrCrashing):
					refused++
				default:
					t.Fatal(err)
				}
			}
			time.Sleep(maxRestartDelay + time.Second)
			if a, lives := p.Actor(id); !lives || a.Restarts != struck || a.Depth != 0 {
				t.Fatalf("after %d crashes, %d refused: %+v", struck, refused, a)
			}
		}
		if struck < 10 || refused < 900 {
			t.Errorf("%d crashes, %d refused", struck, refused)
		}
	})
}

// TestACrashThatIsDueIsNotForgotten when the actor goes on from another crash before it.
func TestACrashThatIsDueIsNotForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, p, slow := watchedStage(t)
		s.tell(slow, errors.New("first"), &sweep{}, errors.New("second"))
		hear(t, s.said)
		if err := p.Crash(slow.Id); err != nil {
			t.Fatal(err)
		}
		s.hold <- struct{}{}
		if word := hear(t, s.said); word != "second" {
			t.Fatalf("it says %q", word)
		}
		if i, _ := p.Actor(slow.Id); i.Restarts != 1 {
			t.Errorf("it went on %d times", i.Restarts)
		}
		if err := p.Crash(slow.Id); !errors.Is(err, telemetry.ErrCrashing) {
			t.Errorf("another while one is due: %v", err)
		}
		close(s.hold)
		synctest.Wait()
		if i, _ := p.Actor(slow.Id); i.Restarts != 2 {
			t.Errorf("it went on %d times", i.Restarts)
		}
		if err := p.Crash(slow.Id); err != nil {
			t.Errorf("once it has gone on: %v", err)
		}
		synctest.Wait()
	})
}

// enterAtLast is enter where an actor that crashes may refuse at first.
func enterAtLast(t *testing.T, p *Provider, user string) *guest {
	t.Helper()
	g := connect(t, p, user)
	for range 10 {
		g.ask(Register{user, "p"})
		if _, in := g.ask(Login{user, "p"}).(LoggedIn); in {
			return g
		}
		time.Sleep(time.Second)
	}
	t.Fatal("no login")
	return nil
}

// TestTheRollOutlivesCrashesAtTheEnds of a life: while actors start, restart, and stop.
func TestTheRollOutlivesCrashesAtTheEnds(t *testing.T) {
	for _, moment := range []string{"*actor.Started", "*actor.Restarting", "*actor.Stopping", "*actor.Stopped"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint(moment, after), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					struck := map[Kind]int{}
					var mu sync.Mutex
					strike := func(kind Kind, msg any) { // each kind's first, twice
						mu.Lock()
						defer mu.Unlock()
						durable := kind == KindUser || kind == KindServer || kind == KindChannel || kind == KindSession
						if durable && fmt.Sprintf("%T", msg) == moment && struck[kind] < 2 {
							struck[kind]++
							panic("injected")
						}
					}
					p := inspected(t, func(cfg *Config) {
						if cfg.Fault = strike; after {
							cfg.Fault, cfg.FaultAfter = nil, strike
						}
					})
					alice := enterAtLast(t, p, "alice")
					for range 3 {
						alice.ask(CreateServer{"s", ""})
						alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
						for id, i := range onRoll(p) {
							if i.Kind == KindServer || i.Kind == KindChannel || i.Kind == KindUser {
								_ = p.Crash(id)
							}
						}
						checkRoll(t, p)
						alice.ask(CountMessages{"s", "general"})
						checkRoll(t, p)
						time.Sleep(time.Hour)
						checkRoll(t, p)
					}
					alice.session.Close()
					checkRoll(t, p)
					if len(struck) < 3 {
						t.Errorf("struck %v", struck)
					}
				})
			})
		}
	}
}

// TestACrashedServerTakesItsChannelsAlong, and they are there again when they are asked.
func TestACrashedServerTakesItsChannelsAlong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, nil)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
		if err := p.Crash("provider/servers/s"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if i := checkRoll(t, p)["provider/servers/s"]; i.Restarts != 1 || i.Children != 0 {
			t.Errorf("%+v", i)
		}
		if reply := alice.ask(CountMessages{"s", "general"}); reply != (Amount{1}) {
			t.Errorf("counted %v", reply)
		}
		if i := checkRoll(t, p)["provider/servers/s"]; i.Children != 1 {
			t.Errorf("%+v", i)
		}
	})
}

// TestACrashedSessionEnds with its connection, also one that does not know it yet.
func TestACrashedSessionEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, nil)
		root := p.node.system.Root
		for _, early := range []bool{false, true} {
			out, id := &outbox{answers: make(chan any, 1)}, fmt.Sprint("conn/early", early)
			pid, err := root.SpawnNamed(p.sessions, id)
			if err != nil {
				t.Fatal(err)
			}
			if !early {
				root.Send(pid, &connected{out: out})
			}
			if err := p.Crash(id); err != nil {
				t.Fatal(err)
			}
			if early {
				root.Send(pid, &connected{out: out})
			}
			if synctest.Wait(); !out.closed.Load() {
				t.Error("the connection is kept")
			}
			if err := p.Crash(id); !errors.Is(err, telemetry.ErrNoActor) {
				t.Errorf("crashed a dead one: %v", err)
			}
		}
		checkRoll(t, p)
	})
}
