package client_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"elemental/client"
	"elemental/cmd/elemental/providertest"
)

// states collects what Options.Status is called with.
type states chan client.Status

func (s states) hear(status client.Status) { s <- status }

// until waits for the next status of that state and returns it.
func (s states) until(t *testing.T, state client.State) client.Status {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case status := <-s:
			if status.State == state {
				return status
			}
		case <-deadline:
			t.Fatalf("never %v", state)
		}
	}
}

// TestStatus follows the status of a client through a lost connection and the next one.
func TestStatus(t *testing.T) {
	p := providertest.Start(t, program)
	heard, o := make(states, 1000), quick()
	o.Status = heard.hear
	c := login(t, p.Addr, "alice", o)
	if status := heard.until(t, client.Online); status.Err != nil || status.Original {
		t.Errorf("online with %+v", status)
	}
	p.Stop()
	if status := heard.until(t, client.Offline); status.Err == nil || status.Pause <= 0 {
		t.Errorf("offline with %+v", status)
	}
	p.Start()
	heard.until(t, client.Online)
	if servers, err := c.Servers(within(t)); err != nil || len(servers) != 0 || c.User() != "alice" {
		t.Errorf("logged in again: %v, %v", servers, err)
	}
	c.Reconnect()
	heard.until(t, client.Connecting)
	heard.until(t, client.Online)
	c.Close()
	heard.until(t, client.Closed)
}

// TestUserIsWrittenAsInMessages: two ways of writing a name are one user.
func TestUserIsWrittenAsInMessages(t *testing.T) {
	p := providertest.Start(t, program)
	const decomposed, composed = "e\u0301mile", "\u00e9mile"
	c := member(t, p.Addr, decomposed, "s", quick())
	if c.User() != composed {
		t.Errorf("logged in as %+q", c.User())
	}
	other := connect(t, p.Addr, quick())
	must(t, other.LoginByKey(within(t), decomposed, c.Key()))
	sub := subscribe(t, c, "s", "general")
	must(t, c.Login(within(t), composed, "pw-"+decomposed)) // the same user's subscriptions go on
	if m := post(t, c, "s", "general", "mine"); m.Author != c.User() || other.User() != composed {
		t.Errorf("%+q posts as %+q", c.User(), m.Author)
	}
	if e := next(t, sub); e.Author != c.User() {
		t.Errorf("%+q is heard as %+q", c.User(), e.Author)
	}
}

// TestHangingProvider checks that pings find out when the provider does not answer any more.
func TestHangingProvider(t *testing.T) {
	p := providertest.Start(t, program)
	heard, o := make(states, 1000), quick()
	o.Status, o.Heartbeat, o.Timeout = heard.hear, time.Millisecond, time.Second
	c := connect(t, p.Addr, o)
	heard.until(t, client.Online)
	p.Pause()
	if status := heard.until(t, client.Offline); !strings.Contains(status.Err.Error(), "no sign of life") {
		t.Errorf("offline because of %v", status.Err)
	}
	p.Resume()
	heard.until(t, client.Online)
	for c.Lag() == 0 {
		must(t, c.Ping(within(t)))
	}
}

// TestKeyOrPassword checks that the client logs in again by key, by password if the key has
// ended, and that it tells when neither is good any more.
func TestKeyOrPassword(t *testing.T) {
	p := providertest.Start(t, program)
	heard, o := make(states, 1000), quick()
	o.Status = heard.hear
	ctx := within(t)
	c := member(t, p.Addr, "alice", "s", o)
	byKey := connect(t, p.Addr, quick())
	must(t, byKey.LoginByKey(ctx, "alice", c.Key()))
	s := subscribe(t, c, "s", "general")
	heard.until(t, client.Online)

	key := c.Key()
	p.Kill()
	p.Restart()
	heard.until(t, client.Online)
	if _, err := c.Servers(ctx); err != nil || c.Key() != key {
		t.Errorf("back with key %q, had %q (%v)", c.Key(), key, err)
	}
	must(t, byKey.Logout(ctx)) // ends the key they share
	c.Reconnect()
	heard.until(t, client.Online)
	if _, err := c.Servers(ctx); err != nil || c.Key() == key {
		t.Errorf("back by password: key changed %v, %v", c.Key() != key, err)
	}
	other := login(t, p.Addr, "alice", quick())
	must(t, other.ChangePassword(ctx, "pw-alice", "new"))
	c.Reconnect()
	if status := heard.until(t, client.Online); client.CodeOf(status.Err) != client.WrongPassword {
		t.Errorf("back with a password that is no more: %+v", status)
	}
	if err := ends(t, s); client.CodeOf(err) != client.WrongPassword {
		t.Errorf("the subscription ended with %v", err)
	}
	if _, err := c.Servers(ctx); client.CodeOf(err) != client.NotLoggedIn || c.User() != "" {
		t.Errorf("calls then: %v as %q", err, c.User())
	}
}

// TestPasswordChangeLost loses the answer to a change of the password; whether
// it was done or not, the client comes back.
func TestPasswordChangeLost(t *testing.T) {
	p := providertest.Start(t, program)
	cut := newCutter(t, p.Addr)
	ctx := within(t)
	c := login(t, cut.addr(), "alice", quick())
	cut.swallow()
	if err := c.ChangePassword(ctx, "pw-alice", "new"); !errors.Is(err, client.ErrUncertain) {
		t.Errorf("the change's answer was lost: %v", err)
	}
	if _, err := c.Servers(ctx); err != nil {
		t.Error(err)
	}
	must(t, connect(t, p.Addr, quick()).Login(ctx, "alice", "new"))
}

// TestAnotherUser checks that the login of another user ends what belonged to the first one.
func TestAnotherUser(t *testing.T) {
	p := providertest.Start(t, program)
	login(t, p.Addr, "bob", quick())
	c := member(t, p.Addr, "alice", "s", quick())
	s := subscribe(t, c, "s", "")
	must(t, c.Login(within(t), "alice", "pw-alice"))
	post(t, c, "s", "general", "still here")
	hear(t, s, "general", 0, "still here")
	must(t, c.Login(within(t), "bob", "pw-bob"))
	if err := ends(t, s); client.CodeOf(err) != client.NotLoggedIn {
		t.Errorf("the first user's subscription: %v", err)
	}
}

// TestTrace checks that Trace gets all that goes over the wire, and no secret.
func TestTrace(t *testing.T) {
	p := providertest.Start(t, program)
	var mu sync.Mutex
	var sent, received bytes.Buffer
	o := quick()
	o.Trace = func(traffic client.Traffic) {
		mu.Lock()
		defer mu.Unlock()
		to := &received
		if traffic.Sent {
			to = &sent
		}
		to.Write(append(traffic.JSON, '\n'))
	}
	c := member(t, p.Addr, "alice", "s", o)
	key := c.Key()
	must(t, c.ChangePassword(within(t), "pw-alice", "planted"))
	post(t, c, "s", "general", "to be seen")
	mu.Lock()
	defer mu.Unlock()
	both := sent.String() + received.String()
	for _, secret := range []string{"pw-alice", "planted", key, c.Key(), `"pw"`} {
		if strings.Contains(both, secret) {
			t.Errorf("the trace shows %q:\n%s", secret, both)
		}
	}
	for text, in := range map[string]string{"to be seen": sent.String(), `"changepasswd"`: sent.String(), `"index":0`: received.String()} {
		if !strings.Contains(in, text) {
			t.Errorf("the trace lacks %s:\n%s", text, both)
		}
	}
}

// TestTLS checks that a client talks to a provider with a certificate that it trusts, and to no
// other.
func TestTLS(t *testing.T) {
	cert, key, roots := providertest.Certificate(t)
	p := providertest.Start(t, program, "--tlscert", cert, "--tlskey", key)
	o := quick()
	o.TLS = &tls.Config{RootCAs: roots}
	member(t, p.Addr, "alice", "s", o)
	o.TLS = &tls.Config{}
	if _, err := client.Dial(within(t), p.Addr, o); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
	o.TLS, o.DialTimeout = nil, 5*time.Second
	if _, err := client.Dial(within(t), p.Addr, o); err == nil {
		t.Error("a plain connection to a TLS port was made")
	}
}

// TestKeyIsRenewed checks that the key is used from time to time, so that it is good for a login
// after a lost connection even if the client was connected for hours.
func TestKeyIsRenewed(t *testing.T) {
	p := providertest.Start(t, program)
	o := quick()
	o.Heartbeat = time.Millisecond
	c := member(t, p.Addr, "alice", "s", o)
	s := subscribe(t, c, "s", "general")
	client.AgeKey(c, time.Hour)
	for deadline := time.Now().Add(patience); client.KeyAge(c) > 30*time.Minute; {
		if time.Now().After(deadline) {
			t.Fatal("the key was not used")
		}
		must(t, c.Ping(within(t)))
	}
	post(t, c, "s", "general", "still subscribed")
	hear(t, s, "general", 0, "still subscribed")
}

// TestKeyDeniedAtRenewal ends the key of a client that has no password: after a lost connection
// nobody is logged in, and the status says why.
func TestKeyDeniedAtRenewal(t *testing.T) {
	p := providertest.Start(t, program)
	heard, o := make(states, 1000), quick()
	o.Status, o.Heartbeat = heard.hear, time.Millisecond
	owner := login(t, p.Addr, "alice", quick())
	c := connect(t, p.Addr, o)
	heard.until(t, client.Online)
	must(t, c.LoginByKey(within(t), "alice", owner.Key()))
	must(t, owner.ChangePassword(within(t), "pw-alice", "new"))
	client.AgeKey(c, time.Hour)
	for deadline := time.Now().Add(patience); c.Key() != "" && client.KeyAge(c) > 30*time.Minute; {
		if time.Now().After(deadline) {
			t.Fatal("the key was not used")
		}
		must(t, c.Ping(within(t)))
	}
	c.Reconnect()
	heard.until(t, client.Connecting)
	if status := <-heard; status.State != client.Online || client.CodeOf(status.Err) != client.WrongKey {
		t.Errorf("came back with %+v", status)
	}
}

// TestLogoutWhoseAnswerIsLost logs out once more on the next connection, where the key is no good any
// more and nobody is logged in. That is what was wanted.
func TestLogoutWhoseAnswerIsLost(t *testing.T) {
	f := newFake(t, func(a *asked) bool {
		switch {
		case a.call() == "login":
			a.yes(`"key":"k"`)
		case a.call() == "logout" && a.n == 1:
			_ = a.conn.Close()
		case a.call() == "logout":
			a.say(`{"resp":false,"reason":"not logged in","code":"not_logged_in","id":%v}`, a.values["id"])
		case a.n > 1 && a.values["key"] != nil:
			a.say(`{"resp":false,"reason":"key is incorrect","code":"wrong_key","id":%v}`, a.values["id"])
		default:
			return false
		}
		return true
	})
	c := connect(t, f.addr(), quick())
	must(t, c.Login(within(t), "a", "pw"))
	must(t, c.Logout(within(t)))
	if c.User() != "" || c.Key() != "" {
		t.Errorf("%q is still logged in with key %q", c.User(), c.Key())
	}
}

// TestPausesGrow checks that the pauses between attempts grow, and differ from client to client. After
// a reconnect that the client itself wanted they are short again.
func TestPausesGrow(t *testing.T) {
	p := providertest.Start(t, program)
	const first, most = time.Millisecond, 64 * time.Millisecond
	var all [2][]time.Duration
	var clients [2]*client.Client
	heard := [2]states{make(states, 1000), make(states, 1000)}
	for i := range heard {
		clients[i] = connect(t, p.Addr, client.Options{MinDelay: first, MaxDelay: most, Status: heard[i].hear})
	}
	p.Stop()
	for i := range heard {
		for range 10 {
			all[i] = append(all[i], heard[i].until(t, client.Offline).Pause)
		}
		if all[i][0] > 2*first || all[i][9] < 4*first || slices.Max(all[i]) > most*3/2 {
			t.Errorf("pauses %v", all[i])
		}
	}
	if slices.Equal(all[0], all[1]) {
		t.Errorf("both clients paused %v", all[0])
	}
	p.Start()
	for i := range heard {
		heard[i].until(t, client.Online)
		clients[i].Reconnect()
		heard[i].until(t, client.Online)
	}
	p.Stop()
	for i := range heard {
		if again := heard[i].until(t, client.Offline).Pause; again > 2*first {
			t.Errorf("the first pause is %v now", again)
		}
	}
}
