package actors

import "time"

// throttle counts wrong passwords, per account or server and address, and per
// address alone. Guesses under way count like wrong ones until they are
// settled: a burst of them gets no further than one after the other would. The
// passwords actor owns it.
type throttle struct {
	perName    int // wrong passwords before a pause; 0 for no limit
	perAddress int // the same, of one address, whatever the name
	pause      time.Duration
	stale      time.Duration // after which guesses under way are given up for lost
	tallies    map[attempt]*tally
}

// attempt is what is guessed at, and from where: the password of an account
// (KindUser) or of a server (KindServer).
type attempt struct {
	kind          Kind
	name, address string
}

// ofAddress is what all attempts from an address have in common.
func (a attempt) ofAddress() attempt { return attempt{address: a.address} }

type tally struct {
	wrong   int
	until   time.Time // when they are forgotten
	pending int       // guesses under way
	begun   time.Time // the last of them
}

// verdict is what is to be done with a guess.
type verdict uint8

const (
	guessNow   verdict = iota // it is under way from here on, until it is settled
	guessLater                // those under way may turn out to be as many as are let through
	guessNever                // there were too many wrong ones
)

// maxTallies bounds the table. When it is full of live ones, any of them go:
// who is forgotten gets a few more tries.
const maxTallies = 50_000

func newThrottle(cfg *Config) *throttle {
	return &throttle{
		perName: cfg.LoginFailures, perAddress: cfg.LoginFailuresAddress,
		pause: cfg.LoginPause, stale: 2 * cfg.Deadline, tallies: map[attempt]*tally{},
	}
}

// begin judges a guess.
func (t *throttle) begin(who attempt, now time.Time) verdict {
	name, address := t.tally(who, now), t.tally(who.ofAddress(), now)
	if v := max(name.judge(t.perName), address.judge(t.perAddress)); v != guessNow {
		t.forget(who)
		t.forget(who.ofAddress())
		return v
	}
	for _, f := range []*tally{name, address} {
		f.pending++
		f.begun = now
	}
	return guessNow
}

// judge tells whether another guess is let through.
func (f *tally) judge(limit int) verdict {
	switch {
	case limit <= 0 || f.wrong+f.pending < limit:
		return guessNow
	case f.wrong < limit:
		return guessLater
	default:
		return guessNever
	}
}

// outcome is how a guess ended.
type outcome uint8

const (
	guessedNothing outcome = iota // it was not compared
	guessedWrong
	guessedRight
)

// settle notes how a guess that was let through has ended. A right one forgives
// the wrong ones at that name, not those of the address: whoever guesses may
// have an account, too.
func (t *throttle) settle(who attempt, how outcome, now time.Time) {
	name, address := t.tally(who, now), t.tally(who.ofAddress(), now)
	for _, f := range []*tally{name, address} {
		f.pending = max(f.pending-1, 0)
	}
	switch how {
	case guessedRight:
		name.wrong = 0
	case guessedWrong:
		if address.wrong == 0 { // a window of its own: few wrong ones of many users never add up
			address.until = now.Add(t.pause)
		}
		name.until = now.Add(t.pause)
		name.wrong++
		address.wrong++
	}
	t.forget(who)
	t.forget(who.ofAddress())
}

// tally is the count of who, without what is too old to count.
func (t *throttle) tally(who attempt, now time.Time) *tally {
	f := t.tallies[who]
	if f == nil {
		t.makeRoom(now)
		f = &tally{}
		t.tallies[who] = f
	}
	if !now.Before(f.until) {
		f.wrong = 0
	}
	if now.Sub(f.begun) > t.stale {
		f.pending = 0
	}
	return f
}

// forget drops a tally that counts nothing.
func (t *throttle) forget(who attempt) {
	if f := t.tallies[who]; f != nil && f.wrong == 0 && f.pending == 0 {
		delete(t.tallies, who)
	}
}

func (t *throttle) makeRoom(now time.Time) {
	if len(t.tallies) < maxTallies {
		return
	}
	for who, f := range t.tallies {
		if now.After(f.until) && f.pending == 0 {
			delete(t.tallies, who)
		}
	}
	for who, f := range t.tallies {
		if len(t.tallies) <= maxTallies*7/8 { // room for many, so that this is rare
			return
		}
		if f.pending == 0 {
			delete(t.tallies, who)
		}
	}
}
