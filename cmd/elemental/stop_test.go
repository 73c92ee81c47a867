package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"elemental/cmd/elemental/providertest"
)

// TestStopUnderLoad stops the provider while clients post: it ends without waiting for any
// of its time limits, well, and everything acknowledged is there afterwards.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := startProvider(t, "--answertimeout", "1h", "--writetimeout", "1h", "--requesttimeout", "1h")
			p.join("writer0").makeServer("gophers")
			acked := p.loadUntil(t, sig)
			p.Start()
			found := p.history("writer0", "gophers", "general")
			for _, text := range acked {
				if !slices.Contains(found, text) {
					t.Errorf("%q was acknowledged and is gone", text)
				}
			}
		})
	}
}

// loadUntil posts, signals, and gives what was acknowledged.
func (p *provider) loadUntil(t *testing.T, sig syscall.Signal) []string {
	t.Helper()
	var (
		mu      sync.Mutex
		acked   []string
		running sync.WaitGroup
		enough  = make(chan struct{})
	)
	const writers = 4
	for w := range writers {
		c := p.join(fmt.Sprintf("writer%d", w))
		c.joinServer("gophers")
		running.Go(func() {
			for n := 0; ; n++ {
				text := fmt.Sprintf("%d/%d", w, n)
				c.send(request("message", "servername", "gophers", "channel", "general", "msg", text))
				raw, open := c.next()
				if !open {
					return
				}
				if !strings.HasPrefix(string(raw), `{"resp":true`) {
					continue // busy, or stopping
				}
				mu.Lock()
				if acked = append(acked, text); len(acked) == 100 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	p.Signal(sig)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d after %v\n%s", code, sig, p.Stderr.Text())
	}
	running.Wait()
	return acked
}

// TestHangup: it stops when the terminal is closed from which it was started, but not under nohup.
func TestHangup(t *testing.T) {
	p := startProvider(t)
	p.Signal(syscall.SIGHUP)
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
	p.Wrapper = []string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}
	p.Start()
	p.Signal(syscall.SIGHUP)
	p.join("alice")
	p.Stop()
	if strings.Contains(p.Stderr.Text(), "hangup") {
		t.Errorf("under nohup:\n%s", p.Stderr.Text())
	}
}

// TestStopWithIdleAndStalledConnections has nobody hold up the stop.
func TestStopWithIdleAndStalledConnections(t *testing.T) {
	p := startProvider(t)
	alice := p.join("alice")
	idle, half := p.dial(), p.dial()
	half.send(`{"call":"pi`)
	alice.must("ping")
	p.Stop()
	idle.hungUp()
	half.hungUp()
	if conn, err := net.Dial("tcp", p.Addr); err == nil {
		_ = conn.Close()
		t.Error("it still accepts connections")
	}
}

// stall has a client that never takes its answers, so that a clean stop waits for it.
func (p *provider) stall() {
	p.t.Helper()
	alice := p.join("alice")
	alice.makeServer("gophers")
	for range 100 {
		alice.post("gophers", "general", strings.Repeat("x", 16<<10))
	}
	stalled := p.joinUnread("stalled", "gophers")
	ask := request("getmessages", "servername", "gophers", "channel", "general", "begin", 0, "end", 100)
	for range 20 {
		if _, err := stalled.Write([]byte(ask)); err != nil {
			p.t.Fatal(err)
		}
	}
	alice.must("ping")
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := startProvider(t, "--stoptimeout", "1h", "--writetimeout", "1h")
	p.stall()
	p.Signal(syscall.SIGTERM)
	p.WaitLog("the log of the first signal", func(line string) bool {
		return strings.Contains(line, "stopping")
	})
	begun := time.Now()
	for p.Running() { // the ones that come close after the first do not count
		if err := p.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		if time.Since(begun) > 30*time.Second { // and not an hour
			t.Fatal("the second signal does not end it")
		}
		time.Sleep(10 * time.Millisecond) // a pace for asking
	}
	if code := p.Wait(); code != 1 || !strings.Contains(p.Stderr.Text(), "at once") {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
}

// TestTwoSignalsTogetherAreOne wish to stop, as systemd and timeout send them.
func TestTwoSignalsTogetherAreOne(t *testing.T) {
	p := startProvider(t, "--stoptimeout", "1s", "--writetimeout", "1h")
	p.stall()
	p.Pause() // so that both are there when it goes on
	p.Signal(syscall.SIGTERM)
	p.Signal(syscall.SIGINT)
	p.Resume()
	p.Wait()
	if said := p.Stderr.Text(); strings.Contains(said, "at once") || !strings.Contains(said, "stopping took longer than 1s") {
		t.Errorf("it did not stop in order:\n%s", said)
	}
}

// TestStopIsGivenUp after --stoptimeout, with exit code 1 and a word about it.
// Nothing is lost by that.
func TestStopIsGivenUp(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "--stoptimeout", "1s", "--writetimeout", "1h")
	p.stall()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 1 || !strings.Contains(p.Stderr.Text(), "elemental: stopping took longer than 1s") {
		t.Errorf("exit code %d\n%s", code, p.Stderr.Text())
	}
	if said := p.Stderr.Text(); !strings.Contains(said, "clients are cut off") {
		t.Errorf("it does not say who held it up:\n%s", said)
	}
	p.Start()
	if got := p.history("alice", "gophers", "general"); len(got) != 100 {
		t.Errorf("%d messages stand after a stop that was given up", len(got))
	}
}

// TestACrashIsNoMistake: who starts the provider again unless its options are wrong, as the unit in
// the manual has systemd do it, starts it again after a crash.
func TestACrashIsNoMistake(t *testing.T) {
	p := startProvider(t)
	p.Signal(syscall.SIGABRT) // the Go runtime ends it as it does after a panic or without memory
	if code := p.Wait(); code == 0 || code == exitUsage {
		t.Errorf("a crash has the exit code %d, a mistake in the options %d", code, exitUsage)
	}
	p.Stderr = providertest.NewLines() // it is no clean log, and is not held against the program
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{fmt.Sprintf("RestartPreventExitStatus=%d\n", exitUsage), fmt.Sprintf("\n| %d | a mistake in the options", exitUsage)} {
		if !strings.Contains(string(manual), line) {
			t.Errorf("the manual does not say %q", line)
		}
	}
}

// TestRestart asks the same questions before and after a restart.
func TestRestart(t *testing.T) {
	for name, end := range map[string]func(*provider){
		"stopped": (*provider).Stop,
		"killed":  (*provider).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProvider(t)
			w := makeWorld(p)
			before := w.ask(p)
			for round := range 2 { // the second starts from what the first start wrote
				end(p)
				p.Start()
				after := w.ask(p)
				compareAnswers(t, round, before, after)
			}
			w.checkGoesOn(p)
		})
	}
}

func compareAnswers(t *testing.T, round int, before, after map[string]object) {
	t.Helper()
	for question, answer := range before {
		if !reflect.DeepEqual(answer, after[question]) {
			t.Errorf("restart %d: %s\nbefore %v\n after %v", round, question, answer, after[question])
		}
	}
}

// world is what makeWorld leaves to be found again.
type world struct {
	key   string
	first object // answer to the post with the nonce
}

func makeWorld(p *provider) *world {
	p.t.Helper()
	alice, bob := p.join("alice"), p.join("bob")
	alice.makeServer("gophers")
	alice.makeServer("gone")
	bob.makeServer("bobs")
	bob.joinServer("gophers")
	bob.joinServer("gone")
	bob.must("leaveserver", "servername", "bobs")
	alice.must("deleteserver", "servername", "gone", "serverpasswd", passwordOf("gone"))
	alice.must("createchannel", "servername", "gophers", "name", "tea")
	alice.must("createchannel", "servername", "gophers", "name", "../hostile")
	alice.must("deletechannel", "servername", "gophers", "name", "general")
	alice.must("setserverimage", "servername", "gophers", "img", "aGVsbG8=")
	for _, text := range []string{"one", "zwei ü", "three 😀"} {
		alice.post("gophers", "tea", text)
		bob.post("gophers", "../hostile", text)
	}
	first := bob.must("message", "servername", "gophers", "channel", "tea", "msg", "once", "nonce", "n-1")
	bob.must("changepasswd", "passwd", passwordOf("bob"), "newpasswd", "fresh")
	key, _ := alice.must("login", "usernm", "alice", "passwd", passwordOf("alice"))["key"].(string)
	return &world{key: key, first: first}
}

// ask gives the answers that a restart must not change.
func (w *world) ask(p *provider) map[string]object {
	p.t.Helper()
	alice, bob := p.dial(), p.dial()
	answers := map[string]object{
		"alice's key":        alice.must("login", "usernm", "alice", "key", w.key),
		"bob's old password": bob.call("login", "usernm", "bob", "passwd", passwordOf("bob")),
		"bob again":          bob.call("register", "usernm", "bob", "passwd", "x"),
		"nobody":             bob.call("login", "usernm", "nobody", "passwd", "x"),
	}
	bob.must("login", "usernm", "bob", "passwd", "fresh")
	for name, c := range map[string]*client{"alice": alice, "bob": bob} {
		ask := func(call string, pairs ...any) {
			answers[name+" "+request(call, pairs...)] = c.call(call, pairs...)
		}
		ask("getjoinedservers")
		for _, server := range []string{"gophers", "gone", "bobs"} {
			ask("getserverchannels", "servername", server)
			ask("getservermembers", "servername", server)
			ask("getserverimage", "servername", server)
			ask("joinserver", "servername", server, "serverpasswd", "wrong")
		}
		ask("createserver", "servername", "gophers", "serverpasswd", "x")
		for _, channel := range []string{"general", "tea", "../hostile"} {
			ask("gettotalmessages", "servername", "gophers", "channel", channel)
			ask("getmessages", "servername", "gophers", "channel", channel, "begin", 0, "end", 3)
			ask("getlatestmessages", "servername", "gophers", "channel", channel, "count", 10)
			ask("deletechannel", "servername", "gophers", "name", "nothing")
		}
	}
	answers["bob's nonce"] = bob.call("message", "servername", "gophers", "channel", "tea", "msg", "once", "nonce", "n-1")
	return answers
}

// checkGoesOn looks at what a question alone does not show.
func (w *world) checkGoesOn(p *provider) {
	p.t.Helper()
	alice := p.join("alice")
	again := p.join("bob2")
	if again.must("getjoinedservers")["servers"] == nil {
		p.t.Error("a new user cannot be made after the restart")
	}
	next := alice.post("gophers", "tea", "after")
	if next["index"] != w.first["index"].(float64)+1 {
		p.t.Errorf("the post after the restart has index %v, the last before it %v", next["index"], w.first["index"])
	}
	if next["timestamp"].(float64) <= w.first["timestamp"].(float64) {
		p.t.Errorf("timestamps went back: %v after %v", next["timestamp"], w.first["timestamp"])
	}
}
