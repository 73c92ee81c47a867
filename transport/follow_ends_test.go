package transport_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"elemental/actors"
	"elemental/actors/telemetry"
	"elemental/persistence/vfs/vfstest"
	"elemental/transport/housetest"
)

func TestWhoIsChosen(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	alice, bob := h.Founder(), h.Login("alice") // connections 2 and 3
	of := map[string]*followed{
		"the next":       follow(t, h, telemetry.Filter{}),
		"the next ping":  follow(t, h, telemetry.Filter{Call: "ping"}),
		"the next seven": follow(t, h, telemetry.Filter{Count: 7}),
		"the next of 3":  follow(t, h, telemetry.Filter{Conn: 3}),
		"pings of 3":     follow(t, h, telemetry.Filter{Conn: 3, Call: "ping", Share: 1}),
		"all":            follow(t, h, telemetry.Filter{Share: 1}),
		"half":           follow(t, h, telemetry.Filter{Share: 0.5}),
		"none of them":   follow(t, h, telemetry.Filter{Call: "login", Share: 1}),
		"nobody's":       follow(t, h, telemetry.Filter{Conn: 99, Share: 1}),
		"stopped":        follow(t, h, telemetry.Filter{Share: 1}),
		"unknown ones":   follow(t, h, telemetry.Filter{Call: "unknown", Share: 1}),
		"never of a try": follow(t, h, telemetry.Filter{Call: "Secret!", Share: 1}),
		"nor of another": follow(t, h, telemetry.Filter{Call: "password", Share: 1}),
	}
	of["stopped"].stop()
	const rounds = 50
	for range rounds {
		alice.Yes(`{"call":"getprovidername"}`)
		alice.Yes(`{"call":"ping"}`)
		bob.Yes(`{"call":"ping"}`)
	}
	alice.Ask(`{"call":"Secret!"}`)
	alice.Ask(`{"call":"password"}`)
	want := map[string]int{
		"the next": 1, "the next ping": 1, "the next seven": 7, "the next of 3": 1, "pings of 3": rounds, "all": 3*rounds + 2, "unknown ones": 2,
	}
	until(t, "all of them", func() bool { return len(of["all"].requests()) >= want["all"] })
	for name, told := range of {
		n, exact := len(told.requests()), want[name]
		if name == "half" {
			if n == 0 || n >= 3*rounds {
				t.Errorf("half: %d of %d", n, 3*rounds)
			}
		} else if n != exact {
			t.Errorf("%s: %d requests, %d are wanted", name, n, exact)
		}
		for _, hops := range told.requests() {
			plausible(t, hops)
		}
	}
	if first := hop(t, of["the next"].requests()[0], "reader"); first.Call != "getprovidername" || first.Conn != 2 {
		t.Errorf("the next was %s of %d", first.Call, first.Conn)
	}
	if last := hop(t, of["unknown ones"].requests()[0], "writer"); last.Code != string(actors.UnknownCall) {
		t.Errorf("an unknown call ended with %q", last.Code)
	}
}

// TestAFollowedRequestEndsWhateverHappens crashes the actors on its way, one by one.
func TestAFollowedRequestEndsWhateverHappens(t *testing.T) {
	for _, each := range []struct {
		kind actors.Kind
		msg  string
		code actors.Code
	}{
		{actors.KindDirectory, "*actors.post", actors.OutcomeUnknown},
		{actors.KindServer, "*actors.post", actors.OutcomeUnknown},
		{actors.KindChannel, "*actors.post", actors.OutcomeUnknown},
		{actors.KindPersistence, "*persistence.Append", actors.OutcomeUnknown},
		{actors.KindChannel, "*persistence.Committed", actors.OutcomeUnknown},
		{actors.KindRouter, "*actors.publish", ""},
		{actors.KindSession, "*actors.Request", actors.OutcomeUnknown}, // the connection ends
		{actors.KindSession, "*actors.answer", actors.OutcomeUnknown},  // likewise
	} {
		t.Run(fmt.Sprint(each.kind, strings.TrimPrefix(each.msg, "*")), func(t *testing.T) {
			h := housetest.New(t, housetest.Settings{})
			alice := h.Founder()
			alice.Yes(post, "the channel is awake")
			told := follow(t, h, telemetry.Filter{Call: "message"})
			var struck atomic.Bool
			h.Strike(func(kind actors.Kind, msg any) {
				if kind == each.kind && fmt.Sprintf("%T", msg) == each.msg && struck.CompareAndSwap(false, true) {
					panic("injected")
				}
			})
			answer := alice.Ask(post, "hello")
			hops := told.one()
			if end := hop(t, hops, "writer"); end.Code != string(each.code) { // a channel may still recover then
				t.Errorf("it ended with %q", end.Code)
			}
			if cut := each.kind == actors.KindSession; cut != (answer == nil) {
				t.Errorf("the answer was %v", answer)
			}
			if !strings.Contains(way(hops), string(each.kind)+" "+each.msg[strings.LastIndex(each.msg, ".")+1:]) {
				t.Errorf("where it crashed is not in\n%s", way(hops))
			}
		})
	}
}

// TestAFollowedRequestEndsWithItsConnection lets the client go while the disk is busy.
func TestAFollowedRequestEndsWithItsConnection(t *testing.T) {
	busy, held, release := atomic.Bool{}, make(chan struct{}), make(chan struct{})
	disk := &vfstest.Faulty{FS: vfstest.NewMem(), Before: func(op vfstest.Op, _ string) {
		if op == vfstest.OpSync && busy.CompareAndSwap(true, false) {
			held <- struct{}{}
			<-release
		}
	}}
	h := housetest.New(t, housetest.Settings{FS: disk})
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	alice := h.Founder()
	alice.Yes(post, "the channel is awake")
	told := follow(t, h, telemetry.Filter{Call: "message"})
	busy.Store(true)
	alice.Write(fmt.Sprintf(post, "hello"))
	<-held
	if err := alice.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	alice.Close()
	hops := told.one()
	if last := hops[len(hops)-1]; last.Where != "writer" || last.Code != string(actors.OutcomeUnknown) || last.Parent != hops[0].Span {
		t.Errorf("it ended with %+v", last)
	}
}

// TestAllThatCanBeAskedIsFollowed has users do all that can be done, with troubles, and
// looks at each request's hops: none has to be there, but all that are make sense.
func TestAllThatCanBeAskedIsFollowed(t *testing.T) {
	s := newCrashSite(t)
	told := follow(t, s.house, telemetry.Filter{Share: 1})
	c := begin(t, s.house, "a")
	c.run(20)
	s.troubles(c)
	c.check()
	begun := func() (n int) {
		told.mu.Lock()
		defer told.mu.Unlock()
		for _, hop := range told.hops {
			if hop.Where == "reader" {
				n++
			}
		}
		return n
	}
	c.moveTo(nil)
	until(t, "the end of all", func() bool { return len(told.requests()) == begun() })
	longest, calls := "", map[string]int{}
	for _, hops := range told.requests() {
		plausible(t, hops)
		calls[hops[0].Call]++
		if w := way(hops); strings.Count(w, "\n") > strings.Count(longest, "\n") {
			longest = w
		}
	}
	t.Logf("%d requests, of calls %v; the longest way:\n%s", begun(), calls, longest)
	if len(calls) < 20 {
		t.Errorf("only %v", calls)
	}
}

// TestTheReaderForgetsWhenNobodyFollows: a request that came while nobody followed is not
// said to have come when the one before it did.
func TestTheReaderForgetsWhenNobodyFollows(t *testing.T) {
	h := housetest.New(t, housetest.Settings{})
	l, other := h.Founder(), h.Login("alice")
	first := follow(t, h, telemetry.Filter{Call: "ping"})
	l.Yes(`{"call":"ping"}`)
	first.one()
	first.stop()
	l.Write(`{"call":"pi`)
	other.Yes(`{"call":"ping"}`) // the half is read when this is
	begun := time.Now()
	second := follow(t, h, telemetry.Filter{Call: "ping"})
	l.Yes(`ng"}`)
	if hops := second.one(); hops[0].Begun.Before(begun) {
		t.Errorf("the reader began %v before anybody followed", begun.Sub(hops[0].Begun))
	}
}
