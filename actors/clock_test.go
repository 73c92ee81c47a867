package actors

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// These tests run in a bubble: hours pass there in no time. The clock that
// tells the time of day can be set besides.

// bubble runs a test with a time of its own.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Second) }) // the engine's log of dead letters takes its time
		test(t)
	})
}

const day = 24 * time.Hour

// dial is a clock that somebody sets.
type dial struct{ set atomic.Int64 }

func (d *dial) now() time.Time        { return time.Now().Add(time.Duration(d.set.Load())) }
func (d *dial) turn(by time.Duration) { d.set.Add(int64(by)) }

// TestMessagesKeepTheirOrderWhenTheClockIsSet posts while the clock is set a day
// back and forth, also while the channel is not in memory and while the provider
// does not run.
func TestMessagesKeepTheirOrderWhenTheClockIsSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		clock, files := &dial{}, vfstest.NewMem()
		set := func(c *Config) { c.Now = clock.now }
		posted := 0
		for _, life := range []time.Duration{-day, 2 * day, -3 * day} {
			p, stop := startStoppable(t, persistence.Config{FS: files}, set)
			alice := enter(t, p, "alice")
			alice.ask(CreateServer{"s", ""})
			for _, step := range []time.Duration{0, -day, day, day, -day} {
				clock.turn(step)
				for range 3 {
					reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: "x"}).(*Posted)
					if !ok || reply.Index != int64(posted) {
						t.Fatalf("post %d: %v", posted, reply)
					}
					posted++
				}
				time.Sleep(time.Hour) // the channel leaves memory
			}
			list := alice.ask(GetMessages{"s", "general", 0, int64(posted), true, true}).(Messages).List
			for i := 1; i < len(list); i++ {
				if list[i].Timestamp <= list[i-1].Timestamp {
					t.Errorf("message %d is of %d, the one before of %d", i, list[i].Timestamp, list[i-1].Timestamp)
				}
			}
			stop()
			clock.turn(life)
		}
	})
}

// TestKeysWhenTheClockIsSet is the whole rule: a key is good for its lifetime
// after its last use by the time of day, and not after any step beyond that.
func TestKeysWhenTheClockIsSet(t *testing.T) {
	for _, tt := range []struct {
		rest, step time.Duration
		want       Code
	}{
		{time.Hour, 0, ""},
		{time.Hour + time.Second, 0, KeyTooOld},
		{0, day, KeyTooOld},
		{0, -day, KeyTooOld},
		{0, time.Hour, ""},
		{0, -time.Hour, ""},
		{30 * time.Minute, -time.Hour, ""},
		{2*time.Hour + time.Second, -time.Hour, KeyTooOld}, // never longer than the lifetime and the step
		{day + time.Hour + time.Second, -day, KeyTooOld},
		{day + time.Hour + time.Second, day, KeyTooOld},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.rest, tt.step, restart), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					clock, files := &dial{}, vfstest.NewMem()
					set := func(c *Config) { c.Now = clock.now }
					p, stop := startStoppable(t, persistence.Config{FS: files}, set)
					alice := enter(t, p, "alice")
					key := alice.login()
					clock.turn(tt.step)
					time.Sleep(tt.rest)
					if restart {
						stop()
						p, _ = startStoppable(t, persistence.Config{FS: files}, set)
						alice = enter(t, p, "alice")
					}
					reply := alice.ask(LoginByKey{"alice", key})
					if refused, _ := reply.(Refused); refused.Code != tt.want {
						t.Errorf("heard %v, want %q", reply, tt.want)
					}
					if _, ok := alice.ask(LoginByKey{"alice", alice.login()}).(LoggedIn); !ok {
						t.Error("a new key is not accepted")
					}
				})
			})
		}
	}
}

// TestPausesDoNotFollowTheClock sets the clock in the midst of each pause.
func TestPausesDoNotFollowTheClock(t *testing.T) {
	for _, step := range []time.Duration{day, -day} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				clock := &dial{}
				p := startNode(t, persistence.Config{FS: vfstest.NewMem()}, func(c *Config) {
					c.Now, c.CountInterval = clock.now, time.Second
				})
				alice := enter(t, p, "alice")
				alice.ask(CreateServer{"s", ""})
				for range p.node.cfg.LoginFailures {
					alice.ask(Login{"alice", "wrong"})
				}
				count := CountMessages{"s", "general"}
				alice.ask(count)
				clock.turn(step)
				if reply := alice.ask(count); reply != (Refused{Code: TooOften, Seconds: 1}) {
					t.Errorf("count: %v", reply)
				}
				if reply := alice.ask(Login{"alice", "p"}); reply != (Refused{Code: TooManyLogins}) {
					t.Errorf("login in the pause: %v", reply)
				}
				time.Sleep(p.node.cfg.LoginPause + time.Second)
				if _, ok := alice.ask(count).(Amount); !ok {
					t.Error("the count's pause does not end")
				}
				alice.login()
			})
		})
	}
}

// census counts what the actors do.
type census struct {
	mu    sync.Mutex
	live  map[Kind]int
	told  map[string]int
	most  int    // users, servers and channels at a time
	crash string // a message to crash at once
}

func (c *census) note(kind Kind, msg any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("%T", msg)
	switch name {
	case "*actor.Started":
		c.live[kind]++
		c.most = max(c.most, c.live[KindUser]+c.live[KindServer]+c.live[KindChannel])
	case "*actor.Stopped", "*actor.Restarting":
		c.live[kind]--
	}
	c.told[name]++
	if name == c.crash {
		c.crash = ""
		panic("injected")
	}
}

// in counts the messages of some hours.
func (c *census) in(hours int) (told map[string]int) {
	c.mu.Lock()
	c.told = map[string]int{}
	c.mu.Unlock()
	time.Sleep(time.Duration(hours) * time.Hour)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told
}

func (c *census) durable() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[KindUser] + c.live[KindServer] + c.live[KindChannel]
}

// TestADayOfIdleness leaves a provider with two people logged in alone for a day.
func TestADayOfIdleness(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files, c := vfstest.NewMem(), &census{live: map[Kind]int{}, told: map[string]int{}, crash: "*persistence.sweepDue"}
		p := startNode(t, persistence.Config{FS: files, SnapshotInterval: 5 * time.Minute}, func(cfg *Config) { cfg.Fault = c.note })
		alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
		alice.ask(CreateServer{"s", ""})
		bob.ask(JoinServer{"s", ""})
		const posts = 2*persistence.PageItems + 10
		for i := range posts {
			alice.ask(&Post{Server: "s", Channel: "general", Text: fmt.Sprint(i)})
		}
		bob.ask(Subscribe{"s", "general", true})
		key := alice.login()

		c.in(1)
		early, size := c.in(1), bytesOf(t, files)
		late := c.in(22)
		checkIdleHours(t, early, late)
		if n := c.durable(); n != 0 {
			t.Errorf("%d users, servers and channels are in memory", n)
		}
		if now := bytesOf(t, files); now > size {
			t.Errorf("%d bytes on disk after two hours, %d after a day", size, now)
		}

		if reply := alice.ask(LoginByKey{"alice", key}); reply != (Refused{Code: KeyTooOld}) {
			t.Errorf("the key of yesterday: %v", reply)
		}
		wake(t, alice, bob, posts)
	})
}

// checkIdleHours sees that timers neither pile up nor end.
func checkIdleHours(t *testing.T, first, others map[string]int) {
	t.Helper()
	t.Logf("the second hour: %v, the 22 after it: %v", first, others)
	for name, n := range first {
		if others[name] > 23*n {
			t.Errorf("%s: %d in an hour, %d in 22", name, n, others[name])
		}
	}
	for _, tick := range []string{"*actors.sweep", "*persistence.checkpointDue", "*persistence.sweepDue"} {
		if others[tick] < 21*first[tick] || first[tick] == 0 {
			t.Errorf("%s: %d in an hour, %d in 22", tick, first[tick], others[tick])
		}
	}
	if n := others["*persistence.Append"] + others["*persistence.SaveSnapshot"] + others["*persistence.beat"]; n != 0 {
		t.Errorf("the journal had %d things to do", n)
	}
}

// wake has the two talk again after the day.
func wake(t *testing.T, alice, bob *guest, posts int64) {
	t.Helper()
	yesterday := alice.ask(LatestMessages{"s", "general", 1, -1}).(Messages)
	reply, ok := alice.ask(&Post{Server: "s", Channel: "general", Text: "morning"}).(*Posted)
	if !ok || reply.Index != posts || reply.Timestamp-yesterday.List[0].Timestamp < (23*time.Hour).Microseconds() {
		t.Errorf("posted at %v after %v", reply, yesterday)
	}
	bob.ask(Ping{})
	if event := <-bob.out.pushes; event != "new morning" {
		t.Errorf("bob heard %q", event)
	}
	old := bob.ask(GetMessages{"s", "general", 0, posts, true, true}).(Messages).List
	for i, m := range old {
		if m.Text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Text)
		}
	}
	if reply, ok := alice.ask(ServerMembers{"s"}).(Members); !ok || len(reply.Members) != 2 || !reply.Members[1].Online {
		t.Errorf("members: %v", reply)
	}
}

func bytesOf(t *testing.T, files *vfstest.Mem) (size int) {
	t.Helper()
	all, err := files.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range all {
		size += len(data)
	}
	return size
}

// TestTheTimeOfDayIsAskedForInOnePlace holds everything else to the clock that
// nobody sets: a moment made of a number of seconds, or without its monotonic
// reading, follows the time of day.
func TestTheTimeOfDayIsAskedForInOnePlace(t *testing.T) {
	allowed := map[string]string{
		"user.go Unix":         "of keys, by node.wall",
		"channel.go UnixMicro": "of messages, by node.wall",
		"boot.go UTC":          "when a file was made, for people",
		"checkpoint.go UTC":    "when a file was made, for people",
		"conn.go Unix":         "a deadline in the past",
		"span.go UnixNano":     "of hops, for other nodes; all of one process by one clock",
		"roll.go Round":        "of a length of time, for people",
	}
	stripping := map[string]bool{"Unix": true, "UnixMilli": true, "UnixMicro": true, "UnixNano": true, "UTC": true, "Local": true,
		"In": true, "Round": true, "Truncate": true, "Date": true}
	for _, room := range []string{".", "dispatch", "telemetry", "../persistence", "../transport"} {
		names, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.SelectorExpr); ok && stripping[call.Sel.Name] && allowed[filepath.Base(name)+" "+call.Sel.Name] == "" {
					t.Errorf("%s uses %s", name, call.Sel.Name)
				}
				return true
			})
		}
	}
}
