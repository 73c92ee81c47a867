package actors

import "time"

// throttle counts wrong passwords: those for one account or server from one address,
// and all from one address. Guesses under way count like wrong ones until their
// outcome is known, so a burst of guesses gets no further than the same guesses one
// after the other. It belongs to the passwords actor.
type throttle struct {
	perName    int // wrong passwords before a pause; 0 for no limit
	perAddress int // the same for one address, whatever the name
	pause      time.Duration
	stale      time.Duration // after this time guesses under way count as lost
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
	until   time.Time // when the wrong ones are forgotten
	pending int       // guesses under way
	begun   time.Time // when the last of them began
}

// verdict is what happens to a guess.
type verdict uint8

const (
	guessNow   verdict = iota // it is let through, and under way until it is settled
	guessLater                // it waits: if those under way are wrong, there are too many
	guessNever                // it is refused: there were too many wrong ones
)

// maxTallies limits the table. When it is full, arbitrary tallies are dropped, which gives
// somebody a few more tries.
const maxTallies = 50_000

func newThrottle(cfg *Config) *throttle {
	return &throttle{
		perName: cfg.LoginFailures, perAddress: cfg.LoginFailuresAddress,
		pause: cfg.LoginPause, stale: 2 * cfg.Deadline, tallies: map[attempt]*tally{},
	}
}

// begin decides about a guess.
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

// judge decides about one more guess.
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

// settle notes how a guess that was let through has ended. A right password forgives the wrong
// ones for that name, but not those of the address: whoever guesses at others' passwords may
// have an account too.
func (t *throttle) settle(who attempt, how outcome, now time.Time) {
	name, address := t.tally(who, now), t.tally(who.ofAddress(), now)
	for _, f := range []*tally{name, address} {
		f.pending = max(f.pending-1, 0)
	}
	switch how {
	case guessedRight:
		name.wrong = 0
	case guessedWrong:
		if address.wrong == 0 { // a fixed window, so that rare mistakes of many users never add up
			address.until = now.Add(t.pause)
		}
		name.until = now.Add(t.pause)
		name.wrong++
		address.wrong++
	}
	t.forget(who)
	t.forget(who.ofAddress())
}

// tally returns the tally for who, without what is too old to count.
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
