package torture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// scene is a provider in which the bystanders have the server home, and
// mallory, who means harm, the server den.
type scene struct {
	*providertest.Process
	key string // of mallory
}

func newScene(t *testing.T, program string, args ...string) *scene {
	t.Helper()
	s := &scene{Process: providertest.New(program, filepath.Join(t.TempDir(), "data"), args...)}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	asks := map[string]string{
		"chatter":  ask("createserver", "servername", "home", "serverpasswd", ""),
		"listener": ask("joinserver", "servername", "home", "serverpasswd", ""),
		"mallory":  ask("createserver", "servername", "den", "serverpasswd", ""),
	}
	for _, user := range []string{"chatter", "listener", "mallory"} {
		c, err := login(s.Addr, user)
		if err == nil {
			_, err = c.call(asks[user])
		}
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		again, err := c.call(ask("login", "usernm", user, "passwd", passwordFor(user)))
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		s.key = again.Key // mallory is the last
		_ = c.Close()
	}
	return s
}

func (s *scene) end() {
	if s.Running() {
		_ = s.Signal(os.Kill) // it may have ended meanwhile
		_, _ = s.Wait()
	}
}

// attack is a hostile load, and what it may see: the first has to be seen.
type attack struct {
	name        string
	short, full int
	run         func(*load, int)
	sees        []string
	cut         bool // all its bad connections are cut while it goes on
	stays       int  // connections that it has besides
	args        []string
	factor      float64 // the bystanders' p99 may grow so much
}

var attacks = []attack{
	{"stalled readers", 60, 1000, stalledReaders, []string{"subscribed", "posted", "cut"}, true, 1, nil, 2},
	{"half open", 300, 5000, halfOpen, []string{"taking too long", "cut"}, true, 0, nil, 2},
	{"a byte a second", 50, 300, slowSenders, []string{"taking too long", "cut"}, true, 0, nil, 2},
	{"pipelining without reading", 4, 20, deafPipeliners, []string{"cut"}, true, 0, nil, 2},
	{"a hot channel", 4, 40, hotChannel, []string{"posted"}, false, 0, nil, 2},
	{"large images", 20, 200, largeImages, []string{"stored"}, false, 0, nil, 100}, // they fill the disk; without turns it was 180
	{"wrong passwords of known users", 100, 500, loginFlood(true),
		[]string{"password is incorrect", "too many login attempts", busy, late}, false, 0, nil, 2},
	{"wrong passwords of unknown users", 100, 500, loginFlood(false),
		[]string{"username does not exist", "too many login attempts", busy, late}, false, 0, nil, 2},
	{"wrong passwords of hidden users", 100, 500, loginFlood(false),
		[]string{"password is incorrect", "too many login attempts", busy, late}, false, 0, []string{"--hideusers"}, 2},
	{"nested brackets", 60, 4000, repeated(`{"call":"ping","x":` + strings.Repeat("[", 100_000)),
		[]string{"request is nested too deeply"}, false, 0, nil, 2},
	{"malformed frames", 300, 10_000, repeated("hello there"), []string{"malformed JSON"}, false, 0, nil, 2},
}

const (
	busy = "busy, try again"
	late = "no answer in time, it may have been done" // the end of a long line of guesses
)

// TestOverload has two users chat while others misbehave in every way. The two
// get every answer and every push, the others are refused or cut, and nothing is
// left of it all. The long form, on the program as it is shipped and with real
// password hashes, adds the times and the memory.
func TestOverload(t *testing.T) {
	besides(t)
	fresh := freshGoroutines(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			besides(t)
			a.test(t, fresh)
		})
	}
}

// besides lets short forms run at the same time; long ones have the machine to themselves.
func besides(t *testing.T) {
	if !long() {
		t.Parallel()
	}
}

// TestFairShare has one channel, and one user over many connections, take all
// they can get: another channel's posts hardly notice.
func TestFairShare(t *testing.T) {
	besides(t)
	s, b := overloadScene(t, nil)
	before := b.chat(t, rounds(50, 1000))
	l := s.misbehave(t, "a hot channel", rounds(8, 40))
	during := b.chatBeside(t, 3, before, true)
	seen := l.stop(t)
	after := b.chat(t, rounds(50, 1000))
	judge(t, 3, before, during, after)
	t.Logf("the hot channel: %v", seen)
	if seen["posted"] == 0 {
		t.Error("the hot channel was not hot")
	}
}

// TestMemoryStaysUnderItsCap sets the limits low, and then more readers stall
// than there is room for, each of them within its own bound. The program is
// without the race detector, whose memory is another.
func TestMemoryStaysUnderItsCap(t *testing.T) {
	besides(t)
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	tight := limits{400, 1000, 4 * mib, 8 * mib, mib / 4, 64 * kib, 2}
	s := newScene(t, path, "--maxinflight", "1000", "--maxinflightbytes", "4MiB", "--maxunread", "8MiB", "--maxanswer", "256KiB", "--writetimeout", "5s")
	b := startBystanders(t, s.Addr)
	idle, stopPeak := vitalsOf(t, s.Pid()), peak(s.Pid())
	l := s.misbehave(t, "stalled readers", tight.connections)
	b.chat(t, 50)
	eventually(t, "the stalled readers are cut", func() bool { return vitalsOf(t, s.Pid()).files <= idle.files+1 })
	most := stopPeak()
	t.Logf("%v; idle %v, at most %d MiB of %d MiB", l.stop(t), idle, most>>20, tight.most()>>20)
	if most > tight.most() {
		t.Error("more memory than the documented cap")
	}
	s.back(t, idle, 0, time.Now())
}

// overloadScene is a scene with its bystanders chatting.
func overloadScene(t *testing.T, args []string) (*scene, *bystanders) {
	t.Helper()
	path, all := program, []string{"--requesttimeout", "2s", "--writetimeout", "2s"}
	if long() {
		var err error
		if path, err = plain(); err != nil {
			t.Fatal(err)
		}
		all = []string{"--requesttimeout", "8s", "--writetimeout", "8s", "--hashmemory", "19456", "--hashtime", "2"}
	}
	s := newScene(t, path, append(all, args...)...)
	b := startBystanders(t, s.Addr)
	b.chat(t, rounds(10, 200))
	return s, b
}

func (a *attack) test(t *testing.T, fresh map[string]int) {
	s, b := overloadScene(t, a.args)
	idle := vitalsOf(t, s.Pid())
	stopPeak := peak(s.Pid())
	before := b.chat(t, rounds(30, 1000))
	l := s.misbehave(t, a.name, rounds(a.short, a.full))
	during := b.chatBeside(t, a.factor, before, !a.cut)
	entering := s.enter(t)
	if a.cut {
		eventually(t, "its connections are cut", func() bool { return vitalsOf(t, s.Pid()).files <= idle.files+a.stays })
	}
	seen := l.stop(t)
	ended := time.Now()
	after := b.chat(t, rounds(30, 1000))
	t.Logf("seen: %v; a login in between took %v", seen, round(entering))
	a.check(t, seen)
	judge(t, a.factor, before, during, after)
	if long() && entering > 3*time.Second {
		t.Errorf("a right user waited %v to enter", entering)
	}
	most := stopPeak()
	s.back(t, idle, most, ended)
	s.leaves(t, fresh)
}

// check holds what the bad clients saw to what they may see.
func (a *attack) check(t *testing.T, seen tally) {
	t.Helper()
	if seen[a.sees[0]] == 0 {
		t.Errorf("none saw %q", a.sees[0])
	}
	for what := range seen {
		if !slices.Contains(a.sees, what) {
			t.Errorf("%d saw %q", seen[what], what)
		}
	}
	if n := rounds(a.short, a.full); a.cut && seen["cut"] != n {
		t.Errorf("%d of %d were cut", seen["cut"], n)
	}
}

// unnoticed is a time that is no harm, whatever it was before. The p99 of the quiet
// provider itself is between 0.9 and 2 ms from one minute to the next.
const unnoticed = 1500 * time.Microsecond

// chatBeside has them chat beside a load, and once more if that took long and the load
// goes on: the disk of a machine that is shared stops for 100 ms now and then.
func (b *bystanders) chatBeside(t *testing.T, factor float64, before stretch, goesOn bool) stretch {
	t.Helper()
	during := b.chat(t, rounds(100, 2000))
	if long() && goesOn && !during.within(factor, before) {
		t.Logf("once more, since this took long: %v", during)
		during = b.chat(t, 2000)
	}
	return during
}

// within tells whether the p99 is at most so many times another, or unnoticed.
func (s *stretch) within(factor float64, quiet stretch) bool {
	worst := max(s.Answer.P99, s.Push.P99)
	return worst <= unnoticed || float64(worst) <= factor*float64(max(quiet.Answer.P99, quiet.Push.P99))
}

// judge wants the 99th percentiles not to grow beyond a factor, or to stay
// unnoticed. Times are judged in the long form alone.
func judge(t *testing.T, factor float64, before, during, after stretch) {
	t.Helper()
	answer, push := harm(before, during, after)
	t.Logf("before %v\nduring %v\nafter  %v\np99 × %.1f for answers, × %.1f for pushes", before, during, after, answer, push)
	worst := max(during.Answer.P99, during.Push.P99)
	if long() && max(answer, push) > factor && worst > unnoticed {
		t.Errorf("p99 grew × %.1f to %v", max(answer, push), worst)
	}
}

// enter has a right user log in by password, and tells how long that took.
func (s *scene) enter(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	c, err := dialLine(s.Addr)
	if err == nil {
		_, err = c.call(ask("login", "usernm", "listener", "passwd", passwordFor("listener")))
		_ = c.Close()
	}
	if err != nil {
		t.Errorf("a right user could not enter: %v", err)
	}
	return time.Since(begun)
}
