package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestCrowd has two hundred clients post into one channel at once. Every
// reader sees the same history, without a gap, in the order of the indexes
// that the posters were told.
func TestCrowd(t *testing.T) {
	const clients, posts = 200, 5
	p := startProvider(t)
	p.join("user0").makeServer("gophers")
	var (
		mu   sync.Mutex
		told = make([]string, clients*posts)
		all  sync.WaitGroup
	)
	crowd := make([]*client, clients)
	for i := range crowd {
		crowd[i] = p.join(fmt.Sprintf("user%d", i))
		crowd[i].joinServer("gophers")
	}
	for i, c := range crowd {
		all.Go(func() {
			for n := range posts {
				text := fmt.Sprintf("%d/%d", i, n)
				answer := c.call("message", "servername", "gophers", "channel", "general", "msg", text)
				index, ok := answer["index"].(float64)
				if !ok || int(index) >= len(told) {
					t.Errorf("%s: %v", text, answer)
					return
				}
				mu.Lock()
				told[int(index)] += text
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, user := range []string{"user0", "user7", "user199"} {
		if got := p.history(user, "gophers", "general"); !slices.Equal(got, told) {
			t.Errorf("%s reads another history than the posters were told\n got %v\nwant %v", user, got, told)
		}
	}
}

// TestPushOrder has several clients post while others listen: each listener
// hears every message of the others once, in index order.
func TestPushOrder(t *testing.T) {
	const posters, listeners, posts = 8, 8, 40
	p := startProvider(t)
	p.join("poster0").makeServer("gophers")
	hearing := make([]*client, listeners)
	for i := range hearing {
		hearing[i] = p.join(fmt.Sprintf("listener%d", i))
		hearing[i].joinServer("gophers")
		hearing[i].must("subscribe", "servername", "gophers", "channel", "general")
	}
	var all sync.WaitGroup
	for i := range posters {
		c := p.join(fmt.Sprintf("poster%d", i))
		c.joinServer("gophers")
		all.Go(func() {
			for n := range posts {
				c.call("message", "servername", "gophers", "channel", "general", "msg", fmt.Sprintf("%d/%d", i, n))
			}
		})
	}
	all.Wait()
	history := p.history("poster0", "gophers", "general")
	for i, c := range hearing {
		for index, text := range history {
			event := c.event()
			if event["index"] != float64(index) || event["message"] != text {
				t.Fatalf("listener%d heard %v where %d %q was due", i, event, index, text)
			}
		}
	}
}

// TestSlowReader lets one subscriber stop reading. It is disconnected; the
// others hear everything and post on.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "--maxmessage", "100KiB")
	alice := p.join("alice")
	alice.makeServer("gophers")
	bob := p.join("bob")
	bob.joinServer("gophers")
	bob.must("subscribe", "servername", "gophers", "channel", "general")
	slow := p.joinUnread("slow", "gophers")

	text := strings.Repeat("x", 100_000)
	posted := 0
	for alice.online("gophers", "slow") {
		alice.post("gophers", "general", text)
		if event := bob.event(); event["index"] != float64(posted) {
			t.Fatalf("bob heard index %v where %d was due", event["index"], posted)
		}
		if posted++; posted > 2000 {
			t.Fatal("the slow reader is never disconnected")
		}
	}
	drainUntilClosed(t, slow)
	if total := bob.must("gettotalmessages", "servername", "gophers", "channel", "general")["amount"]; total != float64(posted) {
		t.Errorf("%v messages stand, %d were acknowledged", total, posted)
	}
}

// online tells whether a member is logged in anywhere.
func (c *client) online(server, user string) bool {
	c.t.Helper()
	for _, member := range c.must("getservermembers", "servername", server)["members"].([]any) {
		if m := member.(map[string]any); m["usernm"] == user {
			return m["online"].(bool)
		}
	}
	c.t.Fatalf("%s is no member of %s", user, server)
	return false
}

// joinUnread is a member and subscriber whose connection nobody reads after that.
func (p *provider) joinUnread(user, server string) net.Conn {
	p.t.Helper()
	first := p.join(user)
	first.joinServer(server)
	first.must("logout")
	first.close()
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	for _, text := range []string{
		request("login", "usernm", user, "passwd", passwordOf(user)),
		request("subscribe", "servername", server, "channel", "general"),
	} {
		if _, err := conn.Write([]byte(text)); err != nil {
			p.t.Fatal(err)
		}
		answer := make([]byte, 4096)
		if n, err := conn.Read(answer); err != nil || !strings.Contains(string(answer[:n]), `"resp":true`) {
			p.t.Fatalf("%s: %s %v", text, answer[:n], err)
		}
	}
	return conn
}
