package transport_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/actors"
	"elemental/persistence"
	"elemental/persistence/vfs"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport/housetest"
)

// strike makes one message of one actor kind panic, once.
type strike struct {
	handled
	after bool // the handler has run, and all it sent is sent
	nth   int32
	count atomic.Int32
	fired atomic.Bool
}

func (s *strike) hit(is handled, after bool) {
	if s != nil && is == s.handled && after == s.after && s.count.Add(1) == s.nth {
		s.fired.Store(true)
		panic("injected")
	}
}

func (s *strike) String() string {
	return fmt.Sprintf("%s/%s/%s%d", s.kind, strings.TrimPrefix(s.msg, "*"), map[bool]string{true: "after"}[s.after], s.nth)
}

// crashSite is a house whose actors can be struck, and what they handled.
type crashSite struct {
	t       *testing.T
	house   *housetest.House
	files   vfs.FS
	log     lockedBuffer
	struck  []*strike
	trouble atomic.Pointer[func(kind actors.Kind, msg any) bool]
	rounds  int // of troubles

	mu   sync.Mutex
	seen map[handled]int
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

func newCrashSite(t *testing.T, struck ...*strike) *crashSite {
	s := &crashSite{t: t, files: vfstest.NewMem(), struck: struck, seen: map[handled]int{}}
	s.house = s.start(s.before, s.after)
	return s
}

func (s *crashSite) start(before, after func(actors.Kind, any)) *housetest.House {
	s.t.Helper()
	return housetest.New(s.t, housetest.Settings{
		FS:    s.files,
		Log:   slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Store: func(cfg *persistence.Config) { cfg.SnapshotInterval = 50 * time.Millisecond },
		Actor: func(cfg *actors.Config) {
			cfg.Fault, cfg.FaultAfter = before, after
			cfg.StateBytes = 1 // always too much
			cfg.AutoSubscribe, cfg.Passivate, cfg.Deadline = true, 60*time.Millisecond, 500*time.Millisecond
		},
	})
}

func (s *crashSite) before(kind actors.Kind, msg any) {
	is := handled{kind, fmt.Sprintf("%T", msg)}
	s.mu.Lock()
	s.seen[is]++
	s.mu.Unlock()
	for _, each := range s.struck {
		each.hit(is, false)
	}
	if trouble := s.trouble.Load(); trouble != nil && (*trouble)(kind, msg) && s.trouble.CompareAndSwap(trouble, nil) {
		panic("injected trouble")
	}
}

func (s *crashSite) after(kind actors.Kind, msg any) {
	for _, each := range s.struck {
		each.hit(handled{kind, fmt.Sprintf("%T", msg)}, true)
	}
}

func (s *crashSite) fired() bool {
	for _, each := range s.struck {
		if !each.fired.Load() {
			return false
		}
	}
	return true
}

// troubles makes what only follows a crash happen too: restarts, rejected
// events, children that cannot rest.
func (s *crashSite) troubles(c *conversation) {
	s.t.Helper()
	s.rounds++
	appendOf := func(first string, parts int) func(actors.Kind, any) bool {
		return func(_ actors.Kind, msg any) bool {
			a, ok := msg.(*persistence.Append)
			return ok && len(a.Stream.Parts()) == parts && a.Stream.Parts()[0] == first
		}
	}
	message := func(kind actors.Kind, name string) func(actors.Kind, any) bool {
		return func(k actors.Kind, msg any) bool { return k == kind && fmt.Sprintf("%T", msg) == name }
	}
	var woken time.Time
	steps := []struct {
		crash func(actors.Kind, any) bool
		do    func()
	}{
		{appendOf("users", 2), func() { c.bob.must(c.bob.call("login", "key", c.bob.key)) }},
		{appendOf("servers", 2), func() {
			c.bob.must(c.in(c.bob, "gettotalmessages", "second")) // a channel is awake when its server recovers
			c.alice.must(c.in(c.alice, "createchannel", "", "name", fmt.Sprint("fourth-", s.rounds)), "channel_exists")
		}},
		{appendOf("servers", 5), func() { c.say(c.alice, "second", fmt.Sprint("text-secret-trouble-", s.rounds)) }},
		{message(actors.KindUser, "*actors.joinedServers"), func() { c.bob.must(c.bob.call("getjoinedservers")) }},
		{message(actors.KindServer, "*actors.serverChannels"), func() { c.bob.must(c.in(c.bob, "getserverchannels", "")) }},
		{message(actors.KindChannel, "*actors.countMessages"), func() { c.bob.must(c.in(c.bob, "gettotalmessages", "second")) }},
		{message(actors.KindChannel, "*actors.rest"), func() {
			if time.Since(woken) > 250*time.Millisecond { // all channels may have left before the trouble was there
				woken = time.Now()
				c.bob.must(c.in(c.bob, "gettotalmessages", "second"))
			}
		}},
	}
	for _, step := range steps {
		s.trouble.Store(&step.crash)
		until(s.t, "trouble", func() bool { step.do(); return s.trouble.Load() == nil || s.fired() && len(s.struck) > 0 })
	}
	s.trouble.Store(nil)
	c.alice.must(c.in(c.alice, "createchannel", "", "name", "third"), "channel_exists")
	c.alice.must(c.in(c.alice, "gettotalmessages", "third")) // it is awake when it is deleted
	c.alice.must(c.in(c.alice, "deletechannel", "", "name", "third"), "no_such_channel")
}

// provoke makes troubles until done. They may have to come again: a channel that one needs
// awake may have left in between.
func (s *crashSite) provoke(c *conversation, done func() bool) bool {
	s.t.Helper()
	for begun := time.Now(); time.Since(begun) < patience; {
		if s.troubles(c); s.idle(c, 2*time.Second, done) {
			return true
		}
	}
	return false
}

// idle waits a while until done, and reads old messages from time to time.
func (s *crashSite) idle(c *conversation, most time.Duration, done func() bool) bool {
	for begun := time.Now(); time.Since(begun) < most; c.old() {
		for pause := time.Now(); time.Since(pause) < 250*time.Millisecond; time.Sleep(2 * time.Millisecond) {
			if done() {
				return true
			}
		}
	}
	return done()
}

// atTheEnd are the messages that a provider handles only when it stops.
func (s *strike) atTheEnd() bool {
	switch s.msg {
	case "*actor.Stopping", "*actor.Stopped", "*actor.Terminated":
		return s.kind == actors.KindProvider || s.kind == actors.KindDirectory ||
			s.kind == actors.KindPersistence || s.kind == actors.KindRouter || s.kind == actors.KindPasswords
	}
	return false
}

// someOnPages is a number of posts of which a page holds some.
const someOnPages = persistence.PageItems + 8

// posts is how many there are in the conversation; many take their time.
func (s *strike) posts() int {
	if long() || strings.HasSuffix(s.msg, "ItemsRead") || strings.HasSuffix(s.msg, "ReadItems") {
		return someOnPages
	}
	return 20
}

// crash runs everything with the strikes, and then looks whether all is well:
// whoever asked was answered or cut off (talker), everybody serves again, and
// what is seen before a stop is what the journal has.
func crash(t *testing.T, struck ...*strike) {
	s := newCrashSite(t, struck...)
	first := begin(t, s.house, "a")
	last := struck[len(struck)-1]
	first.run(last.posts())
	if !s.fired() && !last.atTheEnd() && !s.provoke(first, s.fired) {
		t.Fatal("the fault did not fire")
	}
	first.alive("first")
	first.check()
	second := begin(t, s.house, "b")
	second.run(2)
	ticks := s.ticks()
	second.alive("second")
	second.check()
	until(t, "all that comes by itself", ticks)
	s.restart(first, second)
	if !s.fired() {
		t.Error("the fault did not fire")
	}
	s.checkLog()
}

// ticks gives the question whether all that comes by itself has come again:
// timers, checkpoints, and rest for who is idle.
func (s *crashSite) ticks() func() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := map[handled]int{}
	for _, is := range []handled{
		{actors.KindPersistence, "*persistence.beat"}, {actors.KindPersistence, "*persistence.checkpointDue"},
		{actors.KindProvider, "*persistence.SnapshotWanted"}, {actors.KindUser, "*actor.Stopped"},
		{actors.KindServer, "*actor.Stopped"}, {actors.KindChannel, "*actor.Stopped"},
	} {
		before[is] = s.seen[is]
	}
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for is, n := range before {
			if s.seen[is] == n {
				return false
			}
		}
		return true
	}
}

// restart stops the house and compares what is seen before and after.
func (s *crashSite) restart(all ...*conversation) {
	s.t.Helper()
	before := make([]string, len(all))
	for i, c := range all {
		before[i] = c.view()
	}
	for _, c := range all {
		c.moveTo(nil)
	}
	if err := s.house.Stop(); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	again := s.start(nil, nil)
	for i, c := range all {
		c.moveTo(again)
		if after := c.view(); after != before[i] {
			s.t.Errorf("before the restart\n%s\nafter it\n%s", before[i], after)
		}
		c.moveTo(nil)
	}
}

// checkLog sees that panics are logged, and nothing of what messages hold.
func (s *crashSite) checkLog() {
	s.t.Helper()
	text := s.log.text()
	for _, each := range s.struck {
		if each.fired.Load() && !strings.Contains(text, "message="+each.msg) {
			s.t.Error("the panic is not in the log")
		}
	}
	if at := strings.Index(text, "secret"); at >= 0 {
		s.t.Errorf("a secret is in the log: %s", text[max(0, at-500):min(len(text), at+50)])
	}
}

// notStruck are the handlers that the crashes leave out, with the reason.
var notStruck = map[handled]string{
	{actors.KindProvider, "*actor.Started"}:           "ends the start: TestACrashAtTheStartIsAnError in actors",
	{actors.KindProvider, "*actor.Restarting"}:        "it is resumed, never restarted",
	{actors.KindRouter, "*actors.fan"}:                "needs a crowd: TestACrashInAFanOut",
	{actors.KindRouter, "*actors.endMore"}:            "needs a crowd: TestACrashInTheEndOfALargeServer in actors",
	{actors.KindSession, "*actors.askAgain"}:          "needs a failing disk: TestWhatIsLackingIsAskedForAgain in actors",
	{actors.KindServer, "*actors.vacant"}:             "only a channel that leaves early sends it: large, or started for a checkpoint alone",
	{actors.KindServer, "*actors.membershipRefused"}:  "needs a failing disk: TestWhoWaitsForAUsersListHearsOfItsTrouble in actors",
	{actors.KindPersistence, "*persistence.sweepDue"}: "every ten minutes: TestADayOfIdleness in actors",
}

// happened tells whether all that does not wait for the end has happened.
func (s *crashSite) happened(wanted map[handled]bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for is := range wanted {
		if s.seen[is] == 0 && !(&strike{handled: is}).atTheEnd() {
			return false
		}
	}
	return true
}

// startsAnew are the actors that restart only when their Started crashes.
var startsAnew = []actors.Kind{actors.KindDirectory, actors.KindRouter, actors.KindPasswords, actors.KindSession}

// dryRun finds what can be struck, and holds it against the source.
func dryRun(t *testing.T) (found []handled, counts map[handled]int) {
	s := newCrashSite(t)
	c := begin(t, s.house, "a")
	c.run(someOnPages)
	wanted := handles(t)
	for is := range notStruck {
		if !wanted[is] {
			t.Errorf("%v is excused and no handler", is)
		}
		delete(wanted, is)
	}
	for _, kind := range startsAnew {
		delete(wanted, handled{kind, "*actor.Restarting"})
	}
	s.provoke(c, func() bool { return s.happened(wanted) })
	c.check()
	s.restart(c)
	s.checkLog()
	s.mu.Lock()
	defer s.mu.Unlock()
	for is := range wanted {
		if s.seen[is] == 0 {
			t.Errorf("%v is handled, and never happened: let the conversation cause it (conversation_test.go)", is)
		}
	}
	for is := range s.seen {
		if _, excused := notStruck[is]; !excused {
			found = append(found, is)
		}
		if !wanted[is] && notStruck[is] == "" {
			t.Errorf("%v happened, and is not in the source", is)
		}
	}
	sort.Slice(found, func(i, j int) bool { return fmt.Sprint(found[i]) < fmt.Sprint(found[j]) })
	for _, kind := range startsAnew {
		found = append(found, handled{kind, "*actor.Restarting"})
	}
	return found, s.seen
}

// TestAPanicInEachHandler crashes each handler of each actor in the midst of
// conversations: before it runs, and after it has run and sent all it sends. The
// short form takes one of the two each where a journal is behind the actor, the long form both, early and late.
func TestAPanicInEachHandler(t *testing.T) {
	found, counts := dryRun(t)
	var runs [][]*strike
	for i, is := range found {
		for _, after := range []bool{false, true} {
			if !long() && after != (i%2 == 1) && !is.mended() {
				continue
			}
			runs = append(runs, strikes(is, after, 1))
			if long() && counts[is] > 3 {
				runs = append(runs, strikes(is, after, 2))
			}
		}
	}
	// The last of the root's five children: it must not wait for a sixth.
	runs = append(runs, strikes(handled{actors.KindProvider, "*actor.Terminated"}, false, 5))
	t.Logf("%d handlers, %d crashes", len(found), len(runs))
	inParallel(runs, func(struck []*strike) {
		t.Run(struck[len(struck)-1].String(), func(t *testing.T) { crash(t, struck...) })
	})
}

func long() bool { return os.Getenv("ELEMENTAL_LONG") != "" }

// mended is what no journal restores and nobody asks for again.
func (is handled) mended() bool {
	switch is.kind {
	case actors.KindRouter, actors.KindSession, actors.KindPersistence:
		return true
	case actors.KindDirectory:
		return slices.Contains([]string{"*actors.sweep", "*actors.stayed", "*actors.vacant", "*actor.Terminated", "*actor.Stopping"}, is.msg)
	}
	return false
}

func strikes(is handled, after bool, nth int) []*strike {
	s := &strike{handled: is, after: after, nth: int32(nth)}
	if is.msg == "*actor.Restarting" && slices.Contains(startsAnew, is.kind) {
		return []*strike{{handled: handled{is.kind, "*actor.Started"}, nth: 1}, s}
	}
	return []*strike{s}
}

// inParallel does some at a time: most of a run is waiting.
func inParallel(runs [][]*strike, do func([]*strike)) {
	const workers = 8
	var all sync.WaitGroup
	next := make(chan []*strike)
	for range workers {
		all.Go(func() {
			for run := range next {
				do(run)
			}
		})
	}
	for _, run := range runs {
		next <- run
	}
	close(next)
	all.Wait()
}
