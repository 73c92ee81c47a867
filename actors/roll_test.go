package actors

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/dispatch"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// inspected starts a provider that keeps the roll. In the end nobody is on it but the
// sessions, which their connections end.
func inspected(t *testing.T, change func(*Config)) (p *Provider) {
	t.Helper()
	t.Cleanup(func() {
		for id, i := range onRoll(p) {
			if i.Kind != KindSession || !strings.HasPrefix(id, "conn/") || i.Children != 0 {
				t.Errorf("stopped, and on the roll: %+v", i)
			}
		}
	})
	return startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(cfg *Config) {
		cfg.Inspect = true
		if change != nil {
			change(cfg)
		}
	})
}

// living is whom the engine knows, by ID.
func living(p *Provider) []string {
	var ids []string
	for _, bucket := range p.node.system.ProcessRegistry.LocalPIDs.LocalPIDs {
		bucket.IterCb(func(id string, process any) {
			if _, is := process.(*actor.ActorProcess); is {
				ids = append(ids, id)
			}
		})
	}
	slices.Sort(ids)
	return ids
}

// onRoll is whom the roll has.
func onRoll(p *Provider) map[string]telemetry.ActorInfo {
	all := map[string]telemetry.ActorInfo{}
	p.Actors(func(i telemetry.ActorInfo) bool { all[i.ID] = i; return true })
	return all
}

// checkRoll holds the roll to what the engine knows, and its counts to its entries.
func checkRoll(t *testing.T, p *Provider) map[string]telemetry.ActorInfo {
	t.Helper()
	synctest.Wait()
	all := onRoll(p)
	if want, got := living(p), slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Fatalf("on the roll are %v, the living are %v", got, want)
	}
	children, alive := map[string]int{}, map[Kind]uint64{}
	for _, i := range all {
		alive[i.Kind]++
		if children[i.Parent]++; i.Parent != "" && path.Dir(i.ID) != i.Parent {
			t.Errorf("%s has the parent %s", i.ID, i.Parent)
		}
		if alone, lives := p.Actor(i.ID); !lives || alone != i {
			t.Errorf("one by one it is %+v, among all %+v", alone, i)
		}
	}
	for id, i := range all {
		if i.Children != children[id] {
			t.Errorf("%s has %d children, not %d", id, i.Children, children[id])
		}
	}
	for kind, c := range p.KindCounts() {
		if c.Alive != alive[kind] || c.Started-c.Ended != c.Alive || c.Passivated > c.Ended {
			t.Errorf("of kind %s %d live: %+v", kind, alive[kind], c)
		}
	}
	return all
}

// TestTheRollIsOfTheLiving follows actors through all that makes and ends them.
func TestTheRollIsOfTheLiving(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begun := time.Now()
		p := inspected(t, nil)
		checkRoll(t, p)
		time.Sleep(time.Minute)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"a/b", ""})
		for i := range 100 {
			alice.ask(CreateChannel{"a/b", fmt.Sprint("c", i)})
			alice.ask(&Post{Server: "a/b", Channel: fmt.Sprint("c", i), Text: "x"})
		}
		alice.ask(Login{"nobody", "p"})
		all := checkRoll(t, p)
		if n := p.KindCounts()[KindChannel]; n.Alive != 100 || n.Passivated != 0 {
			t.Errorf("channels: %+v", n)
		}
		checkLabels(t, all, map[string]string{"conn/1": "alice", "provider/servers/a%2Fb": "a/b", "provider/users/alice": ""}, "c17")
		if i := all["provider/users/alice"]; i.Started.Sub(begun) != time.Minute || i.Parent != "provider/users" || i.Messages == 0 {
			t.Errorf("alice: %+v", i)
		}
		alice.ask(DeleteChannel{"a/b", "c3"})
		checkRoll(t, p)
		time.Sleep(time.Hour)
		checkRoll(t, p)
		if n := p.KindCounts(); n[KindChannel].Passivated != 99 || n[KindChannel].Alive+n[KindServer].Alive+n[KindUser].Alive != 0 {
			t.Errorf("after an hour: %+v", n)
		}
		alice.ask(CountMessages{"a/b", "c1"})
		if n := p.KindCounts()[KindChannel]; checkRoll(t, p)["provider/servers"].Children != 1 || n.Alive != 1 || n.Started != 101 {
			t.Errorf("awake again: %+v", n)
		}
		alice.ask(Logout{})
		if i, _ := p.Actor("conn/1"); i.Label != "" {
			t.Errorf("nobody's session is %s's", i.Label)
		}
		alice.session.Close()
		if _, lives := checkRoll(t, p)["conn/1"]; lives {
			t.Error("a closed session lives")
		}
	})
}

// checkLabels looks at the labels of some, and that one is a channel's.
func checkLabels(t *testing.T, all map[string]telemetry.ActorInfo, want map[string]string, channel string) {
	t.Helper()
	for id, label := range want {
		if got := all[id].Label; got != label {
			t.Errorf("%s is labelled %q, not %q", id, got, label)
		}
	}
	for _, i := range all {
		if i.Kind == KindChannel && i.Label == channel {
			return
		}
	}
	t.Error("no channel has its name for a label")
}

// TestSessionsComeAndGo has thousands of them, while others look.
func TestSessionsComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, nil)
		const rounds, crowd = 5, 1000
		for range rounds {
			out := &outbox{answers: make(chan any, crowd), pushes: make(chan string)}
			sessions := make([]*Session, crowd)
			for i := range sessions {
				sessions[i] = p.Connect(out, netip.Addr{})
				sessions[i].Send(&Request{Command: Ping{}})
			}
			go onRoll(p)
			if n := len(checkRoll(t, p)); n < crowd {
				t.Errorf("%d live", n)
			}
			for _, s := range sessions {
				go s.Close()
			}
		}
		checkRoll(t, p)
		if n := p.KindCounts()[KindSession]; n.Alive != 0 || n.Started != rounds*crowd || n.Messages < 3*rounds*crowd {
			t.Errorf("sessions: %+v", n)
		}
	})
}

// TestWhoDoesNotExistIsNotPassivated: an actor that was started for a name that nobody has
// goes again, and is not counted among those that nobody needed.
func TestWhoDoesNotExistIsNotPassivated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, nil)
		alice := enter(t, p, "alice")
		for i := range 10 {
			alice.ask(JoinServer{fmt.Sprint("nobody's", i), ""})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := p.KindCounts()[KindServer]; n.Started != 10 || n.Ended != 10 || n.Passivated != 0 {
			t.Errorf("servers: %+v", n)
		}
	})
}

// TestWithoutTheInspectorNothingIsKept asks for everything there is.
func TestWithoutTheInspectorNothingIsKept(t *testing.T) {
	p := startNode(t, persistence.Config{}, nil)
	enter(t, p, "alice")
	_, watch := p.Watch("provider")
	_, view := p.View(t.Context(), "provider")
	if _, lives := p.Actor("provider"); lives || len(onRoll(p)) > 0 || p.KindCounts() != nil {
		t.Error("a roll is kept")
	}
	for _, err := range []error{watch, view, p.Crash("provider")} {
		if !errors.Is(err, telemetry.ErrNoActor) {
			t.Errorf("heard %v", err)
		}
	}
}

// TestWhatAnEntryCosts compares the memory of idle sessions with and without a roll.
func TestWhatAnEntryCosts(t *testing.T) {
	const crowd = 15_000
	each := func(inspect bool) float64 {
		p, stop := startStoppable(t, persistence.Config{}, func(cfg *Config) { cfg.Inspect = inspect })
		defer stop()
		before := heapNow()
		out := &outbox{answers: make(chan any, crowd)}
		for range crowd {
			p.Connect(out, netip.Addr{}).Send(&Request{Command: Ping{}})
		}
		for range crowd {
			<-out.answers
		}
		return float64(heapNow()-before) / crowd
	}
	const tries = 5 // what others take or let go of meanwhile makes single ones more or less
	var all [2][tries]float64
	for i := range tries {
		all[0][i], all[1][i] = each(false), each(true)
	}
	slices.Sort(all[0][:])
	slices.Sort(all[1][:])
	without, with := all[0][tries/2], all[1][tries/2]
	t.Logf("an idle session takes %.0f bytes, with the roll %.0f", without, with)
	if with-without > 256 {
		t.Error("an entry of the roll takes too much")
	}
}

func heapNow() int64 {
	for range 2 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkMessage sends an actor messages, with nothing kept, with the roll, and watched.
func BenchmarkMessage(b *testing.B) {
	for _, how := range []string{"off", "on", "watched"} {
		b.Run(how, func(b *testing.B) {
			s := newStage(b, dispatch.LongTurn)
			if how != "off" {
				s.inspect()
			}
			done := make(chan struct{})
			pid := s.node.system.Root.Spawn(s.node.props(KindChannel, nil, func() actor.Actor {
				return actor.ReceiveFunc(func(ctx actor.Context) {
					if _, last := ctx.Message().(*retire); last {
						done <- struct{}{}
					}
				})
			}))
			if how == "watched" {
				if _, err := s.node.record.Look().Watch(pid.Id); err != nil {
					b.Fatal(err)
				}
			}
			var msg any = &ending{}
			b.ReportAllocs()
			for n := b.N; n > 0; n -= 100 {
				for range min(n, 100) - 1 {
					s.node.system.Root.Send(pid, msg)
				}
				s.node.system.Root.Send(pid, &retire{})
				<-done
			}
		})
	}
}
