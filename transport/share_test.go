package transport

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"elemental/actors"
)

// hangUp ends all connections from the sessions' side, whatever is unanswered.
func (s *station) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.sessions {
		f.out.Close()
	}
}

const post = `{"call":"message","servername":"s","channel":"c","msg":"m"}`

// TestThoseWhoSendAheadTakeTurns lets several clients send all they can without an
// answer: together they have a bounded number under way, and one that asks for one
// thing at a time is not held up.
func TestThoseWhoSendAheadTakeTurns(t *testing.T) {
	const together, greedy, each = 2, 4, 100
	cfg := testConfig()
	cfg.Window, cfg.Together = 64, together
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	clients := make([]*client, greedy)
	for i := range clients {
		clients[i] = dial(t, l)
		s.session(t, i)
		clients[i].send(strings.Repeat(post, each))
	}
	polite := dial(t, l)
	p := s.session(t, greedy)
	answered := make([]int, greedy)
	next := func() (who int) { // of those who have a request under way, the one with the fewest answers
		who = -1
		for i := range greedy {
			if len(s.sessions[i].got) > answered[i] && (who < 0 || answered[i] < answered[who]) {
				who = i
			}
		}
		return who
	}
	for n := range greedy * each {
		polite.send(`{"call":"ping"}`)
		p.out.Answer(p.request(t, n), actors.Done{})
		polite.expect(yes)
		who := -1
		s.until(t, "a request", func() bool { who = next(); return who >= 0 })
		f := s.session(t, who)
		f.out.Answer(f.request(t, answered[who]), actors.Done{})
		clients[who].expect(yes)
		answered[who]++
		s.mu.Lock()
		under := -n - 1
		for i := range greedy {
			under += len(s.sessions[i].got)
		}
		s.mu.Unlock()
		if under > greedy*aheadFrom+together*aheadAlone { // the first few are as anybody's
			t.Fatalf("%d under way", under)
		}
	}
	s.until(t, "no turn to be held", func() bool {
		l.commons.ahead.mu.Lock()
		defer l.commons.ahead.mu.Unlock()
		return l.commons.ahead.under == 0
	})
}

// TestWhoIsAloneMaySendMore: the number depends on whether somebody waits for his
// answers, for a second.
func TestWhoIsAloneMaySendMore(t *testing.T) {
	l := &Listener{cfg: Config{Together: 3}}
	l.now.Store(1)
	s := l.newCommons()
	most := func() (n int) {
		for ; s.ahead.try(1); n++ { //nolint:revive // takes all
		}
		s.ahead.leave(n)
		return n
	}
	if n := most(); n != 3*aheadAlone {
		t.Errorf("%d before anybody has asked", n)
	}
	s.polite.Store(l.now.Load())
	if n := most(); n != 3 {
		t.Errorf("%d beside somebody", n)
	}
	l.now.Add(int64(time.Second) - 1)
	if n := most(); n != 3 {
		t.Errorf("%d a little later", n)
	}
	l.now.Add(1)
	if n := most(); n != 3*aheadAlone {
		t.Errorf("%d a second later", n)
	}
	l.cfg = Config{Processors: 4}
	s = l.newCommons()
	if n := most(); n != 4*aheadEach*aheadAlone {
		t.Errorf("%d with four processors", n)
	}
}

// TestACrowdDelaysItsOwnAddress has a crowd ask for large answers. Somebody at another address, who asks
// last, waits for one of the crowd.
func TestACrowdDelaysItsOwnAddress(t *testing.T) {
	const crowd = heavyAtOnce + 10
	s, l := startStation(t, testConfig(), nil)
	t.Cleanup(s.hangUp)
	ask := func(from string, n int) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s.session(t, n)
		newClient(t, conn).send(`{"call":"getjoinedservers"}`)
	}
	wait := func(from string, n int) { waitInLine(t, &l.commons.heavy, from, n) }
	for i := range crowd {
		ask("127.0.0.1", i)
	}
	wait("127.0.0.1", crowd-heavyAtOnce)
	ask("127.0.0.2", crowd)
	wait("127.0.0.2", 1)
	answered := 0
	for _, f := range s.sessions[:crowd] {
		s.mu.Lock()
		asked := len(f.got) > 0
		s.mu.Unlock()
		if asked && answered < 2 {
			f.out.Answer(f.request(t, 0), actors.Servers{})
			answered++
		}
	}
	s.session(t, crowd).request(t, 0)
}

// waitInLine waits until n connections from an address wait for their turn.
func waitInLine(t *testing.T, turns *turnstile, from string, n int) {
	t.Helper()
	for deadline := time.Now().Add(patienceOfTests); ; time.Sleep(time.Millisecond) { // a pace for looking
		turns.mu.Lock()
		now := len(turns.lines[netip.MustParseAddr(from)])
		turns.mu.Unlock()
		if now == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %s wait, not %d", now, from, n)
		}
	}
}

// TestLargeRequestsAndAnswersTakeTurns: large answers that are made, and large images that are stored,
// while others wait for the disk behind them.
func TestLargeRequestsAndAnswersTakeTurns(t *testing.T) {
	takeTurns(t, heavyAtOnce, func(s *commons) *turnstile { return &s.heavy }, `{"call":"getjoinedservers"}`)
	takeTurns(t, imagesAtOnce, func(s *commons) *turnstile { return &s.images }, largeImage)
}

var largeImage = `{"call":"setserverimage","servername":"s","img":"` + strings.Repeat("QUJD", windowBytes/4+1) + `"}`

// takeTurns makes a request on more connections than may have one at a time. The others wait, also
// behind one whose client has gone, and then all are answered.
func takeTurns(t *testing.T, atOnce int, line func(*commons) *turnstile, request string) {
	cfg := testConfig()
	cfg.LoginRequestBytes = cfg.RequestBytes
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	clients := make([]*client, atOnce+3)
	for i := range clients {
		clients[i] = dial(t, l)
		s.session(t, i)
		clients[i].send(request)
	}
	waitInLine(t, line(l.commons), "127.0.0.1", len(clients)-atOnce)
	if err := clients[0].conn.Close(); err != nil { // it may have had its turn, or not yet
		t.Fatal(err)
	}
	answered := map[int]bool{0: true}
	for range len(clients) - 1 {
		next := -1
		s.until(t, "another's turn", func() bool {
			for i, f := range s.sessions {
				if !answered[i] && len(f.got) > 0 {
					next = i
				}
			}
			return next >= 0
		})
		answered[next] = true
		s.sessions[next].out.Answer(s.sessions[next].request(t, 0), actors.Servers{Names: []string{fmt.Sprint(next)}})
		clients[next].expect(fmt.Sprintf(`{"resp":true,"servers":["%d"]}`, next))
	}
}

// TestNobodyHoldsTheTurnsOfOthers: a client has a share of what may be sent ahead,
// however slowly his requests are answered, and none for what is no post. Another
// who sends ahead goes on.
func TestNobodyHoldsTheTurnsOfOthers(t *testing.T) {
	const together = 8
	cfg := testConfig()
	cfg.Window, cfg.Together = 64, together
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	for i, request := range []string{post, `{"call":"register","usernm":"u","passwd":"p"}`} {
		dial(t, l).send(strings.Repeat(request, 100))
		s.session(t, i).request(t, aheadFrom-1) // nobody answers
	}
	other := dial(t, l)
	f := s.session(t, 2)
	other.send(strings.Repeat(post, 100))
	for n := range 100 {
		f.out.Answer(f.request(t, n), actors.Done{})
		other.expect(yes)
	}
}

// TestAnEndedConnectionGivesItsTurnsBackOnce, also when its requests are answered later.
func TestAnEndedConnectionGivesItsTurnsBackOnce(t *testing.T) {
	cfg := testConfig()
	cfg.Together = 2
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	gone := dial(t, l)
	gone.send(strings.Repeat(post, 50))
	f := s.session(t, 0)
	for n := range aheadFrom {
		f.out.Answer(f.request(t, n), actors.Done{})
	}
	f.request(t, aheadFrom) // it has a turn
	c := f.out.(*conn)
	c.kill() // so that it makes no further request
	c.giveBack()
	s.mu.Lock()
	late := f.got[aheadFrom:]
	s.mu.Unlock()
	for _, r := range late {
		f.out.Answer(r, actors.Done{})
	}
	l.commons.ahead.mu.Lock()
	defer l.commons.ahead.mu.Unlock()
	if under := l.commons.ahead.under; under != 0 {
		t.Errorf("%d turns are held", under)
	}
}

// TestLargeAnswersWaitForWhoDoesNotRead: nobody gets one while too much is unread, and everybody when
// that is over, though no answer is under way whose end would tell of it.
func TestLargeAnswersWaitForWhoDoesNotRead(t *testing.T) {
	cfg := testConfig()
	cfg.UnreadBytes = 1 << 20
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	deaf := dial(t, l)
	deaf.send(`{"call":"ping"}`)
	f := s.session(t, 0)
	f.out.Answer(f.request(t, 0), actors.Servers{Names: []string{strings.Repeat("x", 16<<20)}})
	other := dial(t, l) // now, since sessions begin in any order
	other.send(`{"call":"getjoinedservers"}`)
	f = s.session(t, 1)
	for asked := false; !asked && !l.commons.heavy.wanted(); time.Sleep(time.Millisecond) { // a pace for looking
		s.mu.Lock()
		asked = len(f.got) > 0
		s.mu.Unlock()
		if asked && l.commons.unread.Load() > 1<<20 { // otherwise whoever does not read was cut off by now
			t.Fatal("a large answer is made meanwhile")
		}
	}
	if err := deaf.conn.Close(); err != nil {
		t.Fatal(err)
	}
	f.out.Answer(f.request(t, 0), actors.Servers{})
	other.expect(`{"resp":true,"servers":[]}`)
}

// TestLargeImagesWaitForNobodyToRead: while too much is unread they go on. Otherwise a few of them would have
// all turns of large requests, and large posts wait for who does not read too.
func TestLargeImagesWaitForNobodyToRead(t *testing.T) {
	cfg := testConfig()
	cfg.LoginRequestBytes = cfg.RequestBytes
	s, l := startStation(t, cfg, nil)
	t.Cleanup(s.hangUp)
	l.commons.unread.Add(int64(cfg.UnreadBytes) + 1) // nobody will read it
	c := dial(t, l)
	c.send(largeImage)
	f := s.session(t, 0)
	f.out.Answer(f.request(t, 0), actors.Done{})
	c.expect(yes)
}

// TestTurnsAreInOrder lets many wait: they pass in the order in which they came.
func TestTurnsAreInOrder(t *testing.T) { synctest.Test(t, turnsInOrder) }

func turnsInOrder(t *testing.T) {
	s := &turnstile{open: func(under int) bool { return under < 2 }}
	here := netip.MustParseAddr("192.0.2.1")
	s.enter(1, here)
	s.enter(1, here)
	passed := make(chan int, 10)
	for i := range 10 {
		go func() {
			s.enter(1, here)
			passed <- i
		}()
		synctest.Wait()
	}
	if s.try(1) {
		t.Error("somebody passed before those who wait")
	}
	for i := range 10 {
		s.leave(1)
		synctest.Wait()
		if got := <-passed; got != i {
			t.Errorf("%d passed, %d was before", got, i)
		}
		if s.under != 2 {
			t.Errorf("%d have their turn", s.under)
		}
	}
	s.look(true)
	for range 5 {
		s.enter(1, here) // nobody waits at the end
	}
}

// TestAddressesTakeTurns lets a crowd wait, and later others at two addresses. Each of them waits
// for one of the crowd, and for the others' one.
func TestAddressesTakeTurns(t *testing.T) { synctest.Test(t, addressesTakeTurns) }

func addressesTakeTurns(t *testing.T) {
	s := &turnstile{open: func(under int) bool { return under < 1 }}
	s.enter(1, netip.Addr{})
	passed := make(chan string, 10)
	for _, who := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "2001:db8::", "192.0.2.2", "192.0.2.2"} {
		go func() {
			s.enter(1, netip.MustParseAddr(who))
			passed <- who
		}()
		synctest.Wait()
	}
	for _, who := range []string{"192.0.2.1", "2001:db8::", "192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1"} {
		s.leave(1)
		if got := <-passed; got != who {
			t.Errorf("it is the turn of %s, want %s", got, who)
		}
	}
	if s.wanted() {
		t.Error("somebody waits")
	}
}
