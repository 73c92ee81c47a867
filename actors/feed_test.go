package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// ear keeps what it hears.
type ear struct {
	mu    sync.Mutex
	heard []telemetry.Happening
}

func (e *ear) hear(h telemetry.Happening) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, h)
}

// take gives what was heard once all is quiet, as "what kind actor: detail".
func (e *ear) take() []string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for _, h := range e.heard {
		all = append(all, fmt.Sprintf("%s %s %s: %s", h.What, h.Kind, h.Actor, h.Detail))
	}
	e.heard = nil
	return all
}

func expect(t *testing.T, e *ear, want ...string) {
	t.Helper()
	if got, want := strings.Join(e.take(), "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("heard\n%s\nwant\n%s", got, want)
	}
}

// TestTheFeedTellsOfCrashes of those who go on and of those who end.
func TestTheFeedTellsOfCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, nil)
		var e, late ear
		stop := p.Feed(e.hear)
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		crash := func(id string) {
			t.Helper()
			if err := p.Crash(id); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		crash("provider/servers/s")
		synctest.Wait()
		if e.heard[0].At != begun {
			t.Errorf("crashed at %v, told of %v", begun, e.heard[0].At)
		}
		expect(t, &e, "panic server provider/servers/s: Inspection: "+crashReason, "restart server provider/servers/s: after 0s: "+crashReason)
		for _, late := range []string{"10ms", "20ms", "40ms"} { // supervision waits
			crash("provider/servers/s")
			time.Sleep(time.Second)
			expect(t, &e, "panic server provider/servers/s: Inspection: "+crashReason, "restart server provider/servers/s: after "+late+": "+crashReason)
		}
		crash("provider/router")
		expect(t, &e, "panic router provider/router: Inspection: "+crashReason, "restart router provider/router: after 0s: "+crashReason)
		stopLate := p.Feed(late.hear)
		crash("conn/1")
		want := []string{"panic session conn/1: Inspection: " + crashReason, "stopped session conn/1: " + crashReason}
		expect(t, &e, want...)
		expect(t, &late, want...)
		bob := enter(t, p, "bob")
		bob.session.Close()
		expect(t, &e)
		stop()
		crash("provider/router")
		expect(t, &e)
		if n := len(late.take()); n != 2 {
			t.Errorf("the other heard %d", n)
		}
		stopLate()
		stopLate()
		if p.node.record.Heard() {
			t.Error("somebody still listens")
		}
	})
}

// TestTheFeedTellsOfStorage that fails, and is well again.
func TestTheFeedTellsOfStorage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := &vfstest.Faulty{FS: vfstest.NewMem()}
		p := startNode(t, persistence.Config{FS: files}, func(c *Config) { c.Inspect = true })
		var e ear
		defer p.Feed(e.hear)()
		alice := enter(t, p, "alice")
		files.Set(func(int) error { return errors.New("injected") })
		for range 3 {
			if reply := alice.ask(CreateServer{"s", ""}); reply != (Refused{Code: StorageDown}) {
				t.Errorf("heard %v", reply)
			}
		}
		got := e.take()
		if len(got) != 2 || !strings.HasPrefix(got[0], "storage persistence provider/persistence: ") || !strings.Contains(got[0], "injected") {
			t.Errorf("heard %q", got)
		}
		if want := "busy server provider/servers/s: storage_unavailable"; got[len(got)-1] != want {
			t.Errorf("heard %q, wanted %q", got, want)
		}
		files.Set(nil)
		time.Sleep(time.Minute)
		expect(t, &e, "storage persistence provider/persistence: written again", "busy server : 2 more storage_unavailable")
		if reply := alice.ask(CreateServer{"s", ""}); reply != (Done{}) {
			t.Errorf("heard %v", reply)
		}
	})
}

// TestTheFeedIsSparing with what happens a thousand times.
func TestTheFeedIsSparing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := inspected(t, func(c *Config) { c.InFlightRequests = 0 })
		var e ear
		stop := p.Feed(e.hear)
		alice := connect(t, p, "")
		for range 1000 {
			alice.session.Send(&Request{Call: "ping", Command: Ping{}})
			alice.hear()
		}
		expect(t, &e, "busy session conn/1: busy: ping")
		time.Sleep(time.Second)
		expect(t, &e, "busy session : 999 more busy")
		time.Sleep(time.Second)
		expect(t, &e)

		alice.session.Close()
		synctest.Wait()
		for range 1000 {
			alice.send(Ping{})
		}
		want := strings.Split(strings.Repeat("deadletter  conn/1: Request,", 5), ",")[:5]
		expect(t, &e, want...)
		time.Sleep(2 * time.Second)
		expect(t, &e, "deadletter  : 995 more")
		alice.send(Ping{})
		expect(t, &e, "deadletter  conn/1: Request")

		listening := p.node.system.EventStream.Length()
		stop()
		if now := p.node.system.EventStream.Length(); now != listening-1 {
			t.Errorf("%d listen to the engine, %d did", now, listening)
		}
		alice.send(Ping{})
		time.Sleep(time.Minute)
		expect(t, &e)
	})
}

// TestTheFeedTellsOfAllRefusedWork once for each answer, whoever refused it, and not of
// what clients have to blame themselves for.
func TestTheFeedTellsOfAllRefusedWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var broken atomic.Bool
		p := inspected(t, func(c *Config) {
			c.NewHasher = func(here Argon2id) Hasher { return brokenHasher{here, &broken} }
			c.Fault = func(kind Kind, msg any) {
				switch msg.(type) {
				case *serverMembers:
					panic("injected")
				case *getImage:
					if kind == KindServer {
						time.Sleep(2 * c.Deadline)
					}
				}
			}
		})
		alice := enter(t, p, "alice")
		alice.ask(CreateServer{"s", ""})
		var e ear
		defer p.Feed(e.hear)()
		ask := func(call string, command any, want Code) {
			t.Helper()
			alice.session.Send(&Request{Call: call, Command: command})
			if reply := alice.hear(); reply != (Refused{Code: want}) {
				t.Errorf("%s: %v, wanted %s", call, reply, want)
			}
		}
		broken.Store(true) // no hash can be made
		ask("register", Register{"bob", "p"}, Busy)
		expect(t, &e, "busy user provider/users/bob: busy: register")
		ask("getmembers", ServerMembers{"s"}, OutcomeUnknown)
		got := slices.DeleteFunc(e.take(), func(line string) bool { return !strings.HasPrefix(line, "busy") })
		if want := []string{"busy directory provider/servers: outcome_unknown: getmembers"}; !slices.Equal(got, want) {
			t.Errorf("heard %q, wanted %q", got, want)
		}
		ask("getimage", GetServerImage{"s"}, OutcomeUnknown) // by nobody: its time was over
		ask("getchannels", ServerChannels{"nobody"}, NoSuchServer)
		expect(t, &e, "busy session conn/1: outcome_unknown: getimage")
		time.Sleep(time.Minute)
		expect(t, &e)
	})
}

// TestTheFeedTellsOfWhatCannotBeRead of one channel, while all else goes on.
func TestTheFeedTellsOfWhatCannotBeRead(t *testing.T) {
	const folder = "servers/s/channels/general/1/"
	t.Run("state", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			hearOfDamage(t, folder, &Post{Server: "s", Channel: "general", Text: "x"}, "no such luck")
		})
	})
	t.Run("old messages", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			hearOfDamage(t, folder+"pages.d/", GetMessages{"s", "general", 0, 10, true, true}, "items of servers/s/channels/general/1: no such luck")
		})
	})
}

// TestWhatCannotBeReadDoesNotFloodTheLog: it is told again once a minute, but not for each
// request of a client that has many, nor each time that it is tried.
func TestWhatCannotBeReadDoesNotFloodTheLog(t *testing.T) {
	const folder = "servers/s/channels/general/1/"
	for _, each := range []struct {
		name, place string
		ask         any
		line        string
	}{
		{"state", folder, &Post{Server: "s", Channel: "general", Text: "x"}, "cannot recover"},
		{"old messages", folder + "pages.d/", GetMessages{"s", "general", 0, 10, true, true}, "cannot read old messages"},
	} {
		t.Run(each.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { countLines(t, each.place, each.ask, each.line) })
		})
	}
}

func countLines(t *testing.T, place string, ask any, words string) {
	var lines, others atomic.Int64
	log := slog.New(slog.NewTextHandler(writerFunc(func(line []byte) (int, error) {
		if strings.Contains(string(line), words) && strings.Contains(string(line), "s/channels/general/1") {
			lines.Add(1)
		} else {
			others.Add(1)
		}
		return len(line), nil
	}), nil))
	_, alice, sick := damaged(t, place, log)
	sick.Store(true)
	for minute := range int64(2) {
		for range 20 { // the actor stays in memory
			for range 10 {
				if reply := alice.ask(ask); reply != (Refused{Code: StorageDown}) {
					t.Fatalf("the answer is %v", reply)
				}
			}
			time.Sleep(3*time.Second + time.Millisecond)
		}
		if lines.Load() != minute+1 || others.Load() != 0 {
			t.Errorf("the log has %d lines in minute %d, and %d others", lines.Load(), minute, others.Load())
		}
	}
}

// damaged is a provider with a channel that is not in memory, and of whose files those in place
// cannot be read while sick is true.
func damaged(t *testing.T, place string, log *slog.Logger) (p *Provider, alice *guest, sick *atomic.Bool) {
	t.Helper()
	sick = new(atomic.Bool)
	files := &vfstest.Faulty{FS: vfstest.NewMem()}
	files.FailAt = func(op vfstest.Op, name string) error {
		if sick.Load() && op&vfstest.Reads != 0 && strings.HasPrefix(name, place) {
			return errors.New("no such luck")
		}
		return nil
	}
	p = startNode(t, persistence.Config{FS: files, Log: log}, func(c *Config) { c.Inspect, c.Passivate = true, time.Minute })
	alice = enter(t, p, "alice")
	alice.ask(CreateServer{"s", ""})
	for range 2 * persistence.PageItems {
		alice.ask(&Post{Server: "s", Channel: "general", Text: "x"})
	}
	p.node.dir.Tell(p.node.system.Root, &saveChannel{Server: "s", Incarnation: 1})
	time.Sleep(time.Hour) // it leaves memory
	return p, alice, sick
}

func hearOfDamage(t *testing.T, place string, ask any, problem string) {
	const channel = "provider/servers/s/1"
	p, alice, sick := damaged(t, place, nil)
	var e ear
	defer p.Feed(e.hear)()
	sick.Store(true)
	for range 2 { // it is tried again from time to time
		if reply := alice.ask(ask); reply != (Refused{Code: StorageDown}) {
			t.Fatalf("the answer is %v", reply)
		}
		expect(t, &e, "storage channel "+channel+": cannot be read: "+problem, "busy channel "+channel+": storage_unavailable")
		time.Sleep(2 * time.Second)
	}
	sick.Store(false)
	if reply, no := alice.ask(ask).(Refused); no {
		t.Errorf("the answer is %v", reply)
	}
	expect(t, &e)
}
