package transport_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport/housetest"
)

// followed is what a follower has been told.
type followed struct {
	t    *testing.T
	stop func()

	mu   sync.Mutex
	hops []telemetry.Hop
}

func follow(t *testing.T, h *housetest.House, f telemetry.Filter) *followed {
	t.Helper()
	told := &followed{t: t}
	told.stop = h.Provider.Follow(f, func(hop telemetry.Hop) {
		told.mu.Lock()
		defer told.mu.Unlock()
		told.hops = append(told.hops, hop)
	})
	t.Cleanup(told.stop)
	return told
}

// requests are those that have ended, in the order of their ends, each with its hops in
// the order in which they were begun.
func (f *followed) requests() (ended [][]telemetry.Hop) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by := map[telemetry.TraceID][]telemetry.Hop{}
	var order []telemetry.TraceID
	for _, hop := range f.hops {
		by[hop.Trace] = append(by[hop.Trace], hop)
		if hop.Where == "writer" {
			order = append(order, hop.Trace)
		}
	}
	for _, id := range order {
		hops := by[id]
		slices.SortStableFunc(hops, func(a, b telemetry.Hop) int { return a.Begun.Compare(b.Begun) })
		ended = append(ended, hops)
	}
	return ended
}

// one waits for the only request.
func (f *followed) one() []telemetry.Hop {
	f.t.Helper()
	until(f.t, "the end of a request that is followed", func() bool { return len(f.requests()) > 0 })
	all := f.requests()
	if len(all) > 1 {
		f.t.Fatalf("%d requests, one is wanted", len(all))
	}
	plausible(f.t, all[0])
	return all[0]
}

// plausible holds what is true of every request: each hop has one parent, which was
// begun before, and waits before it is handled.
func plausible(t *testing.T, hops []telemetry.Hop) {
	t.Helper()
	seen := map[telemetry.SpanID]telemetry.Hop{}
	for i, hop := range hops {
		name := fmt.Sprintf("hop %d, %s %s", i, hop.Where, hop.Message)
		if hop.Sent.After(hop.Begun) || hop.Begun.After(hop.Ended) || hop.Sent.IsZero() {
			t.Errorf("%s: sent %v, begun %v later, ended %v later", name, hop.Sent, hop.Begun.Sub(hop.Sent), hop.Ended.Sub(hop.Begun))
		}
		if _, twice := seen[hop.Span]; twice {
			t.Errorf("%s: its span is another's", name)
		}
		parent, known := seen[hop.Parent]
		switch first := hop.Where == "reader"; {
		case first && hop.Parent != telemetry.SpanID{}:
			t.Errorf("%s: the first one has a parent", name)
		case !first && !known:
			t.Errorf("%s: no parent before it", name)
		case !first && hop.Sent.Before(parent.Begun):
			t.Errorf("%s: sent before %s was begun", name, parent.Where)
		}
		seen[hop.Span] = hop
		if hop.Place.File == "" || hop.Place.Line == 0 || hop.Place.Function == "" {
			t.Errorf("%s: handled nowhere: %v", name, hop.Place)
		}
		outside := slices.Contains([]string{"reader", "writer", "hash"}, hop.Where)
		if outside != (hop.Actor == "") {
			t.Errorf("%s: of actor %q", name, hop.Actor)
		}
		if b := hop.Batch; b != nil {
			for _, step := range [][2]time.Time{{hop.Sent, b.Begun}, {b.Begun, b.Written}, {b.Written, b.Synced}, {b.Synced, hop.Ended}} {
				if step[0].After(step[1]) {
					t.Errorf("%s: batch %+v is not within %v to %v", name, b, hop.Sent, hop.Ended)
				}
			}
		}
	}
}

// way is the hops in short: where, and what.
func way(hops []telemetry.Hop) string {
	var b strings.Builder
	for _, hop := range hops {
		fmt.Fprintf(&b, "%s %s\n", hop.Where, hop.Message)
	}
	return strings.TrimSpace(b.String())
}

func expectWay(t *testing.T, hops []telemetry.Hop, want string) {
	t.Helper()
	if got := way(hops); got != strings.TrimSpace(want) {
		t.Errorf("the way was\n%s\nwanted\n%s", got, strings.TrimSpace(want))
	}
}

func hop(t *testing.T, hops []telemetry.Hop, where string) telemetry.Hop {
	t.Helper()
	for _, h := range hops {
		if h.Where == where {
			return h
		}
	}
	t.Fatalf("no %s in\n%s", where, way(hops))
	return telemetry.Hop{}
}

const post = `{"call":"message","servername":"s","channel":"general","msg":"%s"}`

const wayOfAPost = `
reader Request
session Request
directory post
server post
channel post
persistence Append
channel Committed
router publish
session answer
writer Posted`

func TestAFollowedPostShowsItsWay(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	alice := h.Founder()
	alice.Yes(post, "the channel is awake")
	told := follow(t, h, telemetry.Filter{Call: "message"})
	alice.Yes(post, "hello")
	hops := told.one()
	expectWay(t, hops, wayOfAPost)
	for i := 1; i < len(hops); i++ {
		if hops[i].Parent != hops[i-1].Span {
			t.Errorf("%s is not %s's child", hops[i].Where, hops[i-1].Where)
		}
	}
	first, last := hops[0], hops[len(hops)-1]
	for _, end := range []telemetry.Hop{first, last} {
		if end.Call != "message" || end.Conn != 2 || end.Code != "" {
			t.Errorf("%s: %q of connection %d, %q", end.Where, end.Call, end.Conn, end.Code)
		}
	}
	if !first.Begun.Before(first.Ended) || !last.Sent.Before(last.Begun) || !last.Begun.Before(last.Ended) {
		t.Errorf("no time has passed in reader %+v or writer %+v", first, last)
	}
	if b := hop(t, hops, "persistence").Batch; b == nil || b.Records != 1 || b.Bytes < len("hello") {
		t.Errorf("batch %+v", b)
	}
	if r := hop(t, hops, "router"); r.Pushes != 0 {
		t.Errorf("%d pushes to nobody", r.Pushes)
	}
	if c := hop(t, hops, "channel"); c.Actor != "provider/servers/s/1" || c.Place.Function != "(*channel).onPost" || c.Place.File != "actors/channel.go" {
		t.Errorf("channel %+v", c)
	}
}

// TestAFollowedPostTellsHowManyHeardIt has a few subscribers, and so many that the
// router takes several turns.
func TestAFollowedPostTellsHowManyHeardIt(t *testing.T) {
	for _, n := range []int{3, 150} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			h := housetest.New(t, housetest.Settings{})
			alice := h.Founder()
			ears := make([]*housetest.Line, n)
			for i := range ears {
				ears[i] = h.Login("alice")
				ears[i].Yes(`{"call":"subscribe","servername":"s","channel":"general"}`)
			}
			told := follow(t, h, telemetry.Filter{Call: "message"})
			alice.Yes(post, "hello")
			for _, ear := range ears {
				if got := ear.Next(); got["message"] != "hello" {
					t.Fatal(got)
				}
			}
			hops := told.one()
			expectWay(t, hops, wayOfAPost)
			if r := hop(t, hops, "router"); r.Pushes != n {
				t.Errorf("%d pushes", r.Pushes)
			}
		})
	}
}

func TestAFollowedLoginShowsTheHashing(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	h.Founder()
	told := follow(t, h, telemetry.Filter{Call: "login"})
	h.Login("alice")
	hops := slices.DeleteFunc(told.one(), func(hop telemetry.Hop) bool { return hop.Where == "router" }) // it may come later
	expectWay(t, hops, `
reader Request
session Request
directory login
user login
passwords hashWork
hash hashWork
user hashDone
persistence Append
user Committed
session answer
writer LoggedIn`)
}

// TestAFollowedReadShowsTheDisk reads messages that have left memory.
func TestAFollowedReadShowsTheDisk(t *testing.T) {
	h := housetest.New(t, housetest.Settings{Store: func(cfg *persistence.Config) { cfg.SnapshotInterval = 20 * time.Millisecond }})
	alice := h.Founder()
	for i := range 2 * persistence.PageItems {
		alice.Write(fmt.Sprintf(post, fmt.Sprint(i)))
	}
	for range 2 * persistence.PageItems {
		alice.Next()
	}
	var hops []telemetry.Hop
	until(t, "messages leave memory", func() bool {
		told := follow(t, h, telemetry.Filter{Call: "getmessages"})
		alice.Yes(`{"call":"getmessages","servername":"s","channel":"general","begin":0,"end":500}`)
		hops = told.one()
		told.stop()
		return strings.Contains(way(hops), "persistence")
	})
	expectWay(t, hops, `
reader Request
session Request
directory getMessages
server getMessages
channel getMessages
persistence ReadItems
channel ItemsRead
session answer
writer Messages`)
	if read := hop(t, hops, "persistence"); read.Batch != nil || read.Place.Function != "(*core).readItems" {
		t.Errorf("the read is %+v", read)
	}
}

// TestPostsOfOneBatchAreFollowedApart sends posts of one channel while the disk is kept
// busy, so that one write makes them durable, and one word to the channel. Some of them
// are not followed.
func TestPostsOfOneBatchAreFollowedApart(t *testing.T) {
	const n = 5
	busy, held, release := atomic.Bool{}, make(chan struct{}), make(chan struct{})
	disk := &vfstest.Faulty{FS: vfstest.NewMem(), Before: func(op vfstest.Op, _ string) {
		if op == vfstest.OpSync && busy.CompareAndSwap(true, false) {
			held <- struct{}{}
			<-release
		}
	}}
	appends := atomic.Int32{}
	h := housetest.New(t, housetest.Settings{FS: disk, Actor: func(cfg *actors.Config) {
		cfg.FaultAfter = func(_ actors.Kind, msg any) {
			if _, is := msg.(*persistence.Append); is && appends.Add(-1) == 0 {
				close(release)
			}
		}
	}})
	alice := h.Founder()
	bob, carol := h.Login("alice"), h.Login("alice")
	bob.Yes(post, "the channel is awake")
	told := follow(t, h, telemetry.Filter{Call: "message", Conn: 2, Share: 1})
	appends.Store(2*n + 1)
	busy.Store(true)
	bob.Write(fmt.Sprintf(post, "first"))
	<-held
	for _, line := range []*housetest.Line{carol, alice} {
		for i := range n {
			line.Write(fmt.Sprintf(post, fmt.Sprint(i)))
		}
		until(t, "her posts", func() bool { return line == alice || appends.Load() == n })
	}
	for range n {
		alice.Next()
		carol.Next()
	}
	until(t, "all of them", func() bool { return len(told.requests()) == n })
	for _, hops := range told.requests() {
		plausible(t, hops)
		expectWay(t, hops, wayOfAPost)
		if b := hop(t, hops, "persistence").Batch; b == nil || b.Records != 2*n {
			t.Errorf("batch %+v", b)
		}
	}
}

// TestARequestThatWaitsInItsSessionIsFollowed sends one behind another that is not of its kind. The
// disk waits until the session has both.
func TestARequestThatWaitsInItsSessionIsFollowed(t *testing.T) {
	disk := newStuckDisk()
	h := housetest.New(t, housetest.Settings{FS: disk, Actor: longPatience})
	alice := h.Founder()
	alice.Yes(post, "the channel is awake")
	told := follow(t, h, telemetry.Filter{Share: 1})
	came := atomic.Int32{}
	h.Strike(func(kind actors.Kind, msg any) {
		if _, is := msg.(*actors.Request); is && kind == actors.KindSession && came.Add(1) == 2 {
			disk.hold(false)
		}
	})
	disk.hold(true)
	alice.Write(fmt.Sprintf(post, "hello") + `{"call":"gettotalmessages","servername":"s","channel":"general"}`)
	alice.Next()
	alice.Next()
	until(t, "both", func() bool { return len(told.requests()) == 2 })
	first, second := told.requests()[0], told.requests()[1]
	expectWay(t, first, wayOfAPost)
	plausible(t, second)
	expectWay(t, second, `
reader Request
session Request
session Request
directory countMessages
server countMessages
channel countMessages
session answer
writer Amount`)
	if before := hop(t, first, "writer"); second[2].Begun.Before(before.Sent) {
		t.Error("the second one was begun before the first was answered")
	}
}

// TestAPostThatWakesItsChannelIsFollowed has the channel recover while the post is there.
func TestAPostThatWakesItsChannelIsFollowed(t *testing.T) {
	held := make(chan struct{})
	hold := sync.OnceFunc(func() { close(held) })
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) {
		cfg.Fault = func(_ actors.Kind, msg any) {
			if r, is := msg.(*persistence.Recover); is && len(r.Stream.Parts()) == 5 {
				select {
				case <-held:
				case <-time.After(patience):
				}
			}
		}
		cfg.FaultAfter = func(kind actors.Kind, msg any) {
			if kind == actors.KindChannel && fmt.Sprintf("%T", msg) == "*actors.post" {
				hold()
			}
		}
	}})
	alice := h.Founder()
	told := follow(t, h, telemetry.Filter{Call: "message"})
	alice.Yes(post, "hello")
	expectWay(t, told.one(), strings.Replace(wayOfAPost, "channel post\n", "channel post\nchannel post\n", 1))
}

// blockingHasher lets a password be compared only when it is open.
type blockingHasher struct {
	actors.Hasher
	open chan struct{}
}

func (b blockingHasher) Match(password, phc string) (bool, error) {
	select {
	case <-b.open:
	case <-time.After(patience):
	}
	return b.Hasher.Match(password, phc)
}

// TestALoginThatWaitsForAnotherIsFollowed has two guesses where one is let through at a time.
func TestALoginThatWaitsForAnotherIsFollowed(t *testing.T) {
	open, guesses := make(chan struct{}), atomic.Int32{}
	h := housetest.New(t, housetest.Settings{Actor: func(cfg *actors.Config) {
		cfg.LoginFailures = 1
		cfg.NewHasher = func(here actors.Argon2id) actors.Hasher { return blockingHasher{here, open} }
		cfg.FaultAfter = func(kind actors.Kind, msg any) {
			if kind == actors.KindPasswords && fmt.Sprintf("%T", msg) == "*actors.hashWork" && guesses.Add(1) == 3 { // one registers
				close(open)
			}
		}
	}})
	h.Dial().Yes(`{"call":"register","usernm":"alice","passwd":"pw"}`)
	told := follow(t, h, telemetry.Filter{Call: "login", Share: 1})
	first, second := h.Dial(), h.Dial()
	for _, line := range []*housetest.Line{first, second} {
		line.Write(`{"call":"login","usernm":"alice","passwd":"pw"}`)
	}
	first.Next()
	second.Next()
	until(t, "both", func() bool { return len(told.requests()) == 2 })
	for _, hops := range told.requests() {
		plausible(t, hops)
		if before := hop(t, hops, "passwords"); hop(t, hops, "hash").Parent != before.Span || hop(t, hops, "writer").Code != "" {
			t.Errorf("the way was\n%s", way(hops))
		}
	}
}
