package actors

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func testThrottle(change func(*Config)) *throttle {
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	return newThrottle(&cfg)
}

func TestTheTableOfWrongPasswordsIsBounded(t *testing.T) {
	th := testThrottle(nil)
	now := time.Unix(1_000_000, 0)
	for i := range maxTallies + 1000 {
		who := attempt{KindUser, "alice", fmt.Sprint(i)}
		if v := th.begin(who, now); v != guessNow {
			t.Fatal(v)
		}
		th.settle(who, guessedWrong, now)
	}
	if n := len(th.tallies); n > maxTallies {
		t.Errorf("%d are remembered", n)
	}
	later := now.Add(time.Hour)
	who := attempt{KindUser, "alice", "b"}
	th.begin(who, later)
	th.settle(who, guessedRight, later)
	before := len(th.tallies)
	for i := range maxTallies {
		th.begin(attempt{KindUser, fmt.Sprint(i), "c"}, later)
	}
	if n := len(th.tallies) - before; n > th.perAddress+1 {
		t.Errorf("%d guesses that were refused are remembered", n)
	}
	for i := range maxTallies / 4 {
		who := attempt{KindUser, "bob", fmt.Sprint(i)}
		th.begin(who, later)
		th.settle(who, guessedWrong, later)
	}
	for i := range maxTallies / 4 {
		if f := th.tallies[attempt{KindUser, "bob", fmt.Sprint(i)}]; f == nil || f.wrong != 1 {
			t.Fatal("one that counts is forgotten before those that do not any more")
		}
	}
}

// TestThrottleAgainstAModel makes guesses in any order, at any pace, with any
// number under way, and counts beside it how many were wrong.
func TestThrottleAgainstAModel(t *testing.T) {
	const seed, limit, addressLimit = 7, 3, 8
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		th := testThrottle(func(c *Config) { c.LoginFailures, c.LoginFailuresAddress = limit, addressLimit })
		th.stale = time.Hour // every guess here is settled
		now := time.Unix(1_000_000, 0)
		var flying []attempt
		wrong := map[attempt][]time.Time{} // since the last right one
		for range 200 {
			now = now.Add(time.Duration(rng.IntN(4)) * time.Second)
			who := attempt{KindUser, string('a' + rune(rng.IntN(4))), string('1' + rune(rng.IntN(2)))}
			if len(flying) > 0 && rng.IntN(2) == 0 {
				who, flying = flying[0], flying[1:]
				how := outcome(rng.IntN(3))
				th.settle(who, how, now)
				switch how {
				case guessedRight:
					wrong[who] = nil
				case guessedWrong:
					wrong[who] = append(wrong[who], now)
					wrong[who.ofAddress()] = append(wrong[who.ofAddress()], now)
				}
			} else if th.begin(who, now) == guessNow {
				flying = append(flying, who)
			}
			for who, at := range wrong { // no more than the limit within a pause, ever
				most := limit
				if who == who.ofAddress() {
					most = 2 * addressLimit // a window's end and the next one's begin
				}
				if n := len(at); n > most && at[n-1].Sub(at[n-1-most]) < th.pause {
					t.Fatalf("%v: wrong %d times in %v (seed %d)", who, most+1, at[n-1].Sub(at[n-1-most]), seed)
				}
			}
		}
	}
}

func TestThrottle(t *testing.T) {
	th := testThrottle(func(c *Config) { c.LoginFailures, c.LoginFailuresAddress = 3, 5 })
	now := time.Unix(1_000_000, 0)
	alice, bob := attempt{KindUser, "alice", "1"}, attempt{KindUser, "bob", "1"}
	want := func(who attempt, want verdict) {
		t.Helper()
		if got := th.begin(who, now); got != want {
			t.Fatalf("%v: %v, want %v", who, got, want)
		}
	}
	guess := func(who attempt, how outcome) {
		t.Helper()
		want(who, guessNow)
		th.settle(who, how, now)
	}

	for range 3 { // a burst: the fourth waits for the first three
		want(alice, guessNow)
	}
	want(alice, guessLater)
	th.settle(alice, guessedNothing, now)
	want(alice, guessNow)
	for range 3 {
		th.settle(alice, guessedWrong, now)
	}
	want(alice, guessNever)
	want(attempt{KindUser, "alice", "2"}, guessNow)   // from elsewhere
	want(attempt{KindServer, "alice", "2"}, guessNow) // a server of that name
	guess(bob, guessedRight)
	guess(bob, guessedWrong)
	guess(bob, guessedWrong)
	want(attempt{KindUser, "carol", "1"}, guessNever) // five wrong ones from there
	want(bob, guessNever)

	now = now.Add(th.pause)
	guess(alice, guessedWrong)
	guess(alice, guessedRight) // forgives
	guess(alice, guessedWrong)
	guess(alice, guessedWrong)
	want(alice, guessNow)
	now = now.Add(th.stale + time.Second) // whoever had it has crashed
	want(alice, guessNow)
	want(alice, guessLater)
	off := testThrottle(func(c *Config) { c.LoginFailures, c.LoginFailuresAddress = 10, 0 })
	for i := range 1000 {
		who := attempt{KindUser, fmt.Sprint(i), "1"}
		off.begin(who, now)
		off.settle(who, guessedWrong, now)
	}
	if v := off.begin(bob, now); v != guessNow {
		t.Errorf("without a limit: %v", v)
	}
}
