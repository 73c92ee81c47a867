package powercuttest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// clerk logs in and out, changes the password and registers guests.
func (l *powerLife) clerk(rng *rand.Rand) {
	for ok := true; ok; {
		p := l.dial()
		if p == nil {
			return
		}
		switch rng.IntN(5) {
		case 0:
			ok = l.enroll(p)
		case 1:
			ok = l.leaveByKey(p)
		case 2:
			ok = l.newPassword(p)
		default:
			ok = l.enter(p)
		}
		_ = p.conn.Close()
	}
}

// enter logs in and keeps the key.
func (l *powerLife) enter(p *powerLine) bool {
	password := ""
	if !l.book.note(func() { password = l.book.account.is }) {
		return false
	}
	f, ok := p.must(`{"call":"login","usernm":"clerk","passwd":%q}`, password)
	return ok && l.book.note(func() { l.book.keep(f.Key) })
}

// keep notes a key that was answered. Only some are kept, to be quick.
func (b *powerBook) keep(key string) {
	for old := range b.keys {
		if len(b.keys) < 12 {
			break
		}
		delete(b.keys, old)
	}
	b.keys[key] = keyLives
}

// leaveByKey comes by a key that lives, and ends it.
func (l *powerLife) leaveByKey(p *powerLine) bool {
	key := ""
	if !l.book.note(func() {
		for k, state := range l.book.keys {
			if state == keyLives {
				key = k
			}
		}
	}) || key == "" {
		return key == ""
	}
	if _, ok := p.must(`{"call":"login","usernm":"clerk","key":%q}`, key); !ok {
		return false
	}
	if !l.book.note(func() { l.book.keys[key] = keyUnsure }) {
		return false
	}
	_, ok := p.must(`{"call":"logout"}`)
	return ok && l.book.note(func() { l.book.keys[key] = keyEnded })
}

// newPassword changes the password, which ends all keys but one.
func (l *powerLife) newPassword(p *powerLine) bool {
	if !l.enter(p) {
		return false
	}
	a := &l.book.account
	if !l.book.note(func() {
		l.book.serial++
		a.change(fmt.Sprintf("pw%d", l.book.serial))
	}) {
		return false
	}
	f, ok := p.must(`{"call":"changepasswd","passwd":%q,"newpasswd":%q}`, a.is, a.next)
	return ok && l.book.note(func() {
		l.book.passwordChanged()
		l.book.keep(f.Key)
	})
}

// passwordChanged notes that the change under way is done.
func (b *powerBook) passwordChanged() {
	b.former = b.account.is
	b.account.settle(b.account.next)
	for key := range b.keys {
		b.keys[key] = keyEnded
	}
}

// enroll registers a guest.
func (l *powerLife) enroll(p *powerLine) bool {
	name := ""
	if !l.book.note(func() {
		l.book.serial++
		name = fmt.Sprintf("guest%d", l.book.serial)
		l.book.guests[name] = false
	}) {
		return false
	}
	_, ok := p.must(`{"call":"register","usernm":%q,"passwd":"pw"}`, name)
	return ok && l.book.note(func() { l.book.guests[name] = true })
}

// readAccounts tries passwords and keys; it tells whether the power lasted.
func (l *powerLife) readAccounts() bool {
	p := l.dial()
	return p != nil && l.tryPassword(p) && l.tryKeys(p) && l.tryGuests(p)
}

func (l *powerLife) tryPassword(p *powerLine) bool {
	a := &l.book.account
	enters := func(password string) (bool, bool) {
		f, ok := p.ask(`{"call":"login","usernm":"clerk","passwd":%q}`, password)
		return f.Resp, ok
	}
	if a.changing {
		enters, ok := enters(a.next)
		if !ok || enters && !l.book.note(l.book.passwordChanged) {
			return false
		}
	}
	right, ok := enters(a.is)
	if !ok || !l.book.note(func() {
		if !right {
			l.book.t.Errorf("the password %q is no more", a.is)
		}
		a.settle(a.is)
	}) {
		return false
	}
	wrong, ok := enters(cmp.Or(l.book.former, "never"))
	if ok && wrong {
		l.book.wrong("the former password %q is back", l.book.former)
	}
	return ok
}

func (l *powerLife) tryKeys(p *powerLine) bool {
	for key, state := range l.book.keys {
		f, ok := p.ask(`{"call":"login","usernm":"clerk","key":%q}`, key)
		if !ok || !l.book.note(func() {
			if f.Resp && state == keyEnded || !f.Resp && state == keyLives {
				l.book.t.Errorf("a key of state %d was answered %v %s", state, f.Resp, f.Reason)
			}
			if l.book.keys[key] = keyLives; !f.Resp {
				l.book.keys[key] = keyEnded
			}
		}) {
			return false
		}
	}
	return true
}

func (l *powerLife) tryGuests(p *powerLine) bool {
	for name, sure := range l.book.guests {
		f, ok := p.ask(`{"call":"login","usernm":%q,"passwd":"pw"}`, name)
		if !ok {
			return false
		}
		if !f.Resp && (sure || f.Reason != "username does not exist") {
			l.book.wrong("%s cannot log in: %s", name, f.Reason)
		}
		if !l.book.note(func() {
			if l.book.guests[name] = true; !f.Resp || len(l.book.guests) > 8 {
				delete(l.book.guests, name)
			}
		}) {
			return false
		}
	}
	return true
}

// readMembership looks at the server's members and the wanderer's own list,
// which follows.
func (l *powerLife) readMembership(owner *powerLine) bool {
	f, ok := owner.must(`{"call":"getservermembers","servername":"s"}`)
	if !ok {
		return false
	}
	names := []string{}
	for _, m := range f.Members {
		names = append(names, m.Usernm)
	}
	is := slices.Contains(names, "wanderer")
	fact := &l.book.member
	settled := !fact.changing
	if !l.book.note(func() {
		if !fact.may(is) || len(names) != len(slices.Compact(slices.Sorted(slices.Values(names)))) {
			l.book.t.Errorf("the members are %v, the wanderer was one: %+v", names, *fact)
		}
		fact.settle(is)
	}) {
		return false
	}
	p := l.login("wanderer")
	for p != nil {
		f, ok := p.must(`{"call":"getjoinedservers"}`)
		if !ok {
			return false
		}
		if slices.Contains(f.Servers, "s") == is {
			return true
		}
		if settled {
			l.book.wrong("the wanderer joined %v, member %v", f.Servers, is)
			return true
		}
	}
	return false
}
