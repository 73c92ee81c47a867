package actors

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
)

// TestSessionKeys makes many keys and looks at their letters: each place of a
// key holds any letter alike, which makes 62 ** 25 keys.
func TestSessionKeys(t *testing.T) {
	const keys = 100_000
	counts := make([][]int, 25)
	seen := make(map[string]bool, keys)
	for range keys {
		key := newKey()
		if len(key) != 25 || seen[key] {
			t.Fatalf("key %q", key)
		}
		seen[key] = true
		for place := range len(key) {
			letter := strings.IndexByte(keyLetters, key[place])
			if letter < 0 {
				t.Fatalf("key %q", key)
			}
			if counts[place] == nil {
				counts[place] = make([]int, len(keyLetters))
			}
			counts[place][letter]++
		}
	}
	worst, entropy := 0.0, 0.0
	const due = float64(keys) / float64(len(keyLetters))
	for _, letters := range counts {
		chi := 0.0
		for _, n := range letters {
			p := float64(n) / keys
			entropy -= p * math.Log2(p)
			chi += (float64(n) - due) * (float64(n) - due) / due
		}
		worst = max(worst, chi)
	}
	bits := 25 * math.Log2(float64(len(keyLetters)))
	t.Logf("%.1f bits by the alphabet, %.1f by what was seen, worst chi-square of a place %.0f (mean 61, deviation 11)", bits, entropy, worst)
	if bits < 128 || entropy < 128 || worst > 61+10*math.Sqrt(2*61) { // never by chance
		t.Error("keys are not as random as they have to be")
	}
}

// TestWhatEndsAKey tries keys after a logout and after a change of the password:
// at once, when the account has left memory, and in the provider's next life.
func TestWhatEndsAKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := vfstest.NewMem()
		p, stop := startStoppable(t, persistence.Config{FS: files}, nil)
		alice, other := enter(t, p, "alice"), enter(t, p, "alice")
		want := map[string]any{}
		check := func(when string) {
			for key, code := range want {
				switch reply := other.ask(LoginByKey{"alice", key}).(type) {
				case LoggedIn:
					if code != nil {
						t.Errorf("%s: a key that ended is accepted", when)
					}
				default:
					if reply != code {
						t.Errorf("%s: heard %v, want %v", when, reply, code)
					}
				}
			}
		}
		kept, left := other.login(), alice.login()
		alice.ask(Logout{})
		want[kept], want[left] = nil, Refused{Code: WrongKey}
		check("after a logout")
		alice.ask(LoginByKey{"alice", kept})
		alice.ask(Logout{})
		want[kept] = Refused{Code: WrongKey}
		check("after a logout of a session that came by key")

		before, own := other.login(), alice.login()
		reply, ok := alice.ask(ChangePassword{"p", "new"}).(LoggedIn)
		if !ok {
			t.Fatalf("change of the password: %v", reply)
		}
		want[before], want[own], want[reply.Key] = Refused{Code: WrongKey}, Refused{Code: WrongKey}, nil
		check("after a change of the password")
		time.Sleep(time.Hour / 2)
		if n := p.KindCounts()[KindUser]; n.Alive != 0 {
			t.Errorf("in memory: %+v", n)
		}
		check("out of memory meanwhile")
		stop()
		p, _ = startStoppable(t, persistence.Config{FS: files}, nil)
		other = connect(t, p, "alice")
		check("in the next life")
	})
}

// watched collects what is asked of the hash workers.
type watched struct {
	mu   sync.Mutex
	work []hashWork
}

func (w *watched) see(_ Kind, msg any) {
	if m, ok := msg.(*hashWork); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.work = append(w.work, *m)
	}
}

func (w *watched) take() []hashWork {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.work
	w.work = nil
	return taken
}

// TestUnknownUsersCostTheSameWork counts what the hash workers are given for a
// login: one comparison, with the same parameters, counted by the throttle in
// the same way, whether there is such a user or not.
func TestUnknownUsersCostTheSameWork(t *testing.T) {
	for _, hide := range []bool{false, true} {
		var seen watched
		p := startNode(t, persistence.Config{}, func(c *Config) { c.HideUsers, c.Fault = hide, seen.see })
		g := enter(t, p, "alice")
		seen.take()
		var works [2]hashWork
		for i, name := range []string{"alice", "nobody"} {
			reply, _ := g.ask(Login{name, "a guess"}).(Refused)
			work := seen.take()
			if len(work) != 1 || work[0].Password != "a guess" || work[0].Compare == "" {
				t.Fatalf("%s: %d hashes for %v", name, len(work), reply)
			}
			works[i] = work[0]
			unknown := i == 1 && !hide
			if want := map[bool]Code{false: WrongPassword, true: NoSuchUser}[unknown]; reply.Code != want {
				t.Errorf("%s: %v", name, reply)
			}
			if a := work[0].Attempt; a.kind != KindUser || a.name != name {
				t.Errorf("%s: counted as %+v", name, a)
			}
		}
		known, salt, key := phc(t, works[0].Compare)
		unknown, salt2, key2 := phc(t, works[1].Compare)
		if known != unknown || len(salt) != len(salt2) || len(key) != len(key2) {
			t.Errorf("compared with %+v and with %+v", known, unknown)
		}
	}
}

func phc(t *testing.T, hash string) (params argon2id.Params, salt, key []byte) {
	t.Helper()
	p, salt, key, err := argon2id.DecodeHash(hash)
	if err != nil {
		t.Fatal(err)
	}
	return *p, salt, key
}

// TestOpenServersCostNoHash makes, joins and deletes a server without a
// password, and one with.
func TestOpenServersCostNoHash(t *testing.T) {
	var seen watched
	p := startNode(t, persistence.Config{}, func(c *Config) { c.Fault = seen.see })
	alice, bob := enter(t, p, "alice"), enter(t, p, "bob")
	for password, hashes := range map[string]int{"": 0, "pw": 5} {
		seen.take()
		for _, step := range []struct {
			who     *guest
			command any
			want    any
		}{
			{alice, CreateServer{"s", password}, Done{}},
			{bob, JoinServer{"s", "wrong"}, Refused{Code: WrongServerPasswd}},
			{bob, JoinServer{"s", password}, Done{}},
			{bob, DeleteServer{"s", password}, Refused{Code: NotOwnerDelete}},
			{alice, DeleteServer{"s", "wrong" + password}, Refused{Code: WrongServerPasswd}},
			{alice, DeleteServer{"s", password}, Done{}},
		} {
			if got := step.who.ask(step.command); got != step.want {
				t.Errorf("password %q: %+v: %v, want %v", password, step.command, got, step.want)
			}
		}
		if got := len(seen.take()); got != hashes {
			t.Errorf("password %q: %d hashes, want %d", password, got, hashes)
		}
	}
}

// TestTheEngineTellsOfNoMessage sends what carries a secret to a session that
// has ended: the engine would print it whole.
func TestTheEngineTellsOfNoMessage(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	handler := slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), &slog.HandlerOptions{Level: slog.LevelDebug})
	system := actor.NewActorSystemWithConfig(actor.Configure(engineLog(slog.New(handler))))
	pid := system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	if err := system.Root.StopFuture(pid).Wait(); err != nil {
		t.Fatal(err)
	}
	system.Root.Send(pid, &Request{Command: Register{"alice", "a s3cret"}})
	system.Root.Send(pid, &register{User: "alice", Password: "a s3cret"})
	system.Shutdown()
	system.Logger().Warn("heard")
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "heard") {
		t.Errorf("the log has %s", text)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
