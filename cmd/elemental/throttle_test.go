package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tests ask too much, most of them by guesses of passwords, from several addresses
// of this machine.

// burst sends the same request on many connections before it reads any answer,
// and counts the answers by their reason.
func (p *provider) burst(from string, n int, call string, pairs ...any) map[string]int {
	p.t.Helper()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = p.dialFrom(from)
	}
	return answersOf(clients, call, pairs...)
}

func answersOf(clients []*client, call string, pairs ...any) map[string]int {
	for _, c := range clients {
		c.send(request(call, pairs...))
	}
	reasons := map[string]int{}
	for _, c := range clients {
		reason, _ := c.hear()["reason"].(string)
		reasons[reason]++
	}
	return reasons
}

// TestABurstOfGuesses makes many guesses at once: no more of them are compared
// than would be one after the other.
func TestABurstOfGuesses(t *testing.T) {
	p := startProvider(t, "--loginfailures", "7", "--loginpause", "1h")
	p.join("alice")
	got := p.burst("127.0.0.1", 60, "login", "usernm", "alice", "passwd", "a guess")
	if got["password is incorrect"] != 7 || got["too many login attempts"] != 53 {
		t.Errorf("60 guesses at once, 7 due: %v", got)
	}
	p.dial().refused("too many login attempts", "login", "usernm", "alice", "passwd", passwordOf("alice"))
	p.dialFrom("127.0.0.2").must("login", "usernm", "alice", "passwd", passwordOf("alice"))
	p.join("bob")
}

// TestABurstOfRightLogins is a crowd with the right password: all get in, also
// those that had to wait for others' outcome.
func TestABurstOfRightLogins(t *testing.T) {
	p := startProvider(t, "--loginfailures", "1", "--loginpause", "1h", "--loginfailuresaddress", "2")
	p.join("alice")
	if got := p.burst("", 60, "login", "usernm", "alice", "passwd", passwordOf("alice")); got[""] != 60 {
		t.Errorf("60 right logins at once: %v", got)
	}
}

// TestSprayingFromOneAddress guesses at many names, of whom some do not exist,
// from one address; the guesser's own account does not help.
func TestSprayingFromOneAddress(t *testing.T) {
	p := startProvider(t, "--loginfailuresaddress", "6", "--loginpause", "1h")
	for i := range 4 {
		p.join(fmt.Sprint("user", i))
	}
	mallory := p.dialFrom("127.0.0.9")
	for i := range 6 {
		answer := mallory.call("login", "usernm", fmt.Sprint("user", i), "passwd", "123456")
		if answer["resp"] != false || answer["reason"] == "too many login attempts" {
			t.Errorf("guess %d: %v", i, answer)
		}
	}
	mallory.refused("too many login attempts", "login", "usernm", "user3", "passwd", passwordOf("user3"))
	mallory.refused("too many login attempts", "login", "usernm", "user9", "passwd", "123456")
	p.dialFrom("127.0.0.8").must("login", "usernm", "user3", "passwd", passwordOf("user3"))
}

// TestServerPasswordsAreGuessedSlowly joins, and deletes, with wrong passwords,
// as several users, one after the other and at once.
func TestServerPasswordsAreGuessedSlowly(t *testing.T) {
	p := startProvider(t, "--loginfailures", "5", "--loginpause", "1h")
	alice := p.join("alice")
	alice.makeServer("gophers")
	alice.makeServer("others")
	alice.must("createserver", "servername", "open", "serverpasswd", "")
	crowd := make([]*client, 20)
	for i := range crowd {
		crowd[i] = p.join(fmt.Sprint("user", i))
	}
	got := answersOf(crowd, "joinserver", "servername", "gophers", "serverpasswd", "a guess")
	if got["incorrect server password"] != 5 || got["too many login attempts"] != 15 {
		t.Errorf("20 guesses at once, 5 due: %v", got)
	}
	crowd[0].refused("too many login attempts", "joinserver", "servername", "gophers", "serverpasswd", passwordOf("gophers"))
	alice.refused("too many login attempts", "deleteserver", "servername", "gophers", "serverpasswd", passwordOf("gophers"))
	crowd[0].joinServer("others")
	got = answersOf(crowd, "joinserver", "servername", "open", "serverpasswd", "a guess")
	if got["incorrect server password"] != 20 { // no secret, no throttle
		t.Errorf("20 passwords for a server that has none: %v", got)
	}
	crowd[0].must("joinserver", "servername", "open", "serverpasswd", "")
	p.join("alice").must("getserverchannels", "servername", "gophers")

	for range 5 {
		alice.refused("incorrect server password", "deleteserver", "servername", "others", "serverpasswd", "a guess")
	}
	alice.refused("too many login attempts", "deleteserver", "servername", "others", "serverpasswd", passwordOf("others"))
}

// TestChangePasswordIsGuessedSlowly has a session of somebody else's: that is
// not yet the password.
func TestChangePasswordIsGuessedSlowly(t *testing.T) {
	p := startProvider(t, "--loginfailures", "3", "--loginpause", "1h")
	p.join("alice")
	crowd := make([]*client, 12)
	for i := range crowd {
		crowd[i] = p.join("alice")
	}
	got := answersOf(crowd, "changepasswd", "passwd", "a guess", "newpasswd", "mine")
	if got["password is incorrect"] != 3 || got["too many login attempts"] != 9 {
		t.Errorf("12 guesses at once, 3 due: %v", got)
	}
	crowd[0].refused("too many login attempts", "changepasswd", "passwd", passwordOf("alice"), "newpasswd", "mine")
	p.dialFrom("127.0.0.2").must("login", "usernm", "alice", "passwd", passwordOf("alice"))
}

// TestHiddenUsers sends the same to a user that exists and to one that does
// not, throttle and all: the answers are the same bytes.
func TestHiddenUsers(t *testing.T) {
	p := startProvider(t, "--hideusers", "--loginfailures", "3", "--loginpause", "1h")
	p.join("alice").makeServer("gophers")
	key := strings.Repeat("k", 25)
	transcript := func(name string) string {
		c, heard := p.dial(), ""
		for _, values := range [][]any{
			{"passwd", "a guess"}, {"key", key}, {"passwd", ""}, {"key", ""}, {"passwd", strings.Repeat("p", 10_000)},
			{"passwd", "a guess"}, {"passwd", "another"}, {"key", key}, {"passwd", "a guess", "key", key},
			{"passwd", 7}, {"key", nil},
		} {
			c.send(request("login", append([]any{"usernm", name, "id", 1}, values...)...))
			raw, _ := c.next()
			heard += string(raw) + "\n"
		}
		return heard
	}
	known := transcript("alice")
	for _, name := range []string{"nobody", "Alice", "ALICE", "gophers", "álice"} {
		if got := transcript(name); got != known {
			t.Errorf("%s:\n%salice:\n%s", name, got, known)
		}
	}
	for _, reason := range []string{"password is incorrect", "key is incorrect", "too many login attempts"} {
		if !strings.Contains(known, reason) {
			t.Errorf("no %q in\n%s", reason, known)
		}
	}
	if strings.Contains(known, "exist") || strings.Contains(known, `"resp":true`) {
		t.Errorf("told: %s", known)
	}
	// A name that nobody can have is answered likewise. Register always tells.
	p.dial().refused("password is incorrect", "login", "usernm", "no\u200bname", "passwd", "x")
	p.dial().refused("key is incorrect", "login", "usernm", "no\u200bname", "key", key)
	p.dial().refused("user already exists", "register", "usernm", "alice", "passwd", "x")
}

// TestConnectionsPerAddress fills one address; others are served, IPv4 and IPv6.
func TestConnectionsPerAddress(t *testing.T) {
	p := startProvider(t, "--host", "", "--maxconnectionsaddress", "3")
	_, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for server, addresses := range map[string][]string{"127.0.0.1": {"127.0.0.1", "127.0.0.2", "127.9.9.9"}, "::1": {"::1"}} {
		for _, from := range addresses {
			t.Run(from, func(t *testing.T) {
				there := *p.Provider
				process := *there.Process
				process.Addr = net.JoinHostPort(server, port)
				there.Process = &process
				checkFull(t, &provider{&there, t}, from)
			})
		}
	}
}

// checkFull opens as many connections as an address may have, is refused one
// more, and gets one again when it has closed one.
func checkFull(t *testing.T, p *provider, from string) {
	var open []*client
	for range 3 {
		c := p.dialFrom(from)
		c.must("getprovidername")
		open = append(open, c)
	}
	over := p.dialFrom(from)
	if answer := over.hear(); answer["code"] != "too_many_connections" {
		t.Errorf("the fourth: %v", answer)
	}
	over.hungUp()
	open[0].close()
	for {
		c := p.dialFrom(from)
		c.send(request("getprovidername"))
		var answer object
		if raw, ok := c.next(); ok && json.Unmarshal(raw, &answer) == nil && answer["resp"] == true {
			return // the place is given back just after the end
		}
		c.close()
	}
}

// TestBusy fills the one place for work in flight with a request whose password is not
// hashed: others hear "busy, try again", nothing is done for them, and later all goes on.
func TestBusy(t *testing.T) {
	p := startProvider(t, "--maxinflight", "1", "--hashworkers", "1")
	p.dial().must("register", "usernm", "first", "passwd", "x") // starts the process that hashes
	goOn := p.haltHashers(t)
	slow, other := p.dial(), p.dial()
	register := request("register", "usernm", "alice", "passwd", "x")
	slow.send(register)
	for busy := false; !busy; {
		answer := other.call("getprovidername")
		busy = answer["reason"] == "busy, try again"
		select {
		case raw := <-slow.heard:
			if !strings.Contains(string(raw), "busy") {
				t.Fatalf("the slow request was over before anybody was refused: %s", raw)
			}
			busy = false
			slow.send(register) // the other had the one place when it came
		default:
		}
	}
	goOn()
	if answer := slow.hear(); answer["resp"] != true {
		t.Errorf("the request that was there first: %v", answer)
	}
	for other.call("getprovidername")["resp"] != true {
		continue // the place is given back just after the answer
	}
}

// TestTimeOfAKnownAndAnUnknownUser measures wrong logins of both kinds, in
// turns, and prints what it saw. That both cost the same work is asserted
// where the work is done; a stopwatch would depend on the machine.
func TestTimeOfAKnownAndAnUnknownUser(t *testing.T) {
	if os.Getenv("ELEMENTAL_LONG") == "" {
		t.Skip("a measurement: ELEMENTAL_LONG=1")
	}
	p := startProvider(t, "--hideusers", "--hashmemory", "19456", "--hashtime", "2", "--loginfailures", "1000000", "--loginfailuresaddress", "0")
	p.join("alice")
	c := p.dial()
	took := map[string][]time.Duration{}
	for i := range 400 {
		for kind, name := range map[string]string{"known": "alice", "unknown": fmt.Sprint("nobody", i)} {
			start := time.Now()
			c.refused("password is incorrect", "login", "usernm", name, "passwd", "a guess")
			took[kind] = append(took[kind], time.Since(start))
		}
	}
	for kind, times := range took {
		slices.Sort(times)
		n := len(times)
		t.Logf("%-7s user, %d wrong logins: median %v, quartiles %v and %v", kind, n, times[n/2], times[n/4], times[3*n/4])
	}
}
