package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSubscriptionsAgainstAPlainSet: a subscriber finds what a look through all would find.
func TestSubscriptionsAgainstAPlainSet(t *testing.T) {
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 0))
	s, all := &subscriber{}, map[topic]*subscription{}
	check := func(what string, got []*subscription, wanted func(topic) bool) {
		t.Helper()
		want := map[*subscription]bool{}
		for at, sub := range all {
			if wanted(at) {
				want[sub] = true
			}
		}
		for _, sub := range got {
			if !want[sub] {
				t.Fatalf("%s: %v is not among them, or twice", what, sub.topic)
			}
			delete(want, sub)
		}
		if len(want) > 0 {
			t.Fatalf("%s: %d are missing", what, len(want))
		}
	}
	for range 20_000 {
		at := topic{fmt.Sprint(rng.IntN(3)), 1 + rng.Uint64N(2), fmt.Sprint(rng.IntN(3)), 1 + rng.Uint64N(3)}
		sub := s.find(at)
		if sub != all[at] {
			t.Fatalf("%v: found %v, want %v", at, sub, all[at])
		}
		if sub == nil {
			all[at] = s.add(at, 0)
		} else {
			s.remove(sub)
			delete(all, at)
		}
		check("named", slices.Collect(s.named(at.server, at.channel)), func(other topic) bool {
			return other.server == at.server && other.channel == at.channel
		})
		check("in", slices.Collect(s.in(at.server)), func(other topic) bool { return other.server == at.server })
		if s.count != len(all) {
			t.Fatalf("%d are counted, want %d", s.count, len(all))
		}
	}
	check("all", slices.Collect(s.all()), func(topic) bool { return true })
	for sub := range s.all() { // also while it goes through them
		s.remove(sub)
	}
	if s.count != 0 || len(s.topics) != 0 {
		t.Errorf("%d are left, %v", s.count, s.topics)
	}
}

// TestAnEndLooksAtNoOtherSubscription: a client may have many, and the router serves everybody. The
// others are made such that a look at them never ends.
func TestAnEndLooksAtNoOtherSubscription(t *testing.T) {
	const last = 2 // is subscribed to a channel of s, and to s
	_, r := crowdOnStage(t, last+1)
	s := r.sessions[last]
	endless := func(other topic) {
		sub := s.add(other, 0)
		sub.older = sub
	}
	endless(topic{"other", 1, "c2", 2})
	endless(topic{"other", 1, "", 0})
	r.onRevoke(nil, &revoke{Seq: 1, Topic: topic{server: "s", serverIncarnation: 1}, User: "user2", Reason: MembershipEnded})
	if s.count != 2 {
		t.Errorf("%d are left", s.count)
	}
	endless(topic{"s", 1, "c1", 3})
	r.onAttach(nil, &attach{last, "user2", topic{"s", 1, "c2", 4}, 0, 0})
	r.onDetach(nil, &detach{Caller: Caller{Session: last}, Server: "s", Channel: "c2"})
	if s.count != 3 {
		t.Errorf("%d are left", s.count)
	}
}

// TestFewLateEndsAreRemembered: a client may unsubscribe any number of times while one subscription
// of its is late.
func TestFewLateEndsAreRemembered(t *testing.T) {
	s := &subscriber{}
	for ref := range uint64(2 * maxOrphans) {
		s.noteLate(&detach{Caller: Caller{Ref: ref}, Server: "s", Late: true})
	}
	if n := len(s.late); n != maxOrphans || s.late[n-1].Ref != 2*maxOrphans-1 {
		t.Errorf("%d are remembered, the last is %d", n, s.late[n-1].Ref)
	}
}
