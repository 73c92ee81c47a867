package torture

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"elemental/cmd/elemental/providertest"
)

// mob is a crowd of clients that come back by themselves whenever the provider
// does, and stop when they are told to and nothing of theirs is open.
type mob struct {
	t    testing.TB
	addr string
	book *ledger

	members []member
	running sync.WaitGroup
	leaving atomic.Bool
	stalled chan struct{} // has room for one: somebody was not answered in time

	mu        sync.Mutex
	awaited   map[string]bool // who has not come back since the last kill
	complete  chan struct{}   // closed when nobody is awaited
	killedAt  time.Time
	abandoned []string // posts whose outcome nobody asked for
	repeated  int      // posts made again after a kill,
	landed    int      // and those of them that had been done before it
	checked   int      // facts held against the provider after a kill
}

// member is one client of a mob. session is what it does on one connection,
// already logged in, until that ends; it calls back once it is settled.
type member interface {
	identity() *persona
	session(c *talker, back func()) error
	idle() bool // nothing of it is open
}

// persona is who a member is, and the key of its first login.
type persona struct{ user, key string }

func (p *persona) identity() *persona { return p }
func (p *persona) idle() bool         { return true }

// newMob makes the rooms and lets 24 writers, 6 listeners, 2 readers and 4
// churners in.
func newMob(t testing.TB, addr string) *mob {
	m := &mob{t: t, addr: addr, book: newLedger(t), awaited: map[string]bool{}, complete: make(chan struct{}), stalled: make(chan struct{}, 1)}
	m.must(m.makeRooms())
	for i := range 24 {
		name := fmt.Sprintf("writer%02d", i)
		m.members = append(m.members, &writer{
			persona: persona{user: name}, m: m, room: mobRoom(i), window: 1 + 3*(i%2), repeats: i%3 > 0,
		})
	}
	for i := range 6 {
		m.members = append(m.members, &listener{persona{user: fmt.Sprint("listener", i)}, m, mobServer(i)})
	}
	for i := range 2 {
		m.members = append(m.members, &reader{persona{user: fmt.Sprint("reader", i)}, m, i * mobChannels})
	}
	for i := range 4 {
		m.members = append(m.members, newChurner(m, fmt.Sprint("churner", i)))
	}
	m.died()
	for _, one := range m.members {
		m.running.Go(func() { m.live(one) })
	}
	return m
}

func (m *mob) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mob) makeRooms() error {
	c, err := dialTalker(m.addr)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.enter("owner"); err != nil {
		return err
	}
	for i := range mobServers {
		if _, err := c.ask("createserver", "servername", mobServer(i), "serverpasswd", passwordFor(mobServer(i))); err != nil {
			return err
		}
		for k := range mobChannels {
			if _, err := c.ask("createchannel", "servername", mobServer(i), "name", mobRoom(k).channel); err != nil {
				return err
			}
		}
	}
	return nil
}

// live is a member's life: connection after connection.
func (m *mob) live(one member) {
	who := one.identity()
	for !m.leaving.Load() || !one.idle() {
		c, err := dialTalker(m.addr)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // a pace for the attempts
			continue
		}
		if err = m.login(c, who); err == nil {
			err = one.session(c, func() { m.isBack(who.user) })
		}
		if no := (refusal{}); errors.As(err, &no) {
			m.t.Errorf("%s: %v", who.user, err)
			m.refused(no)
			m.isBack(who.user)
			c.close()
			return
		}
		c.close()
	}
}

// unanswered is the code of what was not answered in time.
const unanswered = "outcome_unknown"

// refused has the test find out what the provider hangs in, where that may be why.
func (m *mob) refused(no refusal) {
	if no.code != unanswered {
		return
	}
	select {
	case m.stalled <- struct{}{}:
	default:
	}
}

// login logs in by the key that was acknowledged once, which has to hold over
// every kill, and joins all servers the first time.
func (m *mob) login(c *talker, who *persona) error {
	if who.key != "" {
		_, err := c.ask("login", "usernm", who.user, "key", who.key)
		return err
	}
	if err := c.enter(who.user); err != nil {
		return err
	}
	for i := range mobServers {
		if _, err := c.ask("joinserver", "servername", mobServer(i), "serverpasswd", passwordFor(mobServer(i))); err != nil {
			return err
		}
	}
	answer, err := c.ask("login", "usernm", who.user, "passwd", passwordFor(who.user))
	who.key = answer.Key
	return err
}

// died is called after a kill: everybody has to come back.
func (m *mob) died() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.killedAt = time.Now()
	m.complete = make(chan struct{})
	for _, one := range m.members {
		m.awaited[one.identity().user] = true
	}
}

func (m *mob) isBack(user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if delete(m.awaited, user); len(m.awaited) == 0 && m.complete != nil {
		close(m.complete)
		m.complete = nil
	}
}

// awaitAll waits until everybody is back.
func (m *mob) awaitAll(p *providertest.Provider) {
	m.t.Helper()
	m.mu.Lock()
	complete := m.complete
	m.mu.Unlock()
	if complete == nil {
		return
	}
	select {
	case <-complete:
	case <-p.Exited():
		m.t.Error("the provider ended by itself")
	case <-time.After(patience):
		m.mu.Lock()
		defer m.mu.Unlock()
		m.t.Errorf("not back: %v", m.awaited)
	}
}

// check holds what the provider has against the book, in all rooms at once: one
// after the other, each request would wait behind the whole mob.
func (m *mob) check(p *providertest.Provider, all bool) {
	m.t.Helper()
	var reading errgroup.Group
	for i := range mobServers * mobChannels {
		reading.Go(func() error { return m.checkRoom(mobRoom(i), all) })
	}
	err := reading.Wait()
	if no := (refusal{}); errors.As(err, &no) && no.code == unanswered {
		m.t.Error(err)
		tellAll(p)
	}
	m.must(err)
}

func (m *mob) checkRoom(r room, all bool) error {
	c, err := dialTalker(m.addr)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.enter("owner"); err != nil {
		return err
	}
	return m.book.compare(c, r, all)
}

// disperse lets everybody finish what is open, and leave.
func (m *mob) disperse(p *providertest.Provider) {
	m.t.Helper()
	m.awaitAll(p)
	m.leaving.Store(true)
	p.Kill() // ends the sessions
	p.Start()
	m.running.Wait()
}

// figures are for the log of a test.
func (m *mob) figures() string {
	found := 0
	for _, text := range m.abandoned {
		if m.book.stands(text) {
			found++
		}
	}
	return fmt.Sprintf("%d posts without an answer were repeated after a kill, %d of them had been done; "+
		"%d were not asked for again, %d of them had been done; %d facts about accounts, members and channels checked",
		m.repeated, m.landed, len(m.abandoned), found, m.checked)
}
