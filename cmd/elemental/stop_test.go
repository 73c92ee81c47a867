package main

import (
	"errors"
	"fmt"
	"net"
	"os"
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
